"""What a run is to reach: each target with what was measured, and whether that is enough."""

from __future__ import annotations

from dataclasses import dataclass

from .figures import table


@dataclass(frozen=True, slots=True)
class Target:
    """One of them."""

    name: str
    measured: float
    bound: float
    is_minimum: bool
    """Whether the bound is the least that is asked for, and not the most that is allowed."""

    @property
    def is_met(self) -> bool:
        """Whether what was measured is enough."""
        return self.measured >= self.bound if self.is_minimum else self.measured <= self.bound


class Targets:
    """All targets that were measured against, in their order."""

    def __init__(self) -> None:
        self.results: list[Target] = []

    def at_most(self, what: str, measured: float, bound: float) -> None:
        """What was measured is to be no more than `bound`."""
        self.results.append(Target(what, measured, bound, is_minimum=False))

    def at_least(self, what: str, measured: float, bound: float) -> None:
        """What was measured is to be no less than `bound`."""
        self.results.append(Target(what, measured, bound, is_minimum=True))

    def report(self) -> str:
        """A table with a verdict for each, and one for all."""
        rows = [
            (
                each.name,
                f"{each.measured:.3g}",
                f"{'≥' if each.is_minimum else '≤'} {each.bound:g}",
                "met" if each.is_met else "MISSED",
            )
            for each in self.results
        ]
        met = sum(each.is_met for each in self.results)
        return f"{table(('what', 'measured', 'target', 'verdict'), rows)}\n\n{met} of {len(rows)} targets are met."
