"""A `Runtime` for tests of single services: sequential, unobserved, with the default limits and times."""

from __future__ import annotations

from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.kernel.metrics import NullObserver, Observer
from chalicelib.core.kernel.runtime import Runtime
from tests.support.sequential import run_sequential


def new_runtime(
    *,
    clock: Clock | None = None,
    gather: Gather = run_sequential,
    observer: Observer | None = None,
    limits: Limits | None = None,
    timing: Timing | None = None,
    history_id: HistoryId | None = None,
) -> Runtime:
    """Return a runtime in which only the given parts differ from the defaults."""
    return Runtime(
        clock=clock or SystemClock(),
        gather=gather,
        observer=observer or NullObserver(),
        limits=limits or Limits(),
        timing=timing or Timing(),
        history_id=history_id or HistoryId(0, "conversations"),
    )
