"""Events, and the current state of messages that were edited or reacted to.

The log keeps every event as it was appended, and the current state is stored beside it. Only a deletion rewrites
the log: the message and its edits become tombstones, which keep their sequence ids.
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
"""The fields that a deleted message and its edits keep. They hold no content."""


@dataclass(frozen=True, slots=True)
class MessageState:
    """The current state of a message, where it differs from its event. It ends with the deletion."""

    version: int
    """The sequence id of the newest event that this state includes."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the last edits. Fields that were not edited are missing."""
    edited_at: str | None = None
    edits: tuple[int, ...] = ()
    """The sequence ids of its `message_edited` events."""
    reactions: Mapping[str, int] = field(default_factory=dict)
    """The number of participants by emoji, in the order of first use. It is never zero."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the store: `event` is the entry of the log, `current` that of history."""

    event: Event
    message_count: int
    """The number of messages up to and including this event."""
    state: MessageState | None = None
    """The current state of a message that was edited or reacted to."""
    deleted_by: int = 0
    """The sequence id of the event that deleted the message, 0 if it was not deleted."""

    @property
    def current(self) -> Event:
        """The event in its current state."""
        if self.state is None:
            return self.event
        current = {**self.event, **self.state.overrides}
        for name, value in self.state.overrides.items():
            # An edit removes a field by an empty value; a message without it does not have the field.
            if not value:
                del current[name]
        if self.state.edited_at is not None:
            current["edited_at"] = self.state.edited_at
        if self.state.reactions:
            counts = self.state.reactions.items()
            current["reactions"] = [{"emoji": emoji, "count": count} for emoji, count in counts]
        return {**current, "version": self.state.version}


@dataclass(frozen=True, slots=True)
class Reaction:
    """A participant's reaction to a message."""

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
        "sender": sender.as_sender(),
        **fields,
    }


def tombstone(event: Event) -> Event:
    """Return a message, or an edit of one, without its content."""
    return {name: event[name] for name in TOMBSTONE_FIELDS if name in event}
