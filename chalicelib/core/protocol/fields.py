"""The types of fields: the rules of each, its JSON Schema, and an example.

Rules that depend on the configured limits are functions of `field_rules.py`, which JSON Schema cannot show;
`_schema` publishes them with the default limits.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from chalicelib.core.kernel.history_id import HISTORY_ID_PATTERN, MAX_HISTORY_ID_CHARACTERS
from chalicelib.core.kernel.text import MAX_NAME_LENGTH, MAX_PARTICIPANT_ID_LENGTH
from chalicelib.core.model.conversations import JoinPolicy
from chalicelib.core.protocol import field_rules
from chalicelib.core.protocol.field_rules import DEFAULTS, MAX_EMOJI_BYTES

MAX_SEQUENCE_ID = 2**53 - 1
"""The largest integer that JSON readers with doubles keep exactly (RFC 8259 section 6)."""
MAX_COMMAND_NUMBER = 2**53 - 1
"""As `MAX_SEQUENCE_ID`."""

MAX_REASON_CHARACTERS = 1_000
"""Code points of the reason of a report."""

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


def example(value: Any) -> Any:
    """Return the annotation that gives a field an example in the published documents."""
    return Field(examples=[value])


def _schema(*, example: Any, description: str | None = None, **keywords: Any) -> Any:
    return Field(description=description, examples=[example], json_schema_extra=keywords)


# ---- ids, numbers, times -------------------------------------------------------------------------------

ParticipantId = Annotated[
    str,
    Field(min_length=1, max_length=MAX_PARTICIPANT_ID_LENGTH),
    AfterValidator(field_rules.visible_ascii),
    _schema(example="bob", description="Visible ASCII characters.", pattern="^[!-~]+$"),
]
SequenceId = Annotated[int, Field(ge=0, le=MAX_SEQUENCE_ID, examples=[1])]
CommandNumber = Annotated[int, Field(ge=0, le=MAX_COMMAND_NUMBER, examples=[7])]
EventSequenceId = Annotated[int, Field(ge=1, le=MAX_SEQUENCE_ID, examples=[2])]
HistoryIdText = Annotated[
    str,
    Field(min_length=3, max_length=MAX_HISTORY_ID_CHARACTERS, pattern=HISTORY_ID_PATTERN),
    _schema(example="0.chat-conversations", description="`<number>.<name>`; a higher number is newer."),
]
ClientMessageId = Annotated[
    str,
    AfterValidator(field_rules.client_message_id),
    _schema(
        example="9f2c-1",
        description=f"1 to {DEFAULTS.client_message_id_characters} visible ASCII characters.",
        minLength=1,
        maxLength=DEFAULTS.client_message_id_characters,
        pattern="^[!-~]+$",
    ),
]
CommandId = Annotated[
    str,
    AfterValidator(field_rules.command_id),
    _schema(
        example="1",
        description=f"At most {DEFAULTS.command_id_characters} characters, without lone surrogates.",
        maxLength=DEFAULTS.command_id_characters,
    ),
]

JoinPolicyField = Annotated[
    JoinPolicy,
    Field(description="`open`: anyone who knows the id can join. `invite`: only invited or added participants."),
]

# ---- texts ---------------------------------------------------------------------------------------------

Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME_LENGTH),
    AfterValidator(field_rules.line),
    _schema(example="Bob", description=_LINE_RULE, pattern=_LINE_PATTERN),
]
Title = Annotated[
    str,
    AfterValidator(field_rules.title),
    _schema(
        example="Trip to Oslo",
        description=f"At most {DEFAULTS.title_characters} code points. {_LINE_RULE}",
        minLength=1,
        maxLength=DEFAULTS.title_characters,
        pattern=_LINE_PATTERN,
    ),
]
Content = Annotated[
    str,
    AfterValidator(field_rules.content),
    _schema(
        example="Hello Bob! 🚆",
        description=(
            f"At most {DEFAULTS.content_characters} code points and {DEFAULTS.content_bytes} bytes of UTF-8. "
            f"{_TEXT_RULE}"
        ),
        minLength=1,
        maxLength=DEFAULTS.content_characters,
        pattern=_TEXT_PATTERN,
    ),
]
ReportReason = Annotated[
    str,
    Field(min_length=1, max_length=MAX_REASON_CHARACTERS),
    AfterValidator(field_rules.text),
    _schema(example="Advertising", description=_TEXT_RULE, pattern=_TEXT_PATTERN),
]
Emoji = Annotated[
    str,
    AfterValidator(field_rules.emoji),
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
    AfterValidator(field_rules.metadata),
    _schema(
        example={"colour": "green"},
        description=f"At most {DEFAULTS.metadata_bytes} bytes of UTF-8 as compact JSON, without lone surrogates.",
    ),
]
Mentions = Annotated[
    list[ParticipantId],
    AfterValidator(field_rules.mentions),
    _schema(
        example=["bob"],
        description=f"At most {DEFAULTS.mentions}, each once.",
        maxItems=DEFAULTS.mentions,
        uniqueItems=True,
    ),
]
NewMentions = Annotated[Mentions | None, BeforeValidator(field_rules.not_null)]
NewMetadata = Annotated[Metadata | None, BeforeValidator(field_rules.not_null)]
