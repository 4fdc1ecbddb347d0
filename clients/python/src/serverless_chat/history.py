"""Pages of messages by HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from .core.outputs import JsonObject


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of messages. It can be short, even empty, although there are more."""

    messages: list[JsonObject]
    """In the order of the log."""
    has_more: bool
    """Whether there are more in the direction of the request."""
    next_before: int | None
    """`before` of the next page, if the request named no `after`."""
    next_after: int | None
    """`after` of the next page, if the request named one."""
