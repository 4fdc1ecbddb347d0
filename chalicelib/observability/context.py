"""The current invocation, with its ids and metrics.

On Lambda, a process handles one invocation at a time; the development server handles many, in threads. So the
invocation is in a context variable, which `propagating_context` passes to the threads that it starts.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any

from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.metrics import Metric


class Invocation:
    """An invocation of a function."""

    __slots__ = ("cold_start", "function", "ids", "metrics")

    def __init__(self, function: str, *, cold_start: bool = False, **ids: str | None) -> None:
        """`ids` are for the log lines; empty ones are left out."""
        self.function = function
        self.cold_start = cold_start
        self.ids = {name: value for name, value in ids.items() if value}
        # Several threads append to it, which is atomic. It is summed up at the end.
        self.metrics: list[tuple[Metric, float]] = [(Metric.COLD_STARTS, 1)] if cold_start else []


_current: contextvars.ContextVar[Invocation | None] = contextvars.ContextVar("invocation", default=None)


def current() -> Invocation | None:
    """Return the current invocation, if any."""
    return _current.get()


def enter(invocation: Invocation) -> contextvars.Token[Invocation | None]:
    """Make an invocation the current one. Pass the token to `leave`."""
    return _current.set(invocation)


def leave(token: contextvars.Token[Invocation | None]) -> None:
    """Restore the previous invocation."""
    _current.reset(token)


class InvocationObserver:
    """An `Observer` that records at the current invocation, and ignores everything outside of one."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Record a value of a metric. Zero of a counter is ignored."""
        invocation = _current.get()
        if invocation is not None and (value or not metric.is_counter):
            invocation.metrics.append((metric, value))

    def bind(
        self, *, conversation_id: str | None = None, participant_id: str | None = None, service: str | None = None
    ) -> None:
        """Add ids to the log lines of the invocation."""
        invocation = _current.get()
        if invocation is not None:
            known = {"conversation_id": conversation_id, "participant_id": participant_id, "service": service}
            invocation.ids.update({name: value for name, value in known.items() if value})


observer = InvocationObserver()


def propagating_context(gather: Gather) -> Gather:
    """Return a `gather` whose calls belong to the caller's invocation, in whatever thread they run."""

    def gathered(*calls: Callable[[], Any]) -> list[Any]:
        return gather(*(partial(contextvars.copy_context().run, call) for call in calls))

    return gathered
