"""The shapes of every HTTP answer that a client receives, by its route and status."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import Field

from chalicelib.core.protocol import frames
from tests.support.shapes import Code, ConversationId, Count, Detail, InviteId, SequenceId, Text, Time


class ErrorObject(TypedDict):
    """The `error` of an HTTP answer."""

    code: Code
    message: Text
    details: NotRequired[list[Detail]]
    retry_after: NotRequired[float]


class Refusal(TypedDict):
    """The body of every HTTP answer from 400 up."""

    error: ErrorObject
    request_id: Text


class ConversationList(TypedDict):
    """Answer to `GET /conversations`."""

    conversations: list[frames.Conversation]
    next_cursor: NotRequired[str]


class Messages(TypedDict):
    """Answer to `GET /conversations/{id}/messages`."""

    messages: list[frames.Event]
    has_more: bool


class Events(TypedDict):
    """Answer to `GET /conversations/{id}/events`."""

    events: list[frames.Event]
    head: SequenceId
    has_more: bool


class Reactions(TypedDict):
    """Answer to `GET …/messages/{number}/reactions`."""

    reactions: list[frames.ReactionDetail]
    next_cursor: NotRequired[str]


class Remaining(TypedDict):
    """Answer to `leave`."""

    remaining_participants: Count


class ReadPointer(TypedDict):
    """Answer to `PUT /conversations/{id}/read`."""

    read_up_to: SequenceId
    unread_count: Count


class NewInvite(TypedDict):
    """Answer to `POST /conversations/{id}/invites`."""

    invite: Annotated[str, Field(pattern=r"^inv_[A-Za-z0-9_-]{22}$")]
    invite_id: InviteId
    expires_at: Time
    max_uses: int | None


class Invites(TypedDict):
    """Answer to `GET /conversations/{id}/invites`."""

    invites: list[frames.ListedInvite]
    next_cursor: NotRequired[str]


class Bans(TypedDict):
    """Answer to `GET /conversations/{id}/bans`."""

    bans: list[frames.Ban]
    next_cursor: NotRequired[str]


class Audit(TypedDict):
    """Answer to `GET /conversations/{id}/audit`."""

    entries: list[frames.AuditEntry]
    next_cursor: NotRequired[str]


class Exported(TypedDict):
    """A conversation in an export."""

    conversation_id: ConversationId
    is_participant: bool
    title: NotRequired[Text]
    created_at: NotRequired[Time]
    name: NotRequired[Text]
    role: NotRequired[Literal["owner", "moderator", "member"]]
    joined_at: NotRequired[Time]
    read_up_to: NotRequired[SequenceId]


class ExportedParticipant(TypedDict):
    """Whose export it is."""

    participant_id: Text


class Export(TypedDict):
    """Answer to `GET /me/export`."""

    participant: ExportedParticipant
    conversations: list[Exported]
    messages: list[frames.Event]
    next_cursor: NotRequired[str]


class Erasure(TypedDict):
    """Answer to `DELETE /me` and `GET /me/erasure`."""

    status: Literal["running", "done"]
    conversations_total: Count
    conversations_done: Count
    requested_at: Time
    finished_at: NotRequired[Time]


class Ticket(TypedDict):
    """Answer to `POST /tickets`."""

    ticket: Text
    expires_in: int


class Health(TypedDict):
    """Answer to `GET /health`."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]
    version: str


ANSWERS: tuple[tuple[str, str, int, Any], ...] = (
    ("POST", "/conversations", 201, frames.Conversation),
    ("GET", "/conversations", 200, ConversationList),
    ("GET", "/conversations/{id}", 200, frames.Conversation),
    ("PATCH", "/conversations/{id}", 200, frames.Conversation),
    ("DELETE", "/conversations/{id}", 204, None),
    ("POST", "/conversations/{id}/join", 200, frames.Conversation),
    ("POST", "/conversations/{id}/leave", 200, Remaining),
    ("POST", "/conversations/{id}/participants", 201, frames.Participant),
    ("PATCH", "/conversations/{id}/participants", 200, frames.Participant),
    ("DELETE", "/conversations/{id}/participants", 204, None),
    ("GET", "/conversations/{id}/bans", 200, Bans),
    ("DELETE", "/conversations/{id}/bans", 204, None),
    ("POST", "/conversations/{id}/invites", 201, NewInvite),
    ("GET", "/conversations/{id}/invites", 200, Invites),
    ("DELETE", "/conversations/{id}/invites/{invite}", 204, None),
    ("GET", "/conversations/{id}/audit", 200, Audit),
    ("GET", "/conversations/{id}/messages", 200, Messages),
    ("GET", "/conversations/{id}/events", 200, Events),
    ("POST", "/conversations/{id}/messages", 200, frames.Event),
    ("POST", "/conversations/{id}/messages", 201, frames.Event),
    ("PATCH", "/conversations/{id}/messages/{number}", 200, frames.Event),
    ("DELETE", "/conversations/{id}/messages/{number}", 204, None),
    ("GET", "/conversations/{id}/messages/{number}/reactions", 200, Reactions),
    ("PUT", "/conversations/{id}/messages/{number}/reactions", 204, None),
    ("DELETE", "/conversations/{id}/messages/{number}/reactions", 204, None),
    ("PUT", "/conversations/{id}/read", 200, ReadPointer),
    ("GET", "/me/export", 200, Export),
    ("DELETE", "/me", 202, Erasure),
    ("GET", "/me/erasure", 200, Erasure),
    ("POST", "/tickets", 201, Ticket),
    ("GET", "/health", 200, Health),
)
"""Method, route, status: what the body is. From 400 up it is a `Refusal`, whatever the route."""
