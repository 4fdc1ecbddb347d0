"""Simulated time: many activities wait for each other and for latencies, and computing takes no time.

An activity is a thread; exactly one runs at any time, until it sleeps. Then the activity with the earliest
wake-up time continues, and time jumps to it. So waiting takes no real time, computing takes no *simulated* time,
and the same seeds give the same run on any machine. The results reflect a design's round trips and conflicts,
independent of the machine.

Locks of the code under test are harmless if no activity sleeps while holding one.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

EPOCH = 1_800_000_000.0
"""The start of simulated time, in Unix time."""


class Deadlock(Exception):
    """An activity waits, but none will ever wake up."""


class _Activity:
    """One thread of the simulation."""

    def __init__(self) -> None:
        # Locked from the start: its activity waits until another one hands over.
        self.turn = threading.Lock()
        self.turn.acquire()


class Simulation:
    """A clock for the layers and the core (`now`, `monotonic`, `sleep`), and a `Gather` that runs on it."""

    def __init__(self) -> None:
        self._now = EPOCH
        self._order = itertools.count()
        self._queue: list[tuple[float, int, _Activity]] = []
        self._local = threading.local()

    # ---- time ------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Return the Unix time."""
        return self._now

    def monotonic(self) -> float:
        """Return the same as `now`: simulated time never decreases."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let other activities run until `seconds` have passed."""
        current = self._current()
        self._wake(current, max(seconds, 0.0))
        self._hand_over(current)

    # ---- activities ------------------------------------------------------------------------------------

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run concurrent activities to completion, from outside the simulation."""
        self._local.activity = _Activity()
        try:
            return self.gather(*calls)
        finally:
            del self._local.activity

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

        def activity(index: int, own: _Activity) -> None:
            self._local.activity = own
            own.turn.acquire()
            run_call(index)
            if left == 0 and waiting:
                self._wake(current, 0.0)
            self._next().turn.release()

        for index in range(len(calls) - 1):
            created = _Activity()
            self._wake(created, 0.0)
            threading.Thread(target=activity, args=(index, created), daemon=True).start()
        if calls:
            run_call(len(calls) - 1)
        if left:
            waiting = True
            self._hand_over(current)
        _raise_first(errors)
        return outcomes

    def _current(self) -> _Activity:
        activity: _Activity | None = getattr(self._local, "activity", None)
        if activity is None:
            raise Deadlock("only an activity of the simulation can wait in it")
        return activity

    def _wake(self, activity: _Activity, after: float) -> None:
        heapq.heappush(self._queue, (self._now + after, next(self._order), activity))

    def _next(self) -> _Activity:
        if not self._queue:
            raise Deadlock("all activities wait for each other")
        self._now, _, activity = heapq.heappop(self._queue)
        return activity

    def _hand_over(self, current: _Activity) -> None:
        chosen = self._next()
        if chosen is not current:
            chosen.turn.release()
            current.turn.acquire()


def _raise_first(errors: Sequence[BaseException | None]) -> None:
    for error in errors:
        if error is not None:
            raise error
