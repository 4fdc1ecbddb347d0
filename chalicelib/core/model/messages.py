"""Sending messages: idempotency, and the queue of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.events import Event


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Identifies a message: repeats have the same key."""

    conversation_id: str
    participant_id: str
    client_message_id: str


class IdempotencyRecord(NamedTuple):
    """The result of sending a message, kept as long as the conversation."""

    message_id: str
    sequence_id: int
    created_at: str


@dataclass(frozen=True, slots=True)
class DraftMessage:
    """A message before it is in the log."""

    event: Event
    """Without a sequence id."""
    key: IdempotencyKey
    seen: int | None = None
    """The last event that the sender has seen, if the sender named it."""


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """Consecutive messages of one member in the queue of a conversation, appended together or not at all."""

    queue_id: str
    queued_at: int
    messages: Sequence[DraftMessage]
    member: Membership


class QueueLease(NamedTuple):
    """The right of one sender to append the runs of a queue. It only saves conflicts: any sender may append."""

    holder: str
    """The queue id of that sender's run."""
    until: int
    """When (ms since the epoch) another sender may take it."""
    tat: int
    """When (ms) all appends so far would be over at an even pace: the theoretical arrival time."""


class QueueFront(NamedTuple):
    """The state of a queue, as its waiting senders look at it."""

    lease: QueueLease | None
    oldest_id: str | None
    """The queue id of the oldest run; None if the queue is empty."""
    oldest_at: int = 0
    """When it was queued, in ms since the epoch."""
