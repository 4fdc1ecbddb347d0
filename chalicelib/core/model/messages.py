"""TODO chalicelib.core.model.messages."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.events import Event


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What makes a send the same send: who, where, and the client's own id for it."""

    conversation_id: str
    participant_id: str
    client_message_id: str


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What came of a send; kept as long as the conversation."""

    message_id: str
    sequence_id: int
    created_at: str


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message waiting in a conversation's queue."""

    queue_id: str
    queued_at: int
    event: Event
    """Without its number."""
    member: Membership
    key: IdempotencyKey
