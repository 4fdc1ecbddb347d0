"""Time as the core sees it: handed in, never read from the machine directly."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the core needs of time."""

    def now(self) -> float:
        """Seconds since the epoch. Clocks of different machines differ; it orders nothing."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever rise, for deadlines within one invocation."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def milliseconds(clock: Clock) -> int:
    """Now, in whole milliseconds since the epoch, as times are stored."""
    return int(clock.now() * 1000)


def rfc3339(milliseconds_since_epoch: int) -> str:
    """A stored time as it stands on the wire: UTC with milliseconds and `Z` (RFC 3339)."""
    seconds, rest = divmod(milliseconds_since_epoch, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def from_rfc3339(text: str) -> float:
    """Seconds since the epoch, of a time as `rfc3339` writes it."""
    return datetime.fromisoformat(text).timestamp()
