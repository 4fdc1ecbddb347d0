"""What becomes of a message after it was said: edited, reacted to, deleted.

The log keeps what was said when it was said; beside it stands what the message now is. Only a deletion touches
what the log keeps: the message and its edits lose all they said, and keep their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import TypeAliasType

from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.model.actors import Actor

Event = TypeAliasType("Event", dict[str, Any])
"""An event of a log, as clients receive it. The published documents describe the fields of each type."""

TOMBSTONE_FIELDS = (
    "conversation_id",
    "sequence_id",
    "type",
    "created_at",
    "sender",
    "message_id",
    "client_message_id",
    "reply_to",
    "target",
)
"""What a deleted message and its edits keep: who, where and when, and that they belong together."""


@dataclass(frozen=True, slots=True)
class MessageState:
    """What a message now is, where that differs from what was said; until it is deleted."""

    version: int
    """The sequence id of the newest event that is in this state."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Content, mentions, metadata as edited last; what is not there is as it was said."""
    edited_at: str | None = None
    edits: tuple[int, ...] = ()
    """The sequence ids of its `message_edited` events."""
    reactions: Mapping[str, int] = field(default_factory=dict)
    """How many people use each emoji, in the order of first use; no emoji without anybody."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept. The sequence is told by `event`, history by `present`."""

    event: Event
    message_count: int
    """How many of the events up to it are messages."""
    state: MessageState | None = None
    """Of a message that was edited or reacted to."""
    deleted_by: int = 0
    """The sequence id of the event by which the message was deleted, 0 if it was not."""

    @property
    def current(self) -> Event:
        """The event as it now is."""
        if self.state is None:
            return self.event
        present = {**self.event, **self.state.overrides}
        for name, value in self.state.overrides.items():
            # An edit removes a field by an empty value; a message without it does not have the field.
            if not value:
                del present[name]
        if self.state.edited_at is not None:
            present["edited_at"] = self.state.edited_at
        if self.state.reactions:
            counts = self.state.reactions.items()
            present["reactions"] = [{"emoji": emoji, "count": count} for emoji, count in counts]
        return {**present, "version": self.state.version}


@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's reaction to one message."""

    target: int
    """The sequence id of the message."""
    participant_id: str
    emoji: str
    sequence_id: int
    """The sequence id of the `reaction_added` event."""


def new_event(
    conversation_id: str,
    sequence_id: int | None,
    event_type: str,
    *,
    sender: Actor,
    now: int,
    **fields: Any,
) -> Event:
    """Return an event: the fields that every event has, and those of its type.

    `sequence_id` is None if it is assigned later. `now` is in milliseconds since the epoch.
    """
    numbered = {} if sequence_id is None else {"sequence_id": sequence_id}
    return {
        "conversation_id": conversation_id,
        **numbered,
        "type": event_type,
        "created_at": rfc3339(now),
        "sender": {"participant_id": sender.participant_id, "name": sender.name, "type": sender.type},
        **fields,
    }


def tombstone(event: Event) -> Event:
    """A message, or an edit of one, without what it said."""
    return {name: event[name] for name in TOMBSTONE_FIELDS if name in event}
