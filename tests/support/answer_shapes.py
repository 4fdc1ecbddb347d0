"""The shapes of every HTTP answer that a client receives, by its route and status."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from chalicelib.core import frames
from tests.support.shapes import Code, Count, Detail, SequenceId, Text


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


class Remaining(TypedDict):
    """Answer to `leave`."""

    remaining_participants: Count


class ReadPointer(TypedDict):
    """Answer to `PUT /conversations/{id}/read`."""

    read_up_to: SequenceId
    unread_count: Count


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
    ("GET", "/conversations/{id}/messages", 200, Messages),
    ("GET", "/conversations/{id}/events", 200, Events),
    ("POST", "/conversations/{id}/messages", 200, frames.Event),
    ("POST", "/conversations/{id}/messages", 201, frames.Event),
    ("PUT", "/conversations/{id}/read", 200, ReadPointer),
    ("POST", "/tickets", 201, Ticket),
    ("GET", "/health", 200, Health),
)
"""Method, route, status: what the body is. From 400 up it is a `Refusal`, whatever the route."""
