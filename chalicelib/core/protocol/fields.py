"""The types of fields: the rules of each, its JSON Schema, and an example.

Rules that depend on the configured limits are checked by a function, which JSON Schema cannot show; `_schema`
publishes them with the default limits. Responses and frames are not validated at run time: their types are there
for the published documents.
"""

from __future__ import annotations

from typing import Annotated, Any, LiteralString

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.history_id import HISTORY_ID_PATTERN, MAX_HISTORY_ID_CHARACTERS
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.kernel.text import (
    MAX_NAME_LENGTH,
    MAX_PARTICIPANT_ID_LENGTH,
    has_forbidden_characters,
    has_line_breaks_or_bidi_controls,
    has_lone_surrogates,
    is_visible,
    is_visible_ascii,
)
from chalicelib.core.model.conversations import JoinPolicy

MAX_SEQUENCE_ID = 2**53 - 1
"""The largest integer that JSON readers with doubles keep exactly (RFC 8259 section 6)."""
MAX_COMMAND_NUMBER = 2**53 - 1
"""As `MAX_SEQUENCE_ID`."""
MAX_EMOJI_BYTES = 64
CONVERSATION_ID_PATTERN = "^conv_[A-Za-z0-9_-]+$"

_DEFAULTS = Limits()
_TEXT_PATTERN = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$"
_TEXT_RULE = (
    "Control characters (C0, DEL, C1) other than tab, line feed and carriage return, lone surrogates, and text "
    "without a visible character are rejected. Everything else is kept unchanged."
)
_LINE_PATTERN = r"^[^\u0000-\u0008\u000A-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]*$"
_LINE_RULE = (
    "Control characters other than tab, line breaks, bidirectional controls, lone surrogates, and text without a "
    "visible character are rejected. Everything else is kept unchanged."
)


def _limits(info: ValidationInfo) -> Limits:
    context: Limits | None = info.context
    return context or _DEFAULTS


def _text(value: str) -> str:
    if has_forbidden_characters(value):
        raise PydanticCustomError("text", "must not contain control characters or lone surrogates")
    if not is_visible(value):
        raise PydanticCustomError("text", "must contain a visible character")
    return value


def _line(value: str) -> str:
    if has_line_breaks_or_bidi_controls(value):
        raise PydanticCustomError("text", "must not contain line breaks or bidirectional controls")
    return _text(value)


def _require_at_most(count: int, maximum: int, unit: LiteralString) -> None:
    if count > maximum:
        raise PydanticCustomError("limit", "must have at most {most} " + unit, {"most": maximum})


def _title(value: str, info: ValidationInfo) -> str:
    _require_at_most(len(_line(value)), _limits(info).title_characters, "characters")
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
    from chalicelib.core.protocol.graphemes import is_one_character

    if not is_one_character(_text(value)):
        raise PydanticCustomError("emoji", "must be a single user-perceived character, such as an emoji")
    _require_at_most(len(value.encode()), MAX_EMOJI_BYTES, "bytes of UTF-8")
    return value


def not_null(value: Any) -> Any:
    """Reject null where leaving a field out keeps its value: null could be taken for "remove"."""
    if value is None:
        raise PydanticCustomError("null", "must not be null: leave out a field to keep its value")
    return value


def _mentions(values: list[str], info: ValidationInfo) -> list[str]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("distinct", "must not name a participant twice")
    _require_at_most(len(values), _limits(info).mentions, "entries")
    return values


def example(value: Any) -> Any:
    """Return the annotation that gives a field an example in the published documents."""
    return Field(examples=[value])


def _schema(*, example: Any, description: str | None = None, **keywords: Any) -> Any:
    return Field(description=description, examples=[example], json_schema_extra=keywords)


# ---- ids, numbers, times -------------------------------------------------------------------------------

ParticipantId = Annotated[
    str,
    Field(min_length=1, max_length=MAX_PARTICIPANT_ID_LENGTH),
    AfterValidator(_visible_ascii),
    _schema(example="bob", description="Visible ASCII characters.", pattern="^[!-~]+$"),
]
SequenceId = Annotated[int, Field(ge=0, le=MAX_SEQUENCE_ID, examples=[1])]
CommandNumber = Annotated[int, Field(ge=0, le=MAX_COMMAND_NUMBER, examples=[7])]
EventSequenceId = Annotated[int, Field(ge=1, le=MAX_SEQUENCE_ID, examples=[2])]
Count = Annotated[int, Field(ge=0, examples=[1])]
HistoryIdText = Annotated[
    str,
    Field(min_length=3, max_length=MAX_HISTORY_ID_CHARACTERS, pattern=HISTORY_ID_PATTERN),
    _schema(example="0.chat-conversations", description="`<number>.<name>`; a higher number is newer."),
]
ConversationId = Annotated[
    str,
    Field(
        description="The id of the conversation.",
        pattern=CONVERSATION_ID_PATTERN,
        examples=["conv_Zm9vYmFyYmF6cXV4cXV1eA"],
    ),
]
Timestamp = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        json_schema_extra={"format": "date-time"},
        examples=["2026-03-01T09:00:00.000Z"],
    ),
]
"""UTC with milliseconds (RFC 3339), as `clock.rfc3339` writes it."""
InviteId = Annotated[
    str,
    Field(
        description="The id of the invite. It does not let anyone join.",
        pattern="^ivt_[A-Za-z0-9_-]+$",
        examples=["ivt_dGhpcyBpc24ndCBpdCBlaQ"],
    ),
]
ClientMessageId = Annotated[
    str,
    AfterValidator(_client_message_id),
    _schema(
        example="9f2c-1",
        description=f"1 to {_DEFAULTS.client_message_id_characters} visible ASCII characters.",
        minLength=1,
        maxLength=_DEFAULTS.client_message_id_characters,
        pattern="^[!-~]+$",
    ),
]
CommandId = Annotated[
    str,
    AfterValidator(_command_id),
    _schema(
        example="1",
        description=f"At most {_DEFAULTS.command_id_characters} characters, without lone surrogates.",
        maxLength=_DEFAULTS.command_id_characters,
    ),
]

JoinPolicyField = Annotated[
    JoinPolicy,
    Field(description="`open`: anyone who knows the id can join. `invite`: only invited or added participants."),
]

# ---- texts ---------------------------------------------------------------------------------------------

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME_LENGTH),
    AfterValidator(_line),
    _schema(example="Bob", description=_LINE_RULE, pattern=_LINE_PATTERN),
]
Title = Annotated[
    str,
    AfterValidator(_title),
    _schema(
        example="Trip to Oslo",
        description=f"At most {_DEFAULTS.title_characters} code points. {_LINE_RULE}",
        minLength=1,
        maxLength=_DEFAULTS.title_characters,
        pattern=_LINE_PATTERN,
    ),
]
Content = Annotated[
    str,
    AfterValidator(_content),
    _schema(
        example="Hello Bob! 🚆",
        description=(
            f"At most {_DEFAULTS.content_characters} code points and {_DEFAULTS.content_bytes} bytes of UTF-8. "
            f"{_TEXT_RULE}"
        ),
        minLength=1,
        maxLength=_DEFAULTS.content_characters,
        pattern=_TEXT_PATTERN,
    ),
]
Emoji = Annotated[
    str,
    AfterValidator(_emoji),
    _schema(
        example="👍",
        description=(
            "One user-perceived character (an extended grapheme cluster, UAX #29) of at most "
            f"{MAX_EMOJI_BYTES} bytes of UTF-8. Emoji that differ by variation selectors only are one reaction."
        ),
        minLength=1,
        maxLength=MAX_EMOJI_BYTES,
        pattern=_TEXT_PATTERN,
    ),
]

# ---- objects and lists ---------------------------------------------------------------------------------

Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_metadata),
    _schema(
        example={"colour": "green"},
        description=f"At most {_DEFAULTS.metadata_bytes} bytes of UTF-8 as compact JSON, without lone surrogates.",
    ),
]
Mentions = Annotated[
    list[ParticipantId],
    AfterValidator(_mentions),
    _schema(
        example=["bob"],
        description=f"At most {_DEFAULTS.mentions}, each once.",
        maxItems=_DEFAULTS.mentions,
        uniqueItems=True,
    ),
]
NewMentions = Annotated[Mentions | None, BeforeValidator(not_null)]
NewMetadata = Annotated[Metadata | None, BeforeValidator(not_null)]
