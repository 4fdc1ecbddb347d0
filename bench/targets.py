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

    def __str__(self) -> str:
        return f"{self.name}: {self.measured:.5g}, not {'≥' if self.is_minimum else '≤'} {self.bound:g}"


class Targets:
    """All measured targets, in order."""

    def __init__(self) -> None:
        self.results: list[Target] = []
        self.unmeasured: list[str] = []
        """Benchmarks with targets for which this machine lacks a program."""

    @property
    def missed(self) -> list[Target]:
        """The targets that are not met."""
        return [result for result in self.results if not result.is_met]

    def at_most(self, name: str, measured: float, bound: float) -> None:
        """Record a value that must not exceed `bound`."""
        self.results.append(Target(name, measured, bound, is_minimum=False))

    def at_least(self, name: str, measured: float, bound: float) -> None:
        """Record a value that must reach `bound`."""
        self.results.append(Target(name, measured, bound, is_minimum=True))

    def leave_out(self, name: str) -> None:
        """Record that the targets of a benchmark were not measured."""
        self.unmeasured.append(name)

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
        ] + [(name, "", "", "NOT MEASURED") for name in self.unmeasured]
        met = len(self.results) - len(self.missed)
        total = f"{met} of {len(self.results)} targets are met."
        return f"{table(('target', 'measured', 'bound', 'verdict'), rows)}\n\n{total}"
