"""The clock, which is injected: the core never reads the machine's time directly."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The operations on time that the core needs."""

    def now(self) -> float:
        """Return the seconds since the epoch. Clocks of machines differ, so this never orders events."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never decrease, for deadlines within one invocation."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never decrease, since an undefined point."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)


def milliseconds(clock: Clock) -> int:
    """Return the time in milliseconds since the epoch, the form in which times are stored."""
    return int(clock.now() * 1000)


def rfc3339(milliseconds_since_epoch: int) -> str:
    """Return a time as clients receive it: UTC with milliseconds and `Z` (RFC 3339)."""
    seconds, rest = divmod(milliseconds_since_epoch, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def from_rfc3339(text: str) -> float:
    """Return the seconds since the epoch of a time that `rfc3339` wrote."""
    return datetime.fromisoformat(text).timestamp()
