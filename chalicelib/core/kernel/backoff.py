"""Delays between the attempts at an operation: exponential backoff with full jitter, and a deadline.

Full jitter means that a delay is random between zero and a bound that doubles with every attempt, so that writers
that collided once do not collide again (AWS Architecture Blog, "Exponential Backoff And Jitter").
"""

from __future__ import annotations

import random
from collections.abc import Callable

from chalicelib.core.kernel.clock import Clock


def random_delay(low: float, high: float) -> float:
    """Return a random number of seconds between two bounds."""
    return random.uniform(low, high)  # noqa: S311 — jitter


def retry_after(shortest: float = 1.0) -> float:
    """Return the `retry_after` of an answer: random from `shortest` seconds (at least 1) to twice that plus one.

    Clients whose requests failed together would otherwise return together, and fail again.
    """
    shortest = max(shortest, 1.0)
    return round(random_delay(shortest, 2 * shortest + 1), 3)


def full_jitter(attempt: int, *, base: float, cap: float) -> float:
    """Return the delay in seconds after a failed attempt (the first one is 0), at most `cap`."""
    return random_delay(0, min(base * 2**attempt, cap))


class Backoff:
    """The delays of one operation, up to a deadline."""

    def __init__(
        self, clock: Clock, *, base: float, cap: float, timeout: float, timed_out: Callable[[], Exception]
    ) -> None:
        """`base`, `cap` and `timeout` are in seconds. `timed_out` creates the error to raise at the deadline."""
        self._clock = clock
        self._base = base
        self._cap = cap
        self._deadline = clock.monotonic() + timeout
        self._timed_out = timed_out
        self._attempts = 0

    def wait(self) -> None:
        """Sleep before the next attempt. Raises the error of `timed_out` instead when the deadline has passed."""
        self.raise_if_expired()
        self._clock.sleep(full_jitter(self._attempts, base=self._base, cap=self._cap))
        self._attempts += 1

    def raise_if_expired(self) -> None:
        """Raise the error of `timed_out` when the deadline has passed."""
        if self.expired:
            raise self._timed_out()

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self._clock.monotonic() >= self._deadline
