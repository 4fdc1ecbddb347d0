"""The outer form of a token: a JWS in compact serialisation (RFC 7515 section 7.1), read strictly.

One text has one reading: three parts of unpadded, canonical base64url; JSON in UTF-8 without NaN and
without a name twice in one object (RFC 7519 section 4 allows to refuse those). What is read here is not
yet verified.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from chalicelib.identity.errors import InvalidToken

# Characters, all of them ASCII. API Gateway lets in no more than 10,240 bytes of headers anyway.
MAX_TOKEN_LENGTH = 8192
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class CompactJws:
    """A token taken apart: the header as JSON, the rest as bytes."""

    header: dict[str, object] = field(repr=False)
    payload: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse_jws(token: str) -> CompactJws:
    """Take a token apart. Raises `InvalidToken` for anything but a compact JWS of at most 8 KB."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidToken(f"the token is longer than {MAX_TOKEN_LENGTH} characters")
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise InvalidToken("the token is not a signed JWT")
    header, payload, signature = (_decoded(part) for part in parts.groups())
    return CompactJws(
        header=json_object(header),
        payload=payload,
        signing_input=token[: parts.start(3) - 1].encode("ascii"),
        signature=signature,
    )


def json_object(raw: bytes) -> dict[str, object]:
    """The JSON object in these bytes. Raises `InvalidToken` for anything else."""
    try:
        # As text: given bytes, json.loads would guess UTF-16 and UTF-32 too.
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidToken("the token does not contain valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidToken("the token does not contain a JSON object")
    return value


def _decoded(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidToken("the token is not valid base64url") from None
    # Python ignores the surplus bits of the last character: without this a token has several spellings.
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode("ascii"):
        raise InvalidToken("the token is not valid base64url")
    return raw


def _unique(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError("a name twice in one object")
        members[name] = value
    return members


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
