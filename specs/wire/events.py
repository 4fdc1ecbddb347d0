"""The events of a conversation's log, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, get_args, get_type_hints

from pydantic import Field, with_config
from typing_extensions import TypedDict

from chalicelib.core.protocol.fields import EventSequenceId, JoinPolicyField, example
from chalicelib.core.protocol.message_fields import EditFields, MessageFields
from chalicelib.core.protocol.object_fields import ConversationId, Text, Timestamp
from chalicelib.core.protocol.objects import BannedRef, Participant, Sender
from specs.docstrings import described_by

MessageId = Annotated[str, Field(pattern="^msg_[A-Za-z0-9_-]+$"), example("msg_c29tZXRoaW5nMTIzNDU2Nw")]


class EventEnvelope(TypedDict):
    """The fields that all events have."""

    conversation_id: ConversationId
    sequence_id: EventSequenceId
    """The position in the log: 1, 2, 3 … without gaps."""
    created_at: Timestamp
    """When the event was appended. Clocks differ: only `sequence_id` orders events."""
    sender: Sender
    """The participant who caused the event, with the name at that time."""


class ConversationCreatedEvent(EventEnvelope):
    """The conversation was created. Always event 1; the first participants have no `participant_joined`."""

    type: Literal["conversation_created"]
    title: Annotated[str, example("Trip to Oslo")]
    """The title."""
    participants: list[Participant]
    """The first participants, at most 100."""
    participants_truncated: NotRequired[Literal[True]]
    """Present if `participants` does not list all of them."""


class ReactionCount(TypedDict):
    """How many participants reacted with an emoji."""

    emoji: Annotated[Text, example("👍")]
    """The reaction."""
    count: Annotated[int, Field(ge=1, examples=[1])]
    """How many participants reacted with it."""
    mine: Annotated[bool, example(True)]
    """Whether the reader is one of them."""


@described_by(MessageFields)
@with_config(json_schema_extra={"oneOf": [{"required": [name]} for name in ("content", "deleted_at", "expired")]})
class MessageEvent(EventEnvelope):
    """A message was sent. It has exactly one of `content`, `deleted_at` and `expired`.

    `edited_at`, `reactions` and `version` are present in history only, never in the log.
    """

    type: Literal["message"]
    message_id: MessageId
    """The message's id, which never changes."""
    client_message_id: NotRequired[Annotated[Text, example("9f2c-1")]]
    """The idempotency key that the client sent."""
    content: NotRequired[Annotated[Text, example("Hello Bob! 🚆")]]
    reply_to: NotRequired[Annotated[EventSequenceId, example(1)]]
    mentions: NotRequired[Annotated[list[str], example(["bob"])]]
    metadata: NotRequired[Annotated[dict[str, Any], example({"colour": "green"})]]
    edited_at: NotRequired[Annotated[Timestamp, example("2026-03-01T09:03:00.000Z")]]
    """When the message was last edited."""
    deleted_at: NotRequired[Annotated[Timestamp, example("2026-03-01T09:04:00.000Z")]]
    """When the message was deleted. Its content has been removed."""
    expired: NotRequired[Literal[True]]
    """Present if the content has been removed because of its age."""
    reactions: NotRequired[list[ReactionCount]]
    """The reactions with their counts, in the order of first use."""
    version: NotRequired[Annotated[EventSequenceId, example(3)]]
    """The `sequence_id` of the newest event that the current state includes."""


@described_by(EditFields)
class MessageEditedEvent(EventEnvelope):
    """A message was edited by its author. After the message is deleted, only `target` is left."""

    type: Literal["message_edited"]
    target: EventSequenceId
    """The `sequence_id` of the message."""
    content: NotRequired[Annotated[Text, example("Hello Bob! 🚆")]]
    mentions: NotRequired[Annotated[list[str], example(["bob"])]]
    metadata: NotRequired[Annotated[dict[str, Any], example({"colour": "green"})]]


class MessageDeletedEvent(EventEnvelope):
    """A message was deleted."""

    type: Literal["message_deleted"]
    target: EventSequenceId
    """The `sequence_id` of the message."""


class ReactionEvent(EventEnvelope):
    """The fields of events about reactions."""

    target: EventSequenceId
    """The `sequence_id` of the message."""
    emoji: Annotated[Text, example("👍")]
    """The reaction."""


class ReactionAddedEvent(ReactionEvent):
    """A participant reacted to a message."""

    type: Literal["reaction_added"]


class ReactionRemovedEvent(ReactionEvent):
    """A participant removed a reaction: that of `sender`, or that of `participant_id`, if present."""

    type: Literal["reaction_removed"]
    participant_id: NotRequired[Annotated[str, example("bob")]]
    """Whose reaction an owner or a moderator removed, if it is another participant's."""


class ParticipantEvent(EventEnvelope):
    """The fields of events about a participant."""

    participant: Participant
    """The participant concerned."""


class ParticipantJoinedEvent(ParticipantEvent):
    """A participant joined, or was added."""

    type: Literal["participant_joined"]
    reason: Annotated[Literal["joined", "added", "accepted"], example("added")]
    """Whether the participant joined, was added by another one, or has accepted an addition."""


class ParticipantLeftEvent(ParticipantEvent):
    """A participant left, was removed, or was banned."""

    type: Literal["participant_left"]
    reason: Literal["left", "removed", "banned"]
    """Why the participant is no longer in the conversation."""


class ParticipantUpdatedEvent(ParticipantEvent):
    """The role of a participant or their mute changed."""

    type: Literal["participant_updated"]


class BanEvent(EventEnvelope):
    """The fields of events about a ban."""

    participant: BannedRef
    """The person concerned."""


class ParticipantBannedEvent(BanEvent):
    """A person who is not a participant was banned. The ban of a participant is a `participant_left`."""

    type: Literal["participant_banned"]


class ParticipantUnbannedEvent(BanEvent):
    """A ban was lifted."""

    type: Literal["participant_unbanned"]


class ConversationUpdatedEvent(EventEnvelope):
    """Title, join policy, metadata or retention changed. The event has the fields that changed."""

    type: Literal["conversation_updated"]
    title: NotRequired[Annotated[str, example("Trip to Oslo")]]
    """The new title."""
    join_policy: NotRequired[JoinPolicyField]
    """The new join policy."""
    metadata: NotRequired[Annotated[dict[str, Any], example({"colour": "green"})]]
    """The new metadata."""
    retention_days: NotRequired[Annotated[int | None, example(365)]]
    """After how many days content expires; null: as configured for the deployment."""


class ParticipantErasedEvent(EventEnvelope):
    """A present or former participant was erased.

    From now on, `participant_id` replaces their id in all events. `sender` is the old id, until this event is
    rewritten as well.
    """

    type: Literal["participant_erased"]
    participant_id: Annotated[str, example("erased_bm9ib2R5")]
    """The pseudonym that replaces the participant's id."""


class ContentExpiredEvent(EventEnvelope):
    """The content of the messages up to `up_to` expired and is being removed."""

    type: Literal["content_expired"]
    up_to: EventSequenceId
    """The `sequence_id` of the last event whose content expired."""


def _type_of(event: Any) -> str:
    return str(get_args(get_type_hints(event)["type"])[0])


EVENT_TYPES: Mapping[str, Any] = {
    _type_of(event): event
    for event in (
        ConversationCreatedEvent,
        MessageEvent,
        MessageEditedEvent,
        MessageDeletedEvent,
        ReactionAddedEvent,
        ReactionRemovedEvent,
        ParticipantJoinedEvent,
        ParticipantLeftEvent,
        ParticipantUpdatedEvent,
        ParticipantBannedEvent,
        ParticipantUnbannedEvent,
        ConversationUpdatedEvent,
        ParticipantErasedEvent,
        ContentExpiredEvent,
    )
}
"""The events by their `type`."""
