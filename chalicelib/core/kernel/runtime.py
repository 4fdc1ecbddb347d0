"""The environment that all use cases have in common."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.kernel.metrics import Observer


class Runtime(NamedTuple):
    """The time, concurrency, metrics and settings of an application. Create it with keywords."""

    clock: Clock
    gather: Gather
    observer: Observer
    limits: Limits
    timing: Timing
    history_id: HistoryId
