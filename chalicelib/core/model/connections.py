"""TODO chalicelib.core.model.connections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """One WebSocket connection."""

    connection_id: str
    participant_id: str
    name: str | None
    token_expires_at: int
    """Epoch seconds."""
    connected_at: int
    last_seen: int
    generation: int = 1
    """Moves when a socket that was taken for gone speaks again."""
    is_active: bool = False
    """Whether a frame of it was handled: before that nothing can be posted to it."""
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """A socket that hears a conversation."""

    conversation_id: str
    connection_id: str
    participant_id: str
    epoch: int
    generation: int
    token_expires_at: int
    subscribed_at: int
