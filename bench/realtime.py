"""Stretched real time: a second of the program lasts `stretch` seconds of the machine.

Waiting takes longer and computing does not, so that the share of CPU time shrinks: a figure that changes with the
stretch depends on CPU time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chalicelib.core.kernel.concurrency import run_parallel


class RealTime:
    """A clock for the layers and the core, and a `Gather` with real threads."""

    def __init__(self, stretch: float = 1.0) -> None:
        self._stretch = stretch
        self._started = time.monotonic()
        self._epoch = time.time()

    def now(self) -> float:
        """Return the Unix time of the program."""
        return self._epoch + self.monotonic()

    def monotonic(self) -> float:
        """Return the program's seconds since the start."""
        return (time.monotonic() - self._started) / self._stretch

    def sleep(self, seconds: float) -> None:
        """Wait for this many seconds of the program."""
        time.sleep(max(seconds, 0.0) * self._stretch)

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run all calls in parallel."""
        return run_parallel(*calls)

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run all calls in parallel, with the interface of `Simulation.run`."""
        return run_parallel(*calls)
