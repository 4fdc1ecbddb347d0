"""What clients say: bodies and queries of HTTP requests, and the commands of the socket.

Each is a frozen model that refuses unknown fields and converts nothing (`"5"` is no number). `parse`,
`parse_query` and `parse_command` turn pydantic's errors into ours; an error names the place and the
rule, never the value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, LiteralString, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from . import json_text
from .errors import ChatError, InvalidJson, Problem, TooLarge, UnknownCommand, ValidationFailed
from .graphemes import is_one_character
from .limits import LEAST_RETENTION_DAYS, MOST_RETENTION_DAYS, Limits
from .model import JoinPolicy, ParticipantType, Role

MAX_SEQUENCE_ID = 2**53 - 1
MAX_PAGE = 100
MAX_SUBSCRIPTIONS_IN_HELLO = 100
MAX_HEADS_IN_PING = 100
MAX_EMOJI_BYTES = 64
MAX_MUTE_SECONDS = 30 * 24 * 3600

_FORBIDDEN_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_VISIBLE_ASCII = re.compile(r"[!-~]+")


def _limits(info: ValidationInfo) -> Limits:
    context: Limits | None = info.context
    return context or Limits()


def _text(value: str) -> str:
    if _FORBIDDEN_IN_TEXT.search(value):
        raise PydanticCustomError("text", "must not contain control characters or lone surrogates")
    if not value.strip():
        raise PydanticCustomError("text", "must not be empty or only white space")
    return value


def _at_most(count: int, most: int, of_what: LiteralString) -> None:
    if count > most:
        raise PydanticCustomError("limit", "must have at most {most} " + of_what, {"most": most})


def _title(value: str, info: ValidationInfo) -> str:
    _at_most(len(_text(value)), _limits(info).title_characters, "characters")
    return value


def _content(value: str, info: ValidationInfo) -> str:
    limits = _limits(info)
    _at_most(len(_text(value)), limits.content_characters, "characters")
    _at_most(len(value.encode()), limits.content_bytes, "bytes of UTF-8")
    return value


def _visible_ascii(value: str) -> str:
    if not _VISIBLE_ASCII.fullmatch(value):
        raise PydanticCustomError("ascii", "must consist of visible ASCII characters")
    return value


def _client_message_id(value: str, info: ValidationInfo) -> str:
    _at_most(len(_visible_ascii(value)), _limits(info).client_message_id_characters, "characters")
    return value


def _command_id(value: str, info: ValidationInfo) -> str:
    if _SURROGATE.search(value):
        raise PydanticCustomError("text", "must not contain lone surrogates")
    _at_most(len(value), _limits(info).command_id_characters, "characters")
    return value


def _metadata(value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    try:
        size = json_text.size(value)
    except UnicodeEncodeError:
        raise PydanticCustomError("metadata", "must not contain lone surrogates") from None
    _at_most(size, _limits(info).metadata_bytes, "bytes as JSON")
    return value


def _emoji(value: str) -> str:
    if not is_one_character(_text(value)):
        raise PydanticCustomError("emoji", "must be a single character as people see it, such as an emoji")
    _at_most(len(value.encode()), MAX_EMOJI_BYTES, "bytes of UTF-8")
    return value


def _not_null(value: Any) -> Any:
    """Where leaving a field out says that it stays as it is, null could be read as "remove this"."""
    if value is None:
        raise PydanticCustomError("null", "must not be null: leave out what stays as it is")
    return value


def _mentions(values: list[str], info: ValidationInfo) -> list[str]:
    _at_most(len(_distinct(values)), _limits(info).mentions, "entries")
    return values


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("distinct", "must not name anybody twice")
    return values


def _digits(value: Any) -> Any:
    """A number in a query string: digits only, so that `+5`, `5.0` and blanks are refused."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,16}", value):
        return int(value)
    raise PydanticCustomError("digits", "must be a whole number in digits")


ParticipantId = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_visible_ascii)]
ClientMessageId = Annotated[str, AfterValidator(_client_message_id)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_text)]
Title = Annotated[str, AfterValidator(_title)]
Content = Annotated[str, AfterValidator(_content)]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
SequenceId = Annotated[int, Field(ge=0, le=MAX_SEQUENCE_ID)]
EventSequenceId = Annotated[int, Field(ge=1, le=MAX_SEQUENCE_ID)]
Mentions = Annotated[list[ParticipantId], AfterValidator(_mentions)]
NewMentions = Annotated[Mentions | None, BeforeValidator(_not_null)]
NewMetadata = Annotated[Metadata | None, BeforeValidator(_not_null)]
Emoji = Annotated[str, AfterValidator(_emoji)]
CommandId = Annotated[str, AfterValidator(_command_id)]
QueryNumber = Annotated[SequenceId, BeforeValidator(_digits)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(_digits)]


class Request(BaseModel):
    """Base of all: frozen, strict, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Query(BaseModel):
    """Base of queries: their values are strings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ---- HTTP ----------------------------------------------------------------------------------------------


class NewParticipant(Request):
    """`POST /conversations/{id}/participants`, and an entry of `participants` at creation."""

    participant_id: ParticipantId
    name: Name
    role: Role = "member"
    type: ParticipantType = "human"


class CreateConversation(Request):
    """`POST /conversations`."""

    title: Title
    participants: list[NewParticipant] = []
    join_policy: JoinPolicy = "invite"
    metadata: Metadata = {}


class UpdateConversation(Request):
    """`PATCH /conversations/{id}`: what is not there stays as it is."""

    title: Title | None = None
    join_policy: JoinPolicy | None = None
    metadata: Metadata | None = None
    retention_days: Annotated[int, Field(ge=LEAST_RETENTION_DAYS, le=MOST_RETENTION_DAYS)] | None = None
    """Null: as the deployment has it."""

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, value: Any) -> Any:
        """Elsewhere null stands for "not there"; in a change it could be read as "remove this"."""
        if isinstance(value, dict) and any(value[name] is None for name in value if name != "retention_days"):
            raise PydanticCustomError("null", "must not hold null: leave out what stays as it is")
        return value


class Join(Request):
    """`POST /conversations/{id}/join`."""

    invite: Annotated[str, Field(max_length=128)] | None = None


class Nothing(Request):
    """A request that says all by its path."""


class UpdateParticipant(Request):
    """`PATCH /conversations/{id}/participants`: one of the two at least; what is not there stays as it is."""

    role: Annotated[Role | None, BeforeValidator(_not_null)] = None
    muted_for: Annotated[int | None, Field(ge=0, le=MAX_MUTE_SECONDS), BeforeValidator(_not_null)] = None

    @model_validator(mode="after")
    def _something(self) -> UpdateParticipant:
        if self.role is None and self.muted_for is None:
            raise PydanticCustomError("nothing", "must have role or muted_for")
        return self


class CreateInvite(Request):
    """`POST /conversations/{id}/invites`."""

    expires_in: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 7 * 24 * 3600
    max_uses: Annotated[int, Field(ge=1, le=1_000)] | None = None


class SendMessage(Request):
    """`POST /conversations/{id}/messages`."""

    content: Content
    client_message_id: ClientMessageId | None = None
    reply_to: EventSequenceId | None = None
    mentions: Mentions = []
    metadata: Metadata | None = None


class EditMessage(Request):
    """`PATCH /conversations/{id}/messages/{sequence_id}`: mentions and metadata stay, unless they are there."""

    content: Content
    mentions: NewMentions = None
    metadata: NewMetadata = None


class MoveReadPointer(Request):
    """`PUT /conversations/{id}/read`."""

    sequence_id: SequenceId


class NoQuery(Query):
    """A request without a query string."""


class ParticipantQuery(Query):
    """Which participant is meant."""

    participant_id: ParticipantId


class RemoveParticipantQuery(ParticipantQuery):
    """`DELETE /conversations/{id}/participants`."""

    ban: Literal["true", "false"] = "false"


class PageQuery(Query):
    """A page of a list."""

    limit: Limit = 50
    cursor: Annotated[str, Field(max_length=512)] | None = None


class ExportQuery(Query):
    """`GET /me/export`."""

    cursor: Annotated[str, Field(max_length=512)] | None = None


class ConversationsQuery(PageQuery):
    """`GET /conversations`."""


class AuditQuery(PageQuery):
    """`GET /conversations/{id}/audit`."""

    after: QueryNumber | None = None


class MessagesQuery(Query):
    """`GET /conversations/{id}/messages`."""

    before: QueryNumber | None = None
    after: QueryNumber | None = None
    limit: Limit = 50


class EmojiQuery(Query):
    """Which reaction is meant."""

    emoji: Emoji


class ReactionsQuery(Query):
    """`GET /conversations/{id}/messages/{sequence_id}/reactions`."""

    emoji: Emoji | None = None
    limit: Limit = 50
    cursor: Annotated[str, Field(max_length=512)] | None = None


class EventsQuery(Query):
    """`GET /conversations/{id}/events`."""

    after: QueryNumber = 0
    limit: Limit = 50


# ---- the socket: client → server -----------------------------------------------------------------------


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
    subscribe: Annotated[list[SubscribeTo], Field(max_length=MAX_SUBSCRIPTIONS_IN_HELLO)] = []


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


class Message(Command):
    """Client → server: say something."""

    type: Literal["message"]
    conversation_id: str
    client_message_id: ClientMessageId
    content: Content
    reply_to: EventSequenceId | None = None
    mentions: Mentions = []
    metadata: Metadata | None = None


class Edit(Command):
    """Client → server: say something else instead; mentions and metadata stay, unless they are there."""

    type: Literal["edit"]
    conversation_id: str
    target: EventSequenceId
    content: Content
    mentions: NewMentions = None
    metadata: NewMetadata = None


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

Appending: TypeAlias = Message | Edit | Delete | React | Unreact
"""The commands that append to a log, and so need its head."""

R = TypeVar("R", bound=BaseModel)


def parse_body(model: type[R], body: bytes, limits: Limits) -> R:
    """The JSON body of an HTTP request as a `model`. Where every field is optional, no body at all will do.

    Raises:
        TooLarge: more bytes than the limit.
        InvalidJson: not JSON.
        ValidationFailed: of the wrong shape.
    """
    if len(body) > limits.body_bytes:
        raise TooLarge(f"A request body may have at most {limits.body_bytes} bytes.")
    if not body and not any(field.is_required() for field in model.model_fields.values()):
        return _validated(model, {}, limits)
    return _validated(model, json_text.parse(body), limits)


def parse_query(model: type[R], query: Mapping[str, Sequence[str]]) -> R:
    """The query string of an HTTP request as a `model`.

    Raises:
        ValidationFailed: unknown, repeated or malformed parameters.
    """
    repeated: list[Problem] = [
        {"path": _step(name), "problem": "must be given once"} for name, values in query.items() if len(values) > 1
    ]
    if repeated:
        raise ValidationFailed(details=repeated)
    return _validated(model, {name: values[0] for name, values in query.items()}, Limits())


def parse_command(frame: str, limits: Limits) -> tuple[Command | ChatError, dict[str, str]]:
    """A frame of the socket: its command, or what is wrong with it; and what of it an answer repeats."""
    try:
        if len(frame.encode("utf-8", "surrogatepass")) > limits.command_bytes:
            raise TooLarge(f"A frame may have at most {limits.command_bytes} bytes.")
        value = json_text.parse(frame)
    except (TooLarge, InvalidJson) as problem:
        return problem, {}
    if not isinstance(value, dict):
        return ValidationFailed.at("", "must be an object"), {}
    repeated = echo(value)
    kind = value.get("type")
    if not isinstance(kind, str):
        return ValidationFailed.at("type", "must be the name of a command"), repeated
    model = COMMANDS.get(kind)
    if model is None:
        return UnknownCommand(f"There is no such command; there are {', '.join(COMMANDS)}."), repeated
    try:
        return _validated(model, value, limits), repeated
    except ValidationFailed as problem:
        return problem, repeated


def echo(frame: dict[str, Any]) -> dict[str, str]:
    """What tells the sender which of its frames an answer is for, as far as it is fit to be repeated."""
    found = {name: frame.get(name) for name in ("id", "conversation_id", "client_message_id")}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) <= 128 and not _SURROGATE.search(value)
    }


def _validated(model: type[R], value: Any, limits: Limits) -> R:
    try:
        return model.model_validate(value, context=limits)
    except ValidationError as failed:
        raise ValidationFailed(details=_problems(failed)) from None


def _problems(failed: ValidationError) -> list[Problem]:
    """At most 20 problems, each place as a dotted path of steps cut to a bearable length."""
    errors = failed.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"path": ".".join(_step(step) for step in each["loc"]), "problem": each["msg"]} for each in errors[:20]
    ]


def _step(step: str | int) -> str:
    return str(step)[:64].encode("ascii", "backslashreplace").decode()


def twice(participants: list[NewParticipant], caller: str) -> list[Problem]:
    """Who stands in a list of initial participants although they are in it already."""
    counts = Counter([caller, *(each.participant_id for each in participants)])
    return [
        {"path": f"participants.{index}.participant_id", "problem": "is in the conversation already"}
        for index, each in enumerate(participants)
        if counts[each.participant_id] > 1
    ]
