"""Performance targets: measured values, bounds, and whether they are met."""

from __future__ import annotations

from dataclasses import dataclass

from .stats import table


@dataclass(frozen=True, slots=True)
class Target:
    """One target."""

    name: str
    measured: float
    bound: float
    is_minimum: bool
    """Whether the bound is a minimum instead of a maximum."""

    @property
    def is_met(self) -> bool:
        """Whether the measured value satisfies the bound."""
        return self.measured >= self.bound if self.is_minimum else self.measured <= self.bound


class Targets:
    """All measured targets, in order."""

    def __init__(self) -> None:
        self.results: list[Target] = []

    def at_most(self, name: str, measured: float, bound: float) -> None:
        """Record a value that must not exceed `bound`."""
        self.results.append(Target(name, measured, bound, is_minimum=False))

    def at_least(self, name: str, measured: float, bound: float) -> None:
        """Record a value that must reach `bound`."""
        self.results.append(Target(name, measured, bound, is_minimum=True))

    def report(self) -> str:
        """Return a table with the verdict of each target, and the total."""
        rows = [
            (
                result.name,
                f"{result.measured:.3g}",
                f"{'≥' if result.is_minimum else '≤'} {result.bound:g}",
                "met" if result.is_met else "MISSED",
            )
            for result in self.results
        ]
        met = sum(result.is_met for result in self.results)
        return (
            f"{table(('target', 'measured', 'bound', 'verdict'), rows)}\n\n{met} of {len(rows)} targets are met."
        )
