"""Injectable time: the real clock, and a virtual one that only ``sleep`` advances."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """The clock that the layers need, in seconds."""

    def now(self) -> float:
        """Return the current time; only differences are meaningful."""

    def sleep(self, seconds: float) -> None:
        """Wait for this duration."""


class MonotonicClock:
    """Real time, unaffected by changes of the wall clock."""

    def now(self) -> float:
        """Return the seconds since an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)


class VirtualClock:
    """A clock that only ``sleep`` advances; a sleep returns immediately. Thread-safe.

    The default ``start`` is a Unix time in 2027, so that it also works as wall time for expiry dates.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the start time plus all sleeps."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Advance the time. Raises ValueError if ``seconds`` is negative."""
        if seconds < 0:
            raise ValueError(f"cannot sleep a negative time ({seconds} s)")
        with self._lock:
            self._now += seconds
