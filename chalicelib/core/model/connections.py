"""WebSocket connections and their subscriptions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """A WebSocket connection."""

    connection_id: str
    participant_id: str
    name: str | None
    token_expires_at: int
    """Epoch seconds."""
    connected_at: int
    last_seen: int
    generation: int = 1
    """Incremented when a stale connection sends a frame after all."""
    is_active: bool = False
    """Whether one of its frames has been handled. Before that, nothing can be posted to it."""
    is_stale: bool = False
    """Whether API Gateway answered a post with 410, which can be wrong."""
    token_issued_at: int = 0
    """Epoch seconds. Stored with a ticket only."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """The subscription of a connection to a conversation."""

    conversation_id: str
    connection_id: str
    participant_id: str
    epoch: int
    generation: int
    token_expires_at: int
    subscribed_at: int
