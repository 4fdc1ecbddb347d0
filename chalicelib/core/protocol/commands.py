"""The commands of the socket: what a client says over it (`requests.py` has what is said by HTTP)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import ChatError, InvalidJson, TooLarge, UnknownCommand, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.kernel.text import has_lone_surrogates
from chalicelib.core.protocol.fields import (
    ClientMessageId,
    CommandId,
    Emoji,
    EventSequenceId,
    Request,
    SequenceId,
    validated,
)
from chalicelib.core.protocol.message_fields import EditFields, MessageFields

MAX_SUBSCRIPTIONS_IN_HELLO = 100
MAX_HEADS_IN_PING = 100


class Command(Request):
    """Base of commands; every direct answer repeats `id`."""

    id: CommandId | None = None


class SubscribeTo(Request):
    """One conversation that `hello` subscribes to."""

    conversation_id: str
    after: SequenceId | None = None


class Hello(Command):
    """Client → server: the first words of a socket; a courtesy."""

    type: Literal["hello"]
    subscribe: Annotated[list[SubscribeTo], Field(max_length=MAX_SUBSCRIPTIONS_IN_HELLO)] = Field([])


class Subscribe(Command):
    """Client → server: hear a conversation from now on, and get what came after `after`."""

    type: Literal["subscribe"]
    conversation_id: str
    after: SequenceId | None = None


class Unsubscribe(Command):
    """Client → server: hear it no longer."""

    type: Literal["unsubscribe"]
    conversation_id: str


class Sync(Command):
    """Client → server: the events after `after`."""

    type: Literal["sync"]
    conversation_id: str
    after: SequenceId


class Message(Command, MessageFields):
    """Client → server: say something."""

    type: Literal["message"]
    conversation_id: str
    client_message_id: ClientMessageId


class Edit(Command, EditFields):
    """Client → server: say something else instead; mentions and metadata stay, unless they are there."""

    type: Literal["edit"]
    conversation_id: str
    target: EventSequenceId


class Delete(Command):
    """Client → server: take a message back."""

    type: Literal["delete"]
    conversation_id: str
    target: EventSequenceId


class React(Command):
    """Client → server: react to a message."""

    type: Literal["react"]
    conversation_id: str
    target: EventSequenceId
    emoji: Emoji


class Unreact(Command):
    """Client → server: take a reaction back."""

    type: Literal["unreact"]
    conversation_id: str
    target: EventSequenceId
    emoji: Emoji


class Read(Command):
    """Client → server: read up to here."""

    type: Literal["read"]
    conversation_id: str
    sequence_id: SequenceId


class Typing(Command):
    """Client → server: about to say something, or not any more."""

    type: Literal["typing"]
    conversation_id: str
    is_typing: bool


class Auth(Command):
    """Client → server: a new token of the same participant."""

    type: Literal["auth"]
    token: Annotated[str, Field(min_length=1, max_length=8_192)]


class Ping(Command):
    """Client → server: still here; how far are these conversations?"""

    type: Literal["ping"]
    heads: Annotated[dict[str, SequenceId], Field(max_length=MAX_HEADS_IN_PING)] | None = None


COMMANDS: Mapping[str, type[Command]] = {
    "hello": Hello,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "sync": Sync,
    "message": Message,
    "edit": Edit,
    "delete": Delete,
    "react": React,
    "unreact": Unreact,
    "read": Read,
    "typing": Typing,
    "auth": Auth,
    "ping": Ping,
}

AppendCommand: TypeAlias = Message | Edit | Delete | React | Unreact
"""The commands that append to a log, and so need its head."""


def parse_command(frame: str, limits: Limits) -> tuple[Command | ChatError, dict[str, str]]:
    """A frame of the socket: its command, or what is wrong with it; and what of it an answer repeats."""
    try:
        if len(frame.encode("utf-8", "surrogatepass")) > limits.command_bytes:
            raise TooLarge(f"A frame may have at most {limits.command_bytes} bytes.")
        value = json_codec.parse(frame)
    except (TooLarge, InvalidJson) as problem:
        return problem, {}
    if not isinstance(value, dict):
        return ValidationFailed.at("", "must be an object"), {}
    repeated = correlation_fields(value)
    kind = value.get("type")
    if not isinstance(kind, str):
        return ValidationFailed.at("type", "must be the name of a command"), repeated
    model = COMMANDS.get(kind)
    if model is None:
        return UnknownCommand(f"There is no such command; there are {', '.join(COMMANDS)}."), repeated
    try:
        return validated(model, value, limits), repeated
    except ValidationFailed as problem:
        return problem, repeated


def correlation_fields(frame: dict[str, Any]) -> dict[str, str]:
    """What tells the sender which of its frames an answer is for, as far as it is fit to be repeated."""
    found = {name: frame.get(name) for name in ("id", "conversation_id", "client_message_id")}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) <= 128 and not has_lone_surrogates(value)
    }
