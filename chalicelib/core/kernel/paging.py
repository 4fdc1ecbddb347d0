"""The cursors of paged lists: opaque to clients, and validated when they return."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import InvalidJson, ValidationFailed

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest number in the protocol, as JSON readers may have doubles only."""


def encode(*parts: str | int) -> str:
    """Return a cursor with these values."""
    return base64.urlsafe_b64encode(json_codec.dumps(parts).encode()).decode()


def decode(cursor: str, *kinds: type[str] | type[int]) -> list[str | int]:
    """Return the values in a cursor, which must be of these types. Raises ValidationFailed at `cursor`."""
    try:
        parts = json_codec.parse(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, InvalidJson):
        parts = None
    if (
        not isinstance(parts, list)
        or [type(part) for part in parts] != list(kinds)
        or not all(_is_position(part) for part in parts)
    ):
        raise ValidationFailed.at("cursor", "must be the next_cursor of an earlier response")
    return parts


def _is_position(part: str | int) -> bool:
    """Return whether a value can be one of a key: a number of a log, or text that sorts within a range of keys."""
    if isinstance(part, int):
        return 0 <= part <= MAX_SAFE_INTEGER
    return part.isascii() and part.isprintable() and not part.startswith("~")


def start_key(cursor: str | None) -> str | None:
    """Return the key after which a page begins, None for the first page. Raises ValidationFailed at `cursor`."""
    return None if cursor is None else str(decode(cursor, str)[0])


def page(name: str, items: Sequence[Any], next_key: str | tuple[str | int, ...] | None) -> dict[str, Any]:
    """Return an answer with a page of items under `name`, and a cursor if there are more.

    `next_key` is the key after which the next page begins, None if this is the last one.
    """
    answer: dict[str, Any] = {name: items}
    if next_key is not None:
        answer["next_cursor"] = encode(*((next_key,) if isinstance(next_key, str) else next_key))
    return answer
