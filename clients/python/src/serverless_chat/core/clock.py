"""Time that never runs backwards, from a wall clock that may."""

from __future__ import annotations


class Clock:
    """Counts the seconds by which the wall clock advances; a jump back counts as none."""

    def __init__(self) -> None:
        self._time = 0.0
        self._last: float | None = None

    def at(self, wall_time: float) -> float:
        """Return the time of the core at a wall-clock time."""
        if self._last is not None:
            self._time += max(0.0, wall_time - self._last)
        self._last = wall_time
        return self._time
