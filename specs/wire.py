"""What we say, type by type: the answers of HTTP, the frames of the socket, and the types of events.

The published documents are made of this module and of `frames.py` (see `specs/`); nothing imports it at run
time. What each field means stands in `specs/glossary.py`, what makes the frames in `frames.py` and `sockets.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from chalicelib.core.kernel.errors import ErrorBody, Problem
from chalicelib.core.model.actors import Role
from chalicelib.core.protocol.frames import (
    AuditEntry,
    Ban,
    BannedRef,
    Conversation,
    Event,
    Invite,
    ListedInvite,
    Participant,
    ParticipantRef,
    ReactionDetail,
)

# ---- types of events -----------------------------------------------------------------------------------


class EventType(NamedTuple):
    """What an event of one type says beyond who, where and when: names of fields of `frames.Event`."""

    description: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    """Of these optional ones exactly one is there."""
    overrides: Mapping[str, Any] = {}
    """What a field is in this type, where `frames.Event` leaves more open."""


EVENT_ENVELOPE = ("conversation_id", "sequence_id", "type", "created_at", "sender")
EVENT_TYPES: Mapping[str, EventType] = {
    "conversation_created": EventType(
        "The conversation begins. Always event 1; the first participants have no `participant_joined`.",
        ("title", "participants"),
        ("participants_truncated",),
    ),
    "message": EventType(
        "Somebody says something.",
        ("message_id",),
        # What follows `metadata` stands in history alone, but for `deleted_at`.
        (
            "content",
            "client_message_id",
            "reply_to",
            "mentions",
            "metadata",
            "edited_at",
            "deleted_at",
            "expired",
            "reactions",
            "version",
        ),
        one_of=("content", "deleted_at", "expired"),
    ),
    "message_edited": EventType(
        "Its author says something else instead; mentions and metadata are there if they change. Empty but for "
        "`target` once the message is deleted.",
        ("target",),
        ("content", "mentions", "metadata"),
    ),
    "message_deleted": EventType("A message is taken back.", ("target",)),
    "reaction_added": EventType("Somebody reacts to a message.", ("target", "emoji")),
    "reaction_removed": EventType("Somebody takes a reaction back.", ("target", "emoji")),
    "participant_joined": EventType(
        "Somebody comes.",
        ("participant", "reason"),
        overrides={"participant": Participant, "reason": Literal["joined", "added"]},
    ),
    "participant_left": EventType(
        "Somebody goes.",
        ("participant", "reason"),
        overrides={"participant": Participant, "reason": Literal["left", "removed", "banned"]},
    ),
    "participant_updated": EventType(
        "What a participant may do changes: their role, or whether they are muted.",
        ("participant",),
        overrides={"participant": Participant},
    ),
    "participant_banned": EventType(
        "Somebody who is not in is banned; of who is in, `participant_left` says so.",
        ("participant",),
        overrides={"participant": BannedRef},
    ),
    "participant_unbanned": EventType("A ban is lifted.", ("participant",), overrides={"participant": BannedRef}),
    "conversation_updated": EventType(
        "Title, policy, metadata or retention change; what changes is there.",
        (),
        ("title", "join_policy", "metadata", "retention_days"),
    ),
    "participant_erased": EventType(
        "Somebody who is or was in had themselves erased. From now on `participant_id` stands for them in all "
        "events; the sender is who they were, until this event is rewritten as well.",
        ("participant_id",),
    ),
    "content_expired": EventType(
        "What messages up to here say is past retention, and no longer there.", ("up_to",)
    ),
}
"""By type of event. A type or a field of `frames.Event` that is missing here stops the generator."""


# ---- answers of HTTP -----------------------------------------------------------------------------------


class ErrorResponse(TypedDict):
    """Every answer from 400 up."""

    error: ErrorBody
    request_id: str


class ConversationList(TypedDict):
    """A page of the caller's conversations, latest activity first."""

    conversations: list[Conversation]
    next_cursor: NotRequired[str]


class Messages(TypedDict):
    """A page of history, in rising order."""

    messages: list[Event]
    has_more: bool


class Reactions(TypedDict):
    """A page of who reacted to a message, one emoji after another."""

    reactions: list[ReactionDetail]
    next_cursor: NotRequired[str]


class NewInvite(Invite):
    """An invite with its secret, which is told this once."""

    invite: str


class Invites(TypedDict):
    """A page of the invites that have not expired."""

    invites: list[ListedInvite]
    next_cursor: NotRequired[str]


class Bans(TypedDict):
    """A page of who is banned."""

    bans: list[Ban]
    next_cursor: NotRequired[str]


class Audit(TypedDict):
    """A page of what people did by their rights, in rising order."""

    entries: list[AuditEntry]
    next_cursor: NotRequired[str]


class Events(TypedDict):
    """A page of the log, in rising order."""

    events: list[Event]
    head: int
    has_more: bool


class LeaveResult(TypedDict):
    """Who is left."""

    remaining_participants: int


class ReadPointer(TypedDict):
    """How far the caller has read."""

    read_up_to: int
    unread_count: int


class Exported(TypedDict):
    """A conversation that one is in, or was in: then its id alone."""

    conversation_id: str
    is_participant: bool
    title: NotRequired[str]
    created_at: NotRequired[str]
    name: NotRequired[str]
    role: NotRequired[Role]
    joined_at: NotRequired[str]
    read_up_to: NotRequired[int]


class ExportedParticipant(TypedDict):
    """Whose data it is."""

    participant_id: str


class Export(TypedDict):
    """A page of one's own data; the last one is the one without `next_cursor`."""

    participant: ExportedParticipant
    conversations: list[Exported]
    messages: list[Event]
    next_cursor: NotRequired[str]


class Erasure(TypedDict):
    """How far the erasure of the caller has got."""

    status: Literal["running", "done"]
    conversations_total: int
    conversations_done: int
    requested_at: str
    finished_at: NotRequired[str]


class Ticket(TypedDict):
    """What opens one socket, once."""

    ticket: str
    expires_in: int


class Health(TypedDict):
    """Whether the service and its store answer."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]
    version: str


class OpenApi(TypedDict):
    """This document."""

    openapi: Literal["3.1.0"]
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    security: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


# ---- frames: answers to commands -----------------------------------------------------------------------


class ReplyFrame(TypedDict):
    """What direct answers have in common."""

    id: NotRequired[str]


class Welcome(ReplyFrame):
    """Answer to `hello`."""

    type: Literal["welcome"]
    connection_id: str
    participant: ParticipantRef
    protocol: int
    expires_at: str
    ping_interval: int
    limits: dict[str, int]


class Subscribed(ReplyFrame):
    """Answer to `subscribe`, and to each one that `hello` names: where the conversation stands."""

    type: Literal["subscribed"]
    conversation_id: str
    head: int
    first_sequence_id: int
    participants: list[Participant]
    participants_truncated: NotRequired[bool]
    events: list[Event]
    has_more: bool


class Unsubscribed(ReplyFrame):
    """Answer to `unsubscribe`."""

    type: Literal["unsubscribed"]
    conversation_id: str


class Synced(ReplyFrame):
    """Answer to `sync`: the events after `after`."""

    type: Literal["sync"]
    conversation_id: str
    head: int
    participants: list[Participant]
    participants_truncated: NotRequired[bool]
    events: list[Event]
    has_more: bool


class MessageAck(ReplyFrame):
    """Answer to `message`: it is in the log."""

    type: Literal["message_ack"]
    conversation_id: str
    client_message_id: str
    message_id: str
    sequence_id: int
    created_at: str
    duplicate: bool


class ReadAck(ReplyFrame):
    """Answer to `read`."""

    type: Literal["read_ack"]
    conversation_id: str
    read_up_to: int
    unread_count: int


class UpdateAck(ReplyFrame):
    """Answer to `edit`, `delete`, `react`, `unreact`: it is so by this event, or was at this head."""

    type: Literal["ack"]
    conversation_id: str
    sequence_id: int


class AuthOk(ReplyFrame):
    """Answer to `auth`: the socket has a new token."""

    type: Literal["auth_ok"]
    expires_at: str


class Pong(ReplyFrame):
    """Answer to `ping`."""

    type: Literal["pong"]
    server_time: str
    heads: NotRequired[dict[str, int]]


class Error(ReplyFrame):
    """Answer to a command that failed; it repeats what of the command tells which one."""

    type: Literal["error"]
    code: str
    message: str
    retryable: bool
    retry_after: NotRequired[float]
    details: NotRequired[list[Problem]]
    conversation_id: NotRequired[str]
    client_message_id: NotRequired[str]


# ---- frames: pushes ------------------------------------------------------------------------------------


class EventPush(TypedDict):
    """A durable event of a conversation that the socket is subscribed to, one's own doing included."""

    type: Literal["event"]
    event: Event


class TypingPush(TypedDict):
    """Somebody begins or stops to write."""

    type: Literal["typing"]
    conversation_id: str
    participant: ParticipantRef
    is_typing: bool


class PresencePush(TypedDict):
    """A participant's first socket came to listen there, or the last one went."""

    type: Literal["presence"]
    conversation_id: str
    participant: ParticipantRef
    online: bool


class ReadPush(TypedDict):
    """Somebody's read pointer moved."""

    type: Literal["read"]
    conversation_id: str
    participant_id: str
    sequence_id: int


class ConversationDeleted(TypedDict):
    """The conversation is no more."""

    type: Literal["conversation_deleted"]
    conversation_id: str


class Added(TypedDict):
    """A conversation that one is in from now on, subscribed or not."""

    type: Literal["conversation_added"]
    conversation: Conversation


class Removed(TypedDict):
    """A conversation that one is no longer in, subscribed or not."""

    type: Literal["conversation_removed"]
    conversation_id: str
    reason: Literal["left", "removed", "banned"]


class Disconnect(TypedDict):
    """The last frame before the server closes a socket."""

    type: Literal["disconnect"]
    code: Literal["UNAUTHORIZED", "TOKEN_EXPIRED", "ERASED"]
    reason: str
    reconnect: bool
    retry_after: NotRequired[float]


class GatewayFailure(TypedDict):
    """API Gateway's own words, the one frame without `type`: something was not acknowledged; repeat it."""

    message: str
    connectionId: str
    requestId: str


REPLIES: Mapping[str, tuple[Any, ...]] = {
    "hello": (Welcome, Subscribed),
    "subscribe": (Subscribed,),
    "unsubscribe": (Unsubscribed,),
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
}
"""By command (`requests.COMMANDS`): the frames that answer it. Each can be answered by `Error` as well."""

PUSHES: tuple[Any, ...] = (
    EventPush,
    TypingPush,
    PresencePush,
    ReadPush,
    ConversationDeleted,
    Added,
    Removed,
    Disconnect,
    GatewayFailure,
)
"""The frames that nobody asked for."""
