"""The rules of fields that a type alone cannot state: texts, sizes, and limits of the deployment.

Each function returns the value, or raises PydanticCustomError. The context of a validation is the configured
`Limits`.
"""

from __future__ import annotations

from typing import Any, LiteralString

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.kernel.text import (
    has_forbidden_characters,
    has_line_breaks_or_bidi_controls,
    has_lone_surrogates,
    is_reserved_id,
    is_visible,
    is_visible_ascii,
)

MAX_EMOJI_BYTES = 64
DEFAULTS = Limits()
"""The limits in the published documents, and without a context."""


def _limits(info: ValidationInfo) -> Limits:
    context: Limits | None = info.context
    return context or DEFAULTS


def text(value: str) -> str:
    """Require a visible character, and neither control characters nor lone surrogates."""
    if has_forbidden_characters(value):
        raise PydanticCustomError("text", "must not contain control characters or lone surrogates")
    if not is_visible(value):
        raise PydanticCustomError("text", "must contain a visible character")
    return value


def line(value: str) -> str:
    """Require a text without line breaks and bidirectional controls."""
    if has_line_breaks_or_bidi_controls(value):
        raise PydanticCustomError("text", "must not contain line breaks or bidirectional controls")
    return text(value)


def _require_at_most(count: int, maximum: int, unit: LiteralString) -> None:
    if count > maximum:
        raise PydanticCustomError("limit", "must have at most {most} " + unit, {"most": maximum})


def title(value: str, info: ValidationInfo) -> str:
    """Require one line of the configured length."""
    _require_at_most(len(line(value)), _limits(info).title_characters, "characters")
    return value


def content(value: str, info: ValidationInfo) -> str:
    """Require a text of the configured length in characters and bytes."""
    limits = _limits(info)
    _require_at_most(len(text(value)), limits.content_characters, "characters")
    _require_at_most(len(value.encode()), limits.content_bytes, "bytes of UTF-8")
    return value


def visible_ascii(value: str) -> str:
    """Require visible ASCII characters."""
    if not is_visible_ascii(value):
        raise PydanticCustomError("ascii", "must consist of visible ASCII characters")
    return value


def not_reserved(value: str) -> str:
    """Refuse the id of the system, and ids that erased participants can have."""
    if is_reserved_id(value):
        raise PydanticCustomError("reserved", "is reserved")
    return value


def client_message_id(value: str, info: ValidationInfo) -> str:
    """Require visible ASCII characters, up to the configured number."""
    _require_at_most(len(visible_ascii(value)), _limits(info).client_message_id_characters, "characters")
    return value


def command_id(value: str, info: ValidationInfo) -> str:
    """Require the configured length, and no lone surrogates."""
    if has_lone_surrogates(value):
        raise PydanticCustomError("text", "must not contain lone surrogates")
    _require_at_most(len(value), _limits(info).command_id_characters, "characters")
    return value


def metadata(value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """Require the configured size as JSON, and no lone surrogates."""
    try:
        size = json_codec.size(value)
    except UnicodeEncodeError:
        raise PydanticCustomError("metadata", "must not contain lone surrogates") from None
    _require_at_most(size, _limits(info).metadata_bytes, "bytes as JSON")
    return value


def emoji(value: str) -> str:
    """Require one user-perceived character of at most `MAX_EMOJI_BYTES`."""
    from chalicelib.core.protocol.graphemes import is_one_character

    if not is_one_character(text(value)):
        raise PydanticCustomError("emoji", "must be a single user-perceived character, such as an emoji")
    _require_at_most(len(value.encode()), MAX_EMOJI_BYTES, "bytes of UTF-8")
    return value


def not_null(value: Any) -> Any:
    """Reject null where leaving a field out keeps its value: null could be taken for "remove"."""
    if value is None:
        raise PydanticCustomError("null", "must not be null: leave out a field to keep its value")
    return value


def mentions(values: list[str], info: ValidationInfo) -> list[str]:
    """Require distinct participants, up to the configured number."""
    if len(set(values)) != len(values):
        raise PydanticCustomError("distinct", "must not name a participant twice")
    _require_at_most(len(values), _limits(info).mentions, "entries")
    return values
