"""The commands of the WebSocket: the frames that clients send. `requests.py` has the bodies of HTTP requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel.text import has_lone_surrogates
from chalicelib.core.protocol.fields import (
    ClientMessageId,
    CommandId,
    CommandNumber,
    Emoji,
    EventSequenceId,
    HistoryIdText,
    SequenceId,
    example,
)
from chalicelib.core.protocol.message_fields import EditFields, SendFields
from chalicelib.core.protocol.validation import Request

MAX_SUBSCRIPTIONS_IN_HELLO = 100
MAX_HEADS_IN_PING = 100

AnyConversationId = Annotated[str, example("conv_Zm9vYmFyYmF6cXV4cXV1eA")]
"""Any string: one that is not the id of a conversation is answered with NOT_FOUND."""


class Command(Request):
    """The base of commands."""

    id: CommandId | None = None
    """The client's id of the command; every direct reply repeats it."""


class StateCommand(Command):
    """The base of commands that set a state of the connection: the latest one wins, in any order of execution."""

    n: CommandNumber = 0
    """A number that the client raises with each frame of a connection.

    Of two commands about the same subscription, or the same typing, the one with the higher `n` wins; of equal
    ones, the one that the server received later.
    """


class ConversationCommand(Command):
    """The base of commands about one conversation."""

    conversation_id: AnyConversationId
    """The id of the conversation."""


class PositionedCommand(ConversationCommand):
    """The base of commands that write, and name sequence ids."""

    history_id: HistoryIdText | None = None
    """The history of the sequence ids in the command. If it is not that of the server, nothing is written."""


class UpdateCommand(PositionedCommand):
    """The base of commands that update a message."""

    target: EventSequenceId
    """The `sequence_id` of the message."""


class SubscribeTo(Request):
    """A conversation to subscribe to."""

    conversation_id: AnyConversationId
    """The id of the conversation."""
    after: SequenceId | None = None
    """The last `sequence_id` that the client has. Without it, the newest 50 events are sent."""


def _distinct(subscriptions: list[SubscribeTo]) -> list[SubscribeTo]:
    if len({item.conversation_id for item in subscriptions}) != len(subscriptions):
        raise PydanticCustomError("distinct", "must not name a conversation twice")
    return subscriptions


class Hello(StateCommand):
    """Client → server: request the parameters of the session, and subscribe to conversations. Optional."""

    type: Literal["hello"]
    subscribe: Annotated[
        list[SubscribeTo],
        Field(max_length=MAX_SUBSCRIPTIONS_IN_HELLO, json_schema_extra={"uniqueItems": True}),
        AfterValidator(_distinct),
    ] = Field([])
    """The conversations to subscribe to, each once."""
    feed: bool = False
    """Whether the connection receives `activity` of all conversations of its participant, until it ends."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


class Subscribe(ConversationCommand, StateCommand):
    """Client → server: receive the events of a conversation from now on, and those after `after`."""

    type: Literal["subscribe"]
    after: SequenceId | None = None
    """The last `sequence_id` that the client has. Without it, the newest 50 events are sent."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


class Unsubscribe(ConversationCommand, StateCommand):
    """Client → server: receive no further events of a conversation."""

    type: Literal["unsubscribe"]


class Sync(ConversationCommand):
    """Client → server: fetch the events after `after`."""

    type: Literal["sync"]
    after: SequenceId
    """The last `sequence_id` that the client has."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


class Message(PositionedCommand, SendFields):
    """Client → server: send a message."""

    type: Literal["message"]
    client_message_id: ClientMessageId
    """The idempotency key: a repeat with the same id of the same participant is the same message."""


class Edit(UpdateCommand, EditFields):
    """Client → server: edit a message. Mentions and metadata that are left out keep their value."""

    type: Literal["edit"]


class Delete(UpdateCommand):
    """Client → server: delete a message."""

    type: Literal["delete"]


class React(UpdateCommand):
    """Client → server: add a reaction to a message."""

    type: Literal["react"]
    emoji: Emoji
    """The reaction."""


class Unreact(UpdateCommand):
    """Client → server: remove a reaction from a message."""

    type: Literal["unreact"]
    emoji: Emoji
    """The reaction."""


class Read(PositionedCommand):
    """Client → server: move the read pointer."""

    type: Literal["read"]
    sequence_id: SequenceId
    """The last event that was read; at most the head."""


class Typing(ConversationCommand, StateCommand):
    """Client → server: start or stop typing."""

    type: Literal["typing"]
    is_typing: bool
    """Whether the participant is typing."""


class Auth(Command):
    """Client → server: replace the token of the connection by a new one of the same participant."""

    type: Literal["auth"]
    token: Annotated[
        str,
        Field(min_length=1, max_length=8_192, examples=["eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln"]),
    ]
    """A token of the same participant."""


class Ping(Command):
    """Client → server: keep the connection alive, and compare heads."""

    type: Literal["ping"]
    heads: (
        Annotated[
            dict[str, SequenceId],
            Field(max_length=MAX_HEADS_IN_PING, examples=[{"conv_Zm9vYmFyYmF6cXV4cXV1eA": 2}]),
        ]
        | None
    ) = None
    """By conversation id: the newest `sequence_id` that the client has."""
    history_id: HistoryIdText | None = None
    """The history of the client's position. If it is not that of the server, the position is void."""


AppendCommand: TypeAlias = Message | Edit | Delete | React | Unreact
"""The commands that append to a log, and so need its head."""


def correlation_fields(frame: dict[str, Any]) -> dict[str, str]:
    """Return the fields by which the client recognizes the command that a reply answers, if they are valid."""
    found = {name: frame.get(name) for name in ("id", "conversation_id", "client_message_id")}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) <= 128 and not has_lone_surrogates(value)
    }
