"""Time as something that is handed in: the real clock, and one that moves only when told to."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the layers need of time, in seconds."""

    def now(self) -> float:
        """The time at present; only differences count."""

    def sleep(self, seconds: float) -> None:
        """Let this much time pass."""


class MonotonicClock:
    """Real time, immune to changes of the wall clock."""

    def now(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)


class VirtualClock:
    """Time that stands still until somebody sleeps: a sleep returns at once and moves it on.

    Safe to share between threads. It starts at ``start`` (seconds since the epoch by default some time in
    2027, so that it can also serve as wall time for expiry dates).
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """The start plus everything slept since."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Move time on by ``seconds``; ValueError if that would turn it back."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards (asked to sleep {seconds} s)")
        with self._lock:
            self._now += seconds
