"""The invocation that is under way: who asks about what, and what was measured of it so far.

On Lambda a process handles one invocation at a time, on one's own machine many at once, in threads. A context
variable holds each one's own, and `carrying` hands it on to the threads that an invocation starts.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any

from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.metrics import Metric


class Invocation:
    """One invocation of a function."""

    __slots__ = ("cold_start", "function", "ids", "metrics")

    def __init__(self, function: str, *, cold_start: bool = False, **ids: str | None) -> None:
        """`ids` say what it is about; those that are not known are left out."""
        self.function = function
        self.cold_start = cold_start
        self.ids = {name: value for name, value in ids.items() if value}
        # Appended to by several threads, which needs no lock; summed up once, at the end.
        self.metrics: list[tuple[Metric, float]] = [(Metric.COLD_STARTS, 1)] if cold_start else []


_current: contextvars.ContextVar[Invocation | None] = contextvars.ContextVar("invocation", default=None)


def current() -> Invocation | None:
    """The invocation that this is part of, if any."""
    return _current.get()


def enter(invocation: Invocation) -> contextvars.Token[Invocation | None]:
    """Make it the current one; the token ends that."""
    return _current.set(invocation)


def leave(token: contextvars.Token[Invocation | None]) -> None:
    """Go back to what was before."""
    _current.reset(token)


class InvocationObserver:
    """`core.ports.Observer` that writes down what it is told at the current invocation, and else forgets it."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Write it down."""
        invocation = _current.get()
        if invocation is not None and (value or not metric.is_counter):
            invocation.metrics.append((metric, value))

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        """Note what log lines are to say."""
        invocation = _current.get()
        if invocation is not None:
            known = {"conversation_id": conversation_id, "participant_id": participant_id}
            invocation.ids.update({name: value for name, value in known.items() if value})


observer = InvocationObserver()


def propagating_context(gather: Gather) -> Gather:
    """`gather`, whose calls belong to the caller's invocation whatever thread they are made in."""

    def gathered(*calls: Callable[[], Any]) -> list[Any]:
        return gather(*(partial(contextvars.copy_context().run, call) for call in calls))

    return gathered
