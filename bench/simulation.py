"""Simulated time: many activities wait for each other and for latencies, and computing takes no time.

An activity is a greenlet; exactly one runs at any time, until it sleeps. Then the activity with the earliest
wake-up time continues, and time jumps to it. So waiting takes no real time, computing takes no *simulated* time,
and the same seeds give the same run on any machine. The results reflect a design's round trips and conflicts,
independent of the machine.

Locks of the code under test are harmless if no activity sleeps while holding one.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from greenlet import getcurrent, greenlet

EPOCH = 1_800_000_000.0
"""The start of simulated time, in Unix time."""


class Deadlock(Exception):
    """An activity waits, but none will ever wake up."""


class Simulation:
    """A clock for the layers and the core (`now`, `monotonic`, `sleep`), and a `Gather` that runs on it."""

    def __init__(self) -> None:
        self._now = EPOCH
        self._order = itertools.count()
        self._queue: list[tuple[float, int, greenlet]] = []
        self._outside: greenlet | None = None
        """The caller of `run`; every activity switches to it to wait, and ends in it."""

    # ---- time ------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Return the Unix time."""
        return self._now

    def monotonic(self) -> float:
        """Return the same as `now`: simulated time never decreases."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let other activities run until `seconds` have passed."""
        self._wake(self._current(), max(seconds, 0.0))
        self._wait()

    # ---- activities ------------------------------------------------------------------------------------

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run concurrent activities to completion, from outside the simulation."""
        found: list[list[Any]] = []
        self._outside = getcurrent()
        try:
            self._wake(greenlet(lambda: found.append(self.gather(*calls))), 0.0)
            while not found:
                self._next().switch()
        finally:
            self._outside = None
        return found[0]

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run calls concurrently and return their results; raise the first error after all have ended."""
        current = self._current()
        outcomes: list[Any] = [None] * len(calls)
        errors: list[BaseException | None] = [None] * len(calls)
        left = len(calls)
        waiting = False

        def run_call(index: int) -> None:
            nonlocal left
            try:
                outcomes[index] = calls[index]()
            except BaseException as error:  # noqa: BLE001 — raised by gather
                errors[index] = error
            left -= 1

        def activity(index: int) -> None:
            run_call(index)
            if left == 0 and waiting:
                self._wake(current, 0.0)

        for index in range(len(calls) - 1):
            self._wake(greenlet(partial(activity, index), self._outside), 0.0)
        if calls:
            run_call(len(calls) - 1)
        if left:
            waiting = True
            self._wait()
        _raise_first(errors)
        return outcomes

    def _current(self) -> greenlet:
        current = getcurrent()
        if self._outside is None or current.parent is not self._outside:
            raise Deadlock("only an activity of the simulation can wait in it")
        return current

    def _wake(self, activity: greenlet, after: float) -> None:
        heapq.heappush(self._queue, (self._now + after, next(self._order), activity))

    def _next(self) -> greenlet:
        if not self._queue:
            raise Deadlock("all activities wait for each other")
        self._now, _, activity = heapq.heappop(self._queue)
        return activity

    def _wait(self) -> None:
        if self._outside is not None:
            self._outside.switch()


def _raise_first(errors: Sequence[BaseException | None]) -> None:
    for error in errors:
        if error is not None:
            raise error
