"""Doing several things at once (`ports.Gather`): waiting for the network takes no processor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

MAX_IDLE = 32
"""Threads that are kept for the next calls."""
_idle: list[_Worker] = []
"""Threads that wait for something to do. Appending and popping need no lock."""


class _Worker:
    """A thread that makes one call after another: starting one for each would cost more than most of them do."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], None], SimpleQueue[None]]] = SimpleQueue()
        Thread(target=self._work, daemon=True).start()

    def make(self, call: Callable[[], None], finished: SimpleQueue[None]) -> None:
        """Make a call that does not raise, and say so when that is done."""
        self._calls.put((call, finished))

    def _work(self) -> None:
        is_kept = True
        while is_kept:
            call, finished = self._calls.get()
            call()
            del call
            is_kept = len(_idle) < MAX_IDLE
            if is_kept:
                # Before it is said, so that whoever goes on has this thread, and starts no other.
                _idle.append(self)
            finished.put(None)


def _worker() -> _Worker:
    """One that has nothing to do. There is always one more: calls that gather again never wait for each other."""
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


def run_parallel(*calls: Callable[[], Any]) -> list[Any]:
    """The results of all calls, made at the same time, each but the last in a thread of its own.

    Raises the first error (in the order of the calls) when all have finished.
    """
    outcomes: list[tuple[Any, BaseException | None]] = [(None, None)] * len(calls)
    finished: SimpleQueue[None] = SimpleQueue()

    def run(index: int) -> None:
        try:
            outcomes[index] = calls[index](), None
        except BaseException as error:  # noqa: BLE001 — carried over to the caller's thread and raised there
            outcomes[index] = None, error

    others = len(calls) - 1
    for index in range(others):
        _worker().make(partial(run, index), finished)
    if calls:
        run(others)
    for _ in range(others):
        finished.get()
    for _, error in outcomes:
        if error is not None:
            raise error
    return [result for result, _ in outcomes]


class Gather(Protocol):
    """Several things at once."""

    def __call__(self, *calls: Callable[[], Any]) -> list[Any]:
        """The results in the order of the calls, when all have finished; raises the first error."""
        ...
