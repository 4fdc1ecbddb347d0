"""Doing several things at once (`ports.Gather`): waiting for the network takes no processor."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """The results of all calls, made at the same time, each but the last in a thread of its own.

    Threads of a pool would be cheaper by microseconds, but calls that gather again could then wait for each
    other for ever. Raises the first error (in the order of the calls) when all have finished.
    """
    outcomes: list[tuple[Any, BaseException | None]] = [(None, None)] * len(calls)

    def run(index: int) -> None:
        try:
            outcomes[index] = calls[index](), None
        except BaseException as error:  # noqa: BLE001 — carried over to the caller's thread and raised there
            outcomes[index] = None, error

    threads = [Thread(target=run, args=(index,), daemon=True) for index in range(len(calls) - 1)]
    for thread in threads:
        thread.start()
    if calls:
        run(len(calls) - 1)
    for thread in threads:
        thread.join()
    for _, error in outcomes:
        if error is not None:
            raise error
    return [result for result, _ in outcomes]


def one_by_one(*calls: Callable[[], Any]) -> list[Any]:
    """The same one after the other, where an order is wanted."""
    return [call() for call in calls]
