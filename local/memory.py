"""The memory of an instance's process: Python's garbage collector and the C library's allocator.

A full collection visits every object that is tracked. After the start these are 75,000, of modules, models and
clients, none of which becomes garbage: 28 ms at rest and 60 under load, with the interpreter's lock held.
Functions and the event loop leave few cycles, so the collector need not run as often as Python's default, which
counts the objects of requests that wait, too.

glibc gives threads that allocate at the same time separate arenas, up to eight for each core (mallopt(3)).
Memory that is free in one is not used by the threads of another, so an instance under load grew for half an hour.
Its threads share the interpreter's lock and gain nothing from more than one arena.
"""

from __future__ import annotations

import ctypes
import gc
import sys

THRESHOLDS = (5_000, 20, 20)
"""New objects, and collections of the younger generation, after which each generation is collected."""
_M_ARENA_MAX = -8


def collect_rarely() -> None:
    """Exempt all present objects from garbage collection, and collect new ones less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def use_one_arena() -> None:
    """Let all threads allocate from one arena. A no-op with another C library than glibc.

    Arenas that exist are kept, so it is called before any thread is started.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        libc.mallopt(_M_ARENA_MAX, 1)
