"""What the fields of requests and commands may hold, and how pydantic's errors become ours.

A model is frozen, refuses unknown fields and converts nothing (`"5"` is no number); an error names the place and
the rule, never the value. Models are built when they are first used: a function needs few of them.
"""

from __future__ import annotations

from typing import Annotated, Any, LiteralString, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import Problem, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.kernel.text import (
    MAX_NAME_LENGTH,
    MAX_PARTICIPANT_ID_LENGTH,
    has_forbidden_characters,
    has_lone_surrogates,
    is_visible_ascii,
)
from chalicelib.core.protocol.graphemes import is_one_character

MAX_SEQUENCE_ID = 2**53 - 1
MAX_EMOJI_BYTES = 64
R = TypeVar("R", bound=BaseModel)


def _limits(info: ValidationInfo) -> Limits:
    context: Limits | None = info.context
    return context or Limits()


def _text(value: str) -> str:
    if has_forbidden_characters(value):
        raise PydanticCustomError("text", "must not contain control characters or lone surrogates")
    if not value.strip():
        raise PydanticCustomError("text", "must not be empty or only white space")
    return value


def _require_at_most(count: int, most: int, of_what: LiteralString) -> None:
    if count > most:
        raise PydanticCustomError("limit", "must have at most {most} " + of_what, {"most": most})


def _title(value: str, info: ValidationInfo) -> str:
    _require_at_most(len(_text(value)), _limits(info).title_characters, "characters")
    return value


def _content(value: str, info: ValidationInfo) -> str:
    limits = _limits(info)
    _require_at_most(len(_text(value)), limits.content_characters, "characters")
    _require_at_most(len(value.encode()), limits.content_bytes, "bytes of UTF-8")
    return value


def _visible_ascii(value: str) -> str:
    if not is_visible_ascii(value):
        raise PydanticCustomError("ascii", "must consist of visible ASCII characters")
    return value


def _client_message_id(value: str, info: ValidationInfo) -> str:
    _require_at_most(len(_visible_ascii(value)), _limits(info).client_message_id_characters, "characters")
    return value


def _command_id(value: str, info: ValidationInfo) -> str:
    if has_lone_surrogates(value):
        raise PydanticCustomError("text", "must not contain lone surrogates")
    _require_at_most(len(value), _limits(info).command_id_characters, "characters")
    return value


def _metadata(value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    try:
        size = json_codec.size(value)
    except UnicodeEncodeError:
        raise PydanticCustomError("metadata", "must not contain lone surrogates") from None
    _require_at_most(size, _limits(info).metadata_bytes, "bytes as JSON")
    return value


def _emoji(value: str) -> str:
    if not is_one_character(_text(value)):
        raise PydanticCustomError("emoji", "must be a single character as people see it, such as an emoji")
    _require_at_most(len(value.encode()), MAX_EMOJI_BYTES, "bytes of UTF-8")
    return value


def not_null(value: Any) -> Any:
    """Where leaving a field out says that it stays as it is, null could be read as "remove this"."""
    if value is None:
        raise PydanticCustomError("null", "must not be null: leave out what stays as it is")
    return value


def _mentions(values: list[str], info: ValidationInfo) -> list[str]:
    _require_at_most(len(_distinct(values)), _limits(info).mentions, "entries")
    return values


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("distinct", "must not name anybody twice")
    return values


ParticipantId = Annotated[
    str, Field(min_length=1, max_length=MAX_PARTICIPANT_ID_LENGTH), AfterValidator(_visible_ascii)
]
ClientMessageId = Annotated[str, AfterValidator(_client_message_id)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH), AfterValidator(_text)]
Title = Annotated[str, AfterValidator(_title)]
Content = Annotated[str, AfterValidator(_content)]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
SequenceId = Annotated[int, Field(ge=0, le=MAX_SEQUENCE_ID)]
EventSequenceId = Annotated[int, Field(ge=1, le=MAX_SEQUENCE_ID)]
Mentions = Annotated[list[ParticipantId], AfterValidator(_mentions)]
NewMentions = Annotated[Mentions | None, BeforeValidator(not_null)]
NewMetadata = Annotated[Metadata | None, BeforeValidator(not_null)]
Emoji = Annotated[str, AfterValidator(_emoji)]
CommandId = Annotated[str, AfterValidator(_command_id)]


class Request(BaseModel):
    """Base of all: frozen, strict, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


def validated(model: type[R], value: Any, limits: Limits) -> R:
    """`value` as a `model`. Raises ValidationFailed."""
    try:
        return model.model_validate(value, context=limits)
    except ValidationError as failed:
        raise ValidationFailed(details=_problems(failed)) from None


def _problems(failed: ValidationError) -> list[Problem]:
    """At most 20 problems, each place as a dotted path of steps cut to a bearable length."""
    errors = failed.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"path": ".".join(path_segment(one) for one in each["loc"]), "problem": each["msg"]}
        for each in errors[:20]
    ]


def path_segment(of: str | int) -> str:
    """A step of a place as an answer may name it."""
    return str(of)[:64].encode("ascii", "backslashreplace").decode()
