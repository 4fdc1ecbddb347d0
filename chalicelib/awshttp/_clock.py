"""Time, as this package needs it: handed in, so that tests decide about it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """A wall clock and a monotonic clock."""

    def now(self) -> float:
        """Return seconds since the epoch: the time in signatures, and the age of idle connections."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never decrease, for deadlines."""
        ...
