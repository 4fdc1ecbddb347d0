"""A busy process of an instance on one core.

All its threads share the interpreter's lock, so hardly more than one runs at a time. On several cores, each thread
that gets the lock has to be woken on its core first: that costs half of the CPU time under load, and meanwhile no
thread holds it. A process that is idle may use all cores, and so may the processes that it starts then.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two decisions."""
BUSY, IDLE = 0.4, 0.1
"""The CPU time per second above which the process gets one core, and below which it may use all again."""
ADVANTAGE = 0.25
"""How much more of its time another core must have, for the process to move to it."""
_TICKS = 100
"""Per second, in which Linux counts the time of cores (USER_HZ)."""


class Scheduler(Protocol):
    """The operating system's part."""

    def cores(self) -> Collection[int]:
        """Return the cores that this process may use; fewer than two if it cannot be changed."""

    def idle_seconds(self) -> Mapping[int, float]:
        """Return for how long each core has been idle since the start of the system."""

    def assign(self, cores: Collection[int]) -> None:
        """Let all threads of this process, and those that they start, run on these cores only. Raises OSError."""


class LinuxScheduler:
    """The affinity of threads, and proc(5)."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def cores(self) -> Collection[int]:
        """Return the cores that this process may use; none on systems other than Linux."""
        return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") and self._proc.exists() else ()

    def idle_seconds(self) -> Mapping[int, float]:
        """Return for how long each core has been idle, without waiting for its disks."""
        rows = [line.split() for line in (self._proc / "stat").read_text(encoding="ascii").splitlines()]
        return {int(row[0][3:]): int(row[4]) / _TICKS for row in rows if row[0][:3] == "cpu" and row[0] != "cpu"}

    def assign(self, cores: Collection[int]) -> None:
        """Assign all present threads; a thread that starts later has the cores of the one that starts it."""
        for task in (self._proc / "self" / "task").iterdir():
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setaffinity(int(task.name), cores)


class OneCore:
    """Keeps the process on one core while it is busy; `adapt` is to be called again and again.

    It starts on the core that was idle for longest, and leaves it for one where it would have a quarter more time:
    processes that may use several cores give way by themselves, but another instance does not. If the system
    refuses it, as with cores that were taken from a container meanwhile, the process is left as it is.
    """

    def __init__(
        self,
        scheduler: Scheduler | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        cpu_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        self._scheduler = scheduler or LinuxScheduler()
        self._monotonic = monotonic
        self._cpu_seconds = cpu_seconds
        self._all = frozenset(self._scheduler.cores())
        self._core: int | None = None
        self._remember(monotonic())

    def adapt(self) -> None:
        """Assign one core or all of them, by the last interval; a no-op before its end."""
        now = self._monotonic()
        seconds = now - self._since
        if seconds < INTERVAL or len(self._all) < 2:
            return
        own = (self._cpu_seconds() - self._used) / seconds
        if self._core is None:
            if own > BUSY:
                self._move_to_best(own, seconds)
        elif own < IDLE:
            self._core = None
            self._assign(self._all)
        else:
            self._move_to_best(own, seconds)
        self._remember(now)

    def _move_to_best(self, own: float, seconds: float) -> None:
        """Move to the core with the most time for this process, if it is worth it."""
        after = self._scheduler.idle_seconds()
        free = {core: (after[core] - self._idle[core]) / seconds for core in self._all & after.keys()}
        if self._core in free:
            free[self._core] += own + ADVANTAGE
        best = max(free, key=lambda core: free[core], default=self._core)
        if best is not None and best != self._core:
            self._core = best
            self._assign({best})

    def _assign(self, cores: Collection[int]) -> None:
        try:
            self._scheduler.assign(cores)
        except OSError as error:
            log.warning("The process is not kept on one core any more: %s", error.strerror)
            self._all = frozenset()

    def _remember(self, now: float) -> None:
        self._since, self._used = now, self._cpu_seconds()
        self._idle = self._scheduler.idle_seconds() if len(self._all) > 1 else {}
