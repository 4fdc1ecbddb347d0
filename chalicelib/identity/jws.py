"""A strict parser for JWS compact serialization (RFC 7515 section 7.1). Nothing is verified here.

Every token has exactly one accepted spelling: three parts of canonical, unpadded base64url. Header and payload
are JSON by the rules of `json_codec`, which rejects duplicate names (RFC 7519 section 4 permits that).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.errors import InvalidJson
from chalicelib.identity.errors import InvalidToken

# ASCII characters. API Gateway accepts at most 10,240 bytes of headers.
MAX_TOKEN_LENGTH = 8192
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class CompactJws:
    """The parts of a token: the header as JSON, the others as bytes."""

    header: dict[str, object] = field(repr=False)
    payload: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse_jws(token: str) -> CompactJws:
    """Parse a token. Raises `InvalidToken` unless it is a compact JWS of at most 8 KB."""
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
    """Return the JSON object in `raw`. Raises `InvalidToken` for anything else."""
    try:
        value = json_codec.parse(raw)
    except InvalidJson:
        raise InvalidToken("the token does not contain valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidToken("the token does not contain a JSON object")
    return value


def _decoded(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidToken("the token is not valid base64url") from None
    # Python ignores the unused bits of the last character: without this check, a token has several spellings.
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode("ascii"):
        raise InvalidToken("the token is not valid base64url")
    return raw
