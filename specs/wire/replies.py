"""The frames that answer commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.model.events import Event
from chalicelib.core.protocol.fields import EventSequenceId, HistoryIdText, example
from chalicelib.core.protocol.object_fields import CONVERSATION_ID_PATTERN, ConversationId, Text, Timestamp
from chalicelib.core.protocol.objects import ParticipantRef, ParticipantView
from specs.wire.errors import ErrorBody
from specs.wire.events import MessageEvent, MessageId
from specs.wire.responses import ReadPointer

ConnectionId = Annotated[Text, example("L0SM9cOFvHcCIhw=")]
ConversationHeads = Annotated[
    dict[str, EventSequenceId],
    Field(
        examples=[{"conv_Zm9vYmFyYmF6cXV4cXV1eA": 2}],
        json_schema_extra={"propertyNames": {"pattern": CONVERSATION_ID_PATTERN}},
    ),
]


class Reply(TypedDict):
    """The field that replies have in common."""

    id: NotRequired[Annotated[str, example("1")]]
    """The `id` of the command, if it had one."""


class Welcome(Reply):
    """Reply to `hello`."""

    type: Literal["welcome"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    connection_id: ConnectionId
    """The id of the connection."""
    participant: ParticipantRef
    """The participant who opened the connection."""
    protocol: Literal[1]
    """The version of the protocol."""
    expires_at: Annotated[Timestamp, example("2026-03-01T10:00:00.000Z")]
    """When the token expires. `auth` replaces it by a new one."""
    ping_interval: Annotated[int, Field(ge=1, examples=[Timing().ping_interval])]
    """The maximum number of seconds between pings."""
    typing_expires: Annotated[int, Field(ge=1, examples=[Timing().typing_expires])]
    """After how many seconds without another `typing` push a participant is no longer typing."""
    limits: Annotated[dict[str, int], example(Limits().public())]
    """The limits of this deployment."""
    feed: NotRequired[Literal[True]]
    """Present if the `hello` asked for the activity of all conversations: it is sent from now on."""


class EventsReply(Reply, ReadPointer):
    """The fields of replies that carry the events of a conversation."""

    conversation_id: ConversationId
    history_id: HistoryIdText
    """The history of the sequence ids."""
    head: EventSequenceId
    """The `sequence_id` of the newest event."""
    participants: list[ParticipantView]
    """The participants, at most 100, and fewer if the frame would be too large."""
    participants_truncated: NotRequired[Literal[True]]
    """Present if `participants` does not list all of them."""
    events: list[Event]
    """The events, in ascending order and without gaps."""
    has_more: Annotated[bool, example(False)]
    """Whether there are more events: older ones for the newest events, newer ones after a given event."""
    direct: NotRequired[Literal[True]]
    """Present if it is the direct conversation of two participants."""
    reset: NotRequired[Literal[True]]
    """Present if the position in the command is void: discard all events, `events` are the newest ones."""


class Subscribed(EventsReply):
    """Reply to `subscribe`, and to `hello` for each conversation in it: a snapshot of the conversation."""

    type: Literal["subscribed"]
    first_sequence_id: Annotated[EventSequenceId, example(1)]
    """The `sequence_id` of the first event in `events`. If there is none: of the next event of the log."""


class Unsubscribed(Reply):
    """Reply to `unsubscribe`."""

    type: Literal["unsubscribed"]
    conversation_id: ConversationId


class Superseded(Reply):
    """Reply to `subscribe` and `unsubscribe`, and to `hello` for each such conversation: nothing was changed.

    A later command of the connection about the same subscription, by `n` or arrival, was executed first.
    """

    type: Literal["superseded"]
    conversation_id: ConversationId


class Synced(EventsReply):
    """Reply to `sync`: the events after `after`."""

    type: Literal["sync"]


class MessageAck(Reply):
    """Reply to `message`: the message is stored."""

    type: Literal["message_ack"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation_id: ConversationId
    client_message_id: Annotated[Text, example("9f2c-1")]
    """The `client_message_id` of the command."""
    message_id: MessageId
    """The message's id, which never changes."""
    sequence_id: EventSequenceId
    """The position of the message in the log."""
    created_at: Timestamp
    """When the message was stored."""
    duplicate: Annotated[bool, example(False)]
    """Whether the message was already stored: the command was a repeat."""
    stored: NotRequired[MessageEvent]
    """The message as it is stored, if it is not as the command had it: a hook changed it, or it is a
    repeat with another content. Left out if the frame would have more than 32 KB."""


class ReadAck(Reply, ReadPointer):
    """Reply to `read`."""

    type: Literal["read_ack"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation_id: ConversationId


class UpdateAck(Reply):
    """Reply to `edit`, `delete`, `react` and `unreact`: the update is stored, or nothing had to change."""

    type: Literal["ack"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    conversation_id: ConversationId
    sequence_id: EventSequenceId
    """The event of the update. If nothing had to change: the event that made it so, or the head."""
    stored: NotRequired[MessageEvent]
    """The message after an edit, if it is not as the command had it: a hook changed it. Left out if the
    frame would have more than 32 KB."""


class Error(Reply, ErrorBody):
    """Reply to a command that failed. It repeats the fields that identify the command."""

    type: Literal["error"]
    retryable: Annotated[bool, example(False)]
    """Whether the same command can succeed later."""
    conversation_id: NotRequired[Annotated[str, example("conv_Zm9vYmFyYmF6cXV4cXV1eA")]]
    """The `conversation_id` of the command."""
    client_message_id: NotRequired[Annotated[str, example("9f2c-1")]]
    """The `client_message_id` of the command."""


class BatchResult(Reply):
    """Reply to `batch`."""

    type: Literal["batch_result"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    results: Annotated[list[MessageAck | UpdateAck | ReadAck | Error], Field(min_length=1, max_length=24)]
    """For each command, in their order: the frame that answers it. It has the command's `id`, if that fits.

    In a frame of more than 32 KB, all lose `stored`, then errors their `details`, then the fields that repeat the
    command.
    """


class AuthOk(Reply):
    """Reply to `auth`: the connection has the new token."""

    type: Literal["auth_ok"]
    expires_at: Annotated[Timestamp, example("2026-03-01T10:00:00.000Z")]
    """When the new token expires."""


class Pong(Reply):
    """Reply to `ping`."""

    type: Literal["pong"]
    history_id: HistoryIdText
    """The history of the sequence ids."""
    server_time: Annotated[Timestamp, example("2026-03-01T09:06:00.000Z")]
    """The time of the server."""
    heads: NotRequired[ConversationHeads]
    """By conversation id: the newest `sequence_id` of each conversation in the command that the caller is in."""


REPLIES: Mapping[str, tuple[Any, ...]] = {
    "hello": (Welcome, Subscribed, Superseded),
    "subscribe": (Subscribed, Superseded),
    "unsubscribe": (Unsubscribed, Superseded),
    "sync": (Synced,),
    "message": (MessageAck,),
    "edit": (UpdateAck,),
    "delete": (UpdateAck,),
    "react": (UpdateAck,),
    "unreact": (UpdateAck,),
    "read": (ReadAck,),
    "typing": (),
    "auth": (AuthOk,),
    "ping": (Pong,),
    "batch": (BatchResult,),
}
"""By command: the frames that answer it. Every command can be answered by `Error` as well."""
