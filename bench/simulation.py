"""Simulated time: many activities wait for each other and for latencies, and the processor costs nothing.

An activity is a thread, of which exactly one runs at any moment. It runs until it sleeps; then whoever
wakes next goes on, and time jumps to that moment. So an hour of waiting takes no time, what is computed
takes no *simulated* time, and the same seeds give the same run on a fast machine and on a busy one. What is
measured in it is what the design costs in round trips and collisions, and nothing of the machine.

Locks of the code under test are harmless as long as nobody sleeps while holding one.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

EPOCH = 1_800_000_000.0
"""Where simulated time begins, in seconds since 1970."""


class Deadlock(Exception):
    """Nobody will ever wake up again, but somebody still waits."""


class _Activity:
    """One thread of the simulation."""

    def __init__(self) -> None:
        # Taken from the start: whoever acquires it waits until somebody hands over.
        self.turn = threading.Lock()
        self.turn.acquire()


class Simulation:
    """A clock for the layers and for the core (`now`, `monotonic`, `sleep`), and a `Gather` that runs on it."""

    def __init__(self) -> None:
        self._now = EPOCH
        self._order = itertools.count()
        self._queue: list[tuple[float, int, _Activity]] = []
        self._local = threading.local()

    # ---- time ------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """The same: simulated time only ever rises."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let others go on until `seconds` have passed."""
        me = self._current()
        self._wake(me, max(seconds, 0.0))
        self._hand_over(me)

    # ---- activities ------------------------------------------------------------------------------------

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run activities beside each other to their ends, from outside of the simulation."""
        self._local.activity = _Activity()
        try:
            return self.gather(*calls)
        finally:
            del self._local.activity

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """The results of all calls, made beside each other; raises the first error when all have ended."""
        me = self._current()
        outcomes: list[Any] = [None] * len(calls)
        errors: list[BaseException | None] = [None] * len(calls)
        left = len(calls)
        waiting = False

        def carry_out(index: int) -> None:
            nonlocal left
            try:
                outcomes[index] = calls[index]()
            except BaseException as error:  # noqa: BLE001 — carried over to whoever gathers
                errors[index] = error
            left -= 1

        def activity(index: int, mine: _Activity) -> None:
            self._local.activity = mine
            mine.turn.acquire()
            carry_out(index)
            if left == 0 and waiting:
                self._wake(me, 0.0)
            self._next().turn.release()

        for index in range(len(calls) - 1):
            mine = _Activity()
            self._wake(mine, 0.0)
            threading.Thread(target=activity, args=(index, mine), daemon=True).start()
        if calls:
            carry_out(len(calls) - 1)
        if left:
            waiting = True
            self._hand_over(me)
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
            raise Deadlock("everybody waits for somebody else")
        self._now, _, activity = heapq.heappop(self._queue)
        return activity

    def _hand_over(self, me: _Activity) -> None:
        chosen = self._next()
        if chosen is not me:
            chosen.turn.release()
            me.turn.acquire()


def _raise_first(errors: Sequence[BaseException | None]) -> None:
    for error in errors:
        if error is not None:
            raise error
