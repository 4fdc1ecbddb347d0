"""The frames that the server sends on its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.model.events import Event
from chalicelib.core.protocol.fields import EventSequenceId, HistoryIdText, example
from chalicelib.core.protocol.object_fields import ConversationId, Count, Text, Timestamp
from chalicelib.core.protocol.objects import Conversation, ParticipantRef, PendingMembership, PersonalState, Sender
from chalicelib.core.protocol.report_objects import Report
from specs.wire.errors import RetryAfter
from specs.wire.events import MessageId


class EventsPush(TypedDict):
    """Events were appended to a conversation that the connection is subscribed to.

    Those of one commit are in one frame, or in consecutive frames if they do not fit into 32 KB.
    """

    type: Literal["events"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation_id: ConversationId
    events: Annotated[list[Event], Field(min_length=1)]
    """The events as they are in the log, in ascending order."""


class TypingPush(TypedDict):
    """A participant started or stopped typing."""

    type: Literal["typing"]
    conversation_id: ConversationId
    participant: ParticipantRef
    """The participant."""
    is_typing: bool
    """Whether the participant is typing."""
    sent_at: Annotated[Timestamp, example("2026-03-01T09:02:00.000Z")]
    """When the server received the command. Pushes overtake each other: of two, the later one counts.

    Of two with the same time, the one with `is_typing: false` counts.
    """


class PresencePush(TypedDict):
    """A participant is now online in the conversation, or offline."""

    type: Literal["presence"]
    conversation_id: ConversationId
    participant: ParticipantRef
    """The participant."""
    online: bool
    """Whether a connection of the participant is subscribed to the conversation."""


class ReadPush(TypedDict):
    """The read pointer of a participant moved."""

    type: Literal["read"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation_id: ConversationId
    participant_id: Annotated[Text, Field(max_length=255), example("bob")]
    """The id of the participant."""
    sequence_id: EventSequenceId
    """The last event that the participant has read."""
    head: NotRequired[EventSequenceId]
    """This and the rest only to the reader's own connections: the newest event when the pointer was there.

    Of several frames, the one with the highest `head` counts, then the one with the highest `read_up_to`.
    """
    read_up_to: NotRequired[Annotated[Count, example(2)]]
    """The same as `sequence_id`."""
    message_count: NotRequired[Annotated[Count, example(1)]]
    """How many messages there were up to `head`: each later one of another participant adds to `unread_count`."""
    unread_count: NotRequired[Annotated[Count, example(0)]]
    """How many messages of others were unread then."""


class ActivityPreview(TypedDict):
    """The beginning of a message, in its current state."""

    sequence_id: EventSequenceId
    """The position of the message in the log."""
    message_id: MessageId
    """The message's id, which never changes."""
    created_at: Timestamp
    """When it was sent."""
    sender: Sender
    """The participant who sent it, or the system."""
    content: NotRequired[Annotated[str, example("Hello Bob!")]]
    """The beginning of the text; absent if the message is deleted."""
    truncated: NotRequired[Literal[True]]
    """Present if the text is longer."""
    mentions: NotRequired[Annotated[list[Text], example(["bob"])]]
    """The ids of mentioned participants."""
    edited_at: NotRequired[Timestamp]
    """When it was edited last."""
    deleted_at: NotRequired[Timestamp]
    """When it was deleted."""
    version: NotRequired[EventSequenceId]
    """The newest event that is included."""


class ActivityPush(TypedDict):
    """A conversation of the participant has a new message, an edit or deletion of its newest one, or a new title.

    Sent to connections with `hello {feed: true}` that are not subscribed to the conversation, the same to all
    members. Frames can be missing, and overtake each other: the one with the higher `head` counts.
    """

    type: Literal["activity"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation_id: ConversationId
    head: EventSequenceId
    """The newest event of the commit."""
    message_count: Annotated[Count, example(1)]
    """How many messages there are up to `head`."""
    last_message: NotRequired[ActivityPreview]
    """The newest message up to `head`; absent if the title changed."""
    title: NotRequired[Annotated[str, example("Trip to Oslo")]]
    """The new title."""


class PersonalStatePush(TypedDict):
    """The participant archived, pinned or muted a conversation, or undid it. Sent to all of their connections."""

    type: Literal["personal_state"]
    conversation_id: ConversationId
    me: PersonalState
    """The state now."""


class ConversationDeleted(TypedDict):
    """The conversation was deleted."""

    type: Literal["conversation_deleted"]
    conversation_id: ConversationId


class Added(TypedDict):
    """The participant joined a conversation or was added. Sent to all of their connections."""

    type: Literal["conversation_added"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation: Conversation
    """The conversation, without its participants."""


class Invited(PendingMembership):
    """Another participant has added this one, who can accept it by `join`. Sent to all of their connections."""

    type: Literal["invited"]


class ProfilePush(TypedDict):
    """A participant has changed their profile. Sent to connections subscribed to a conversation with them."""

    type: Literal["profile"]
    participant: ParticipantRef
    """The participant, with the new name."""
    avatar_url: NotRequired[Annotated[str, example("https://cdn.example.com/bob.png")]]
    """The new picture; absent if there is none."""
    updated_at: Timestamp
    """When the profile was changed. Of two pushes the later one counts."""


class ReportPush(TypedDict):
    """A message was reported. Sent to the connections of owners and moderators, but not of its author."""

    type: Literal["report"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    report: Report
    """The report."""


class Removed(TypedDict):
    """The participant is no longer in a conversation. Sent to all of their connections."""

    type: Literal["conversation_removed"]
    conversation_id: ConversationId
    reason: Annotated[Literal["left", "removed", "banned"], example("removed")]
    """Why the participant is no longer in the conversation."""


class Disconnect(TypedDict):
    """The last frame before the server closes the connection."""

    type: Literal["disconnect"]
    code: Annotated[
        Literal["UNAUTHORIZED", "TOKEN_EXPIRED", "ERASED", "SUSPENDED", "TOO_MANY_CONNECTIONS", "RATE_LIMITED"],
        example("TOKEN_EXPIRED"),
    ]
    """The reason, for programs."""
    reason: Annotated[Text, example("The token of this connection has expired.")]
    """The reason, for people."""
    reconnect: bool
    """Whether to reconnect."""
    retry_after: NotRequired[RetryAfter]
    """After how many seconds to reconnect."""


class GatewayFailure(TypedDict):
    """An error of API Gateway, the only frame without `type`. The frame was not handled: send it again."""

    message: Annotated[str, example("Internal server error")]
    """API Gateway's message."""
    connectionId: Annotated[str, example("L0SM9cOFvHcCIhw=")]
    """API Gateway's id of the connection."""
    requestId: Annotated[str, example("KmZ2xF0jvHcFqOQ=")]
    """API Gateway's id of the request, for questions to the operator."""


PUSHES: tuple[Any, ...] = (
    EventsPush,
    TypingPush,
    PresencePush,
    ReadPush,
    ActivityPush,
    PersonalStatePush,
    ConversationDeleted,
    Added,
    Invited,
    ProfilePush,
    ReportPush,
    Removed,
    Disconnect,
    GatewayFailure,
)
