"""Concurrent calls."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")

TIMEOUT = 30.0


def run_concurrently(*calls: Callable[[], T]) -> list[T]:
    """Return the results of all calls, started at the same moment in threads; raise the first error."""
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait(TIMEOUT)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))
