"""The shapes of every frame that a client receives, by its type; those of HTTP answers are in `answer_shapes.py`.

The objects that the product declares (`core/protocol/frames.py`) are used as they are declared there,
so that those types are held to what is really sent. `checking.py` holds what is received to these shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import Field

from chalicelib.core.protocol import frames

Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
ConversationId = Annotated[str, Field(pattern=r"^conv_[A-Za-z0-9_-]+$")]
MessageId = Annotated[str, Field(pattern=r"^msg_[A-Za-z0-9_-]+$")]
InviteId = Annotated[str, Field(pattern=r"^ivt_[A-Za-z0-9_-]{22}$")]
SequenceId = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z_]+$")]
Text = Annotated[str, Field(min_length=1)]

EVENT_ENVELOPE = {"conversation_id", "sequence_id", "type", "created_at", "sender"}
IN_HISTORY = {"edited_at", "reactions", "version"}
"""What stands at messages as they now are, and never at the events of the log."""
EVENT_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "conversation_created": ({"title", "participants"}, {"participants_truncated"}),
    "message": (
        {"message_id"},
        {"content", "client_message_id", "reply_to", "mentions", "metadata", *IN_HISTORY, "deleted_at", "expired"},
    ),
    "message_edited": ({"target"}, {"content", "mentions", "metadata"}),
    "message_deleted": ({"target"}, set()),
    "reaction_added": ({"target", "emoji"}, set()),
    "reaction_removed": ({"target", "emoji"}, set()),
    "participant_joined": ({"participant", "reason"}, set()),
    "participant_left": ({"participant", "reason"}, set()),
    "participant_updated": ({"participant"}, set()),
    "participant_banned": ({"participant"}, set()),
    "participant_unbanned": ({"participant"}, set()),
    "conversation_updated": (set(), {"title", "join_policy", "metadata", "retention_days"}),
    "participant_erased": ({"participant_id"}, set()),
    "content_expired": ({"up_to"}, set()),
}
"""By type of event: the fields that it must have, and those that it may have."""


class Detail(TypedDict):
    """One problem of a refused request."""

    path: str
    problem: Text


class Welcome(TypedDict):
    """Answer to `hello`."""

    id: NotRequired[str]
    type: Literal["welcome"]
    connection_id: Text
    participant: frames.ParticipantRef
    protocol: Literal[1]
    expires_at: Time
    ping_interval: int
    limits: dict[str, int]


# `from` is a keyword of Python: it cannot be a field of a class.
class Subscribed(TypedDict):
    id: NotRequired[str]
    type: Literal["subscribed"]
    conversation_id: ConversationId
    head: SequenceId
    first_sequence_id: SequenceId
    participants: list[frames.Participant]
    participants_truncated: NotRequired[Literal[True]]
    events: list[frames.Event]
    has_more: bool


class Synced(TypedDict):
    """Answer to `sync`."""

    id: NotRequired[str]
    type: Literal["sync"]
    conversation_id: ConversationId
    head: SequenceId
    participants: list[frames.Participant]
    participants_truncated: NotRequired[Literal[True]]
    events: list[frames.Event]
    has_more: bool


class Unsubscribed(TypedDict):
    """Answer to `unsubscribe`."""

    id: NotRequired[str]
    type: Literal["unsubscribed"]
    conversation_id: ConversationId


class MessageAck(TypedDict):
    """Answer to `message`."""

    id: NotRequired[str]
    type: Literal["message_ack"]
    conversation_id: ConversationId
    client_message_id: Text
    message_id: MessageId
    sequence_id: SequenceId
    created_at: Time
    duplicate: bool


class Ack(TypedDict):
    """Answer to `read`."""

    id: NotRequired[str]
    type: Literal["read_ack"]
    conversation_id: ConversationId
    read_up_to: SequenceId
    unread_count: Count


class Done(TypedDict):
    """Answer to `edit`, `delete`, `react`, `unreact`."""

    id: NotRequired[str]
    type: Literal["ack"]
    conversation_id: ConversationId
    sequence_id: SequenceId


class AuthOk(TypedDict):
    """Answer to `auth`."""

    id: NotRequired[str]
    type: Literal["auth_ok"]
    expires_at: Time


class Pong(TypedDict):
    """Answer to `ping`."""

    id: NotRequired[str]
    type: Literal["pong"]
    server_time: Time
    heads: NotRequired[dict[ConversationId, SequenceId]]


class ErrorFrame(TypedDict):
    """Answer to a command that failed."""

    id: NotRequired[str]
    type: Literal["error"]
    code: Code
    message: Text
    retryable: bool
    retry_after: NotRequired[float]
    details: NotRequired[list[Detail]]
    conversation_id: NotRequired[str]
    client_message_id: NotRequired[str]


class EventPush(TypedDict):
    """Push: a durable event."""

    type: Literal["event"]
    event: frames.Event


class TypingPush(TypedDict):
    """Push: somebody writes."""

    type: Literal["typing"]
    conversation_id: ConversationId
    participant: frames.ParticipantRef
    is_typing: bool


class PresencePush(TypedDict):
    """Push: somebody came or went."""

    type: Literal["presence"]
    conversation_id: ConversationId
    participant: frames.ParticipantRef
    online: bool


class ReadPush(TypedDict):
    """Push: somebody has read."""

    type: Literal["read"]
    conversation_id: ConversationId
    participant_id: Text
    sequence_id: SequenceId


class DeletedPush(TypedDict):
    """Push: a conversation is no more."""

    type: Literal["conversation_deleted"]
    conversation_id: ConversationId


class AddedPush(TypedDict):
    """Push: one is in a conversation from now on."""

    type: Literal["conversation_added"]
    conversation: frames.Conversation


class RemovedPush(TypedDict):
    """Push: one is no longer in a conversation."""

    type: Literal["conversation_removed"]
    conversation_id: ConversationId
    reason: Literal["left", "removed", "banned"]


class DisconnectPush(TypedDict):
    """The last frame before the server closes a socket."""

    type: Literal["disconnect"]
    code: Code
    reason: Text
    reconnect: bool
    retry_after: NotRequired[float]


FRAMES: Mapping[str, Any] = {
    "welcome": Welcome,
    "subscribed": Subscribed,
    "sync": Synced,
    "unsubscribed": Unsubscribed,
    "message_ack": MessageAck,
    "ack": Done,
    "read_ack": Ack,
    "auth_ok": AuthOk,
    "pong": Pong,
    "error": ErrorFrame,
    "event": EventPush,
    "typing": TypingPush,
    "presence": PresencePush,
    "read": ReadPush,
    "conversation_deleted": DeletedPush,
    "conversation_added": AddedPush,
    "conversation_removed": RemovedPush,
    "disconnect": DisconnectPush,
}

NARROWER: Mapping[str, Any] = {
    "conversation_id": ConversationId,
    "sequence_id": SequenceId,
    "message_id": MessageId,
    "created_at": Time,
    "updated_at": Time,
    "edited_at": Time,
    "deleted_at": Time,
    "emoji": Text,
    "count": SequenceId,
    "joined_at": Time,
    "muted_until": Time,
    "banned_at": Time,
    "expires_at": Time,
    "invite_id": InviteId,
}
"""By name of field: what a plain `str` or `int` of the product's types must look like."""
