"""Python's garbage collector in the process of an instance.

A full collection visits every object that is tracked. After the start these are 75,000, of modules, models and
clients, none of which becomes garbage: 28 ms at rest and 60 under load, with the interpreter's lock held.
Functions and the event loop leave few cycles, so the collector need not run as often as Python's default, which
counts the objects of requests that wait, too.
"""

from __future__ import annotations

import gc

THRESHOLDS = (5_000, 20, 20)
"""New objects, and collections of the younger generation, after which each generation is collected."""


def collect_rarely() -> None:
    """Exempt all present objects from garbage collection, and collect new ones less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
