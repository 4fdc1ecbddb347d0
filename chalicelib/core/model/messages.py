"""Sending messages: idempotency, and the queue of a conversation."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.events import Event


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Identifies a message: repeats have the same key."""

    conversation_id: str
    participant_id: str
    client_message_id: str


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The result of sending a message, kept as long as the conversation."""

    message_id: str
    sequence_id: int
    created_at: str


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message in the queue of a conversation."""

    queue_id: str
    queued_at: int
    event: Event
    """Without a sequence id."""
    member: Membership
    key: IdempotencyKey
