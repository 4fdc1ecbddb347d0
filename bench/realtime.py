"""Real time that can be stretched: a second of the program lasts `stretch` seconds of the machine.

Everything that waits then takes longer, and what is computed does not, so that the processor's share shrinks:
if a figure changes with the stretch, the processor was a part of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chalicelib.core.kernel.concurrency import run_parallel


class RealTime:
    """A clock for the layers and for the core, and a `Gather` with real threads."""

    def __init__(self, stretch: float = 1.0) -> None:
        self._stretch = stretch
        self._started = time.monotonic()
        self._epoch = time.time()

    def now(self) -> float:
        """Seconds since the epoch, as the program sees them."""
        return self._epoch + self.monotonic()

    def monotonic(self) -> float:
        """Seconds of the program since the beginning."""
        return (time.monotonic() - self._started) / self._stretch

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of the program."""
        time.sleep(max(seconds, 0.0) * self._stretch)

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """All calls at the same time."""
        return run_parallel(*calls)

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        """The same, as `Simulation.run` is called."""
        return run_parallel(*calls)
