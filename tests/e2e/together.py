"""Doing several things at the same moment, as different people do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of all calls, begun at the same moment, each in a thread of its own; raises the first error."""
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))
