"""Measuring the CPU time and the wall time of a call."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def frozen_gc() -> Iterator[None]:
    """Exclude all loaded objects from garbage collection, as in the deployed functions."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of this process for a call, in seconds."""
    started = time.process_time()
    call()
    return time.process_time() - started


def wall_seconds(call: Callable[[], object]) -> float:
    """Return the wall time of a call, in seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
