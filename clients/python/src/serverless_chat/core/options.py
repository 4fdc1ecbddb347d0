"""Options of a subscription, and its stored position."""

from __future__ import annotations

from dataclasses import dataclass

from .outputs import Save

MAX_CATCH_UP = 500
"""How many missed events are fetched. After more of them, the view begins anew at the newest page."""
POSITION_KEY = "position/"
GAP_PATIENCE = 0.25
"""How many seconds a gap may stay open before `sync`: pushes overtake each other."""


@dataclass(frozen=True, slots=True)
class Options:
    """The extent of a view, of a catch-up, and of the storage."""

    saves_position: bool = False
    """Whether the position is saved after its events were notified, for a restart that resumes there."""
    max_catch_up: int | None = MAX_CATCH_UP
    """How many missed events are fetched; None fetches all."""
    window: int | None = None
    """How many events the view keeps, besides those that `older` fetched; None keeps all."""

    def widened(self, other: Options) -> Options:
        """Return options that are enough for another caller of an open conversation, which keeps its window."""
        limits = (self.max_catch_up, other.max_catch_up)
        catch_up = None if None in limits else max(limit or 0 for limit in limits)
        return Options(self.saves_position or other.saves_position, catch_up, self.window)


def position_save(conversation_id: str, sequence_id: int, history_id: str) -> Save:
    """Return the order to store a position."""
    return Save(POSITION_KEY + conversation_id, {"sequence_id": sequence_id, "history_id": history_id})
