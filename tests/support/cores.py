"""Threads that take turns, on one core."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

if sys.platform != "win32":
    import fcntl

LOCKS = Path(tempfile.gettempdir())
"""The directory of the locks, one for each core."""


@contextlib.contextmanager
def one_core(locks: Path = LOCKS) -> Iterator[None]:
    """Keep this thread and those that it starts on one core, if possible on one that no other test process keeps.

    Only one of them runs at a time. On two cores each turn wakes up the other core, which costs as much again as
    the steps themselves. A no-op where the system cannot do it.
    """
    if sys.platform != "linux":
        yield
        return
    cores = os.sched_getaffinity(0)
    with contextlib.ExitStack() as stack:
        os.sched_setaffinity(0, {_free_core(sorted(cores), locks, stack)})
        try:
            yield
        finally:
            os.sched_setaffinity(0, cores)


def _free_core(cores: Sequence[int], locks: Path, stack: contextlib.ExitStack) -> int:
    """Return the first core whose lock is free, and lock it; else the one of this process's number."""
    for core in cores:
        with contextlib.suppress(OSError):
            lock = stack.enter_context((locks / f"chat-tests-core-{core}").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return core
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return cores[worker % len(cores)]
