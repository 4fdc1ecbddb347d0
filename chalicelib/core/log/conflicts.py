"""Retrying writes that conflict with other writes to the same items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chalicelib.core.kernel.backoff import Backoff, retry_after
from chalicelib.core.kernel.errors import ConversationBusy
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.ports.commits import WriteConflict

T = TypeVar("T")
BACKOFF_BASE, BACKOFF_CAP = 0.016, 0.25
"""Seconds: the bounds of the delay after the first failed attempt, and of any delay."""


def new_backoff(runtime: Runtime) -> Backoff:
    """Return the delays between the attempts at one write. Its deadline ends them with ConversationBusy."""
    return Backoff(
        runtime.clock,
        base=BACKOFF_BASE,
        cap=BACKOFF_CAP,
        timeout=runtime.timing.append_deadline,
        timed_out=lambda: ConversationBusy(retry_after=retry_after()),
    )


def retry_on_conflict(runtime: Runtime, write: Callable[[], T]) -> T:
    """Return the result of `write`, which is called again after each WriteConflict. Raises ConversationBusy."""
    backoff = new_backoff(runtime)
    while True:
        try:
            return write()
        except WriteConflict:
            backoff.wait()
