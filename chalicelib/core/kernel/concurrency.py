"""Running several calls at the same time, in threads: they wait for the network most of the time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol

MAX_IDLE = 32
"""The maximum number of idle threads that are kept."""
IDLE_SECONDS = 10.0
"""How long a thread is kept without a call."""


class ParallelCalls:
    """Runs calls in threads, which are reused: a new thread for each call would cost more than most calls."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._idle: list[_Worker] = []
        """The idle threads. Appending, popping and removing are atomic, so no lock is needed."""

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run all calls at the same time, and return their results. The last one runs in the calling thread.

        So do those for which the process can start no thread, one after another. When all have finished, raises
        the first error in the order of the calls.
        """
        outcomes: list[tuple[Any, BaseException | None]] = [(None, None)] * len(calls)
        finished: SimpleQueue[None] = SimpleQueue()

        def run(index: int) -> None:
            try:
                outcomes[index] = calls[index](), None
            except BaseException as error:  # noqa: BLE001 — raised in the caller's thread
                outcomes[index] = None, error

        own = [len(calls) - 1] if calls else []
        for index in range(len(calls) - 1):
            try:
                worker = self._worker()
            except RuntimeError:
                # Calls before it run already: an error here would end the wait for them.
                own.append(index)
            else:
                worker.run(partial(run, index), finished)
        for index in own:
            run(index)
        for _ in range(len(calls) - len(own)):
            finished.get()
        for _, error in outcomes:
            if error is not None:
                raise error
        return [result for result, _ in outcomes]

    def _worker(self) -> _Worker:
        """Return an idle worker, or a new one: their number is unlimited, so nested calls cannot deadlock.

        Raises RuntimeError if the process can start no thread.
        """
        try:
            return self._idle.pop()
        except IndexError:
            return _Worker(self._idle, self._idle_seconds)


class _Worker:
    """A thread that runs one call after another."""

    def __init__(self, idle: list[_Worker], idle_seconds: float) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], None], SimpleQueue[None]]] = SimpleQueue()
        self._idle = idle
        self._idle_seconds = idle_seconds
        Thread(target=self._loop, daemon=True).start()

    def run(self, call: Callable[[], None], finished: SimpleQueue[None]) -> None:
        """Run a call that does not raise, and then put None into `finished`."""
        self._calls.put((call, finished))

    def _loop(self) -> None:
        is_kept = True
        while is_kept:
            try:
                call, finished = self._calls.get(timeout=self._idle_seconds)
            except Empty:
                is_kept = not self._retire()
                continue
            call()
            del call
            is_kept = len(self._idle) < MAX_IDLE
            if is_kept:
                # Before `finished`, so that the caller finds this thread idle and starts no other.
                self._idle.append(self)
            finished.put(None)

    def _retire(self) -> bool:
        """Leave the idle threads. Returns False if a caller has taken this one: its call is about to arrive."""
        try:
            self._idle.remove(self)
        except ValueError:
            return False
        return True


_CALLS = ParallelCalls()


def run_parallel(*calls: Callable[[], Any]) -> list[Any]:
    """Run all calls at the same time, in threads that all callers share. See `ParallelCalls.run`."""
    return _CALLS.run(*calls)


class Gather(Protocol):
    """A function that runs several calls and returns their results."""

    def __call__(self, *calls: Callable[[], Any]) -> list[Any]:
        """Return the results in the order of the calls. When all have finished, raises the first error."""
        ...
