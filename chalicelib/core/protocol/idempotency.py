"""The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

Its value is a string of structured fields (RFC 8941, section 3.3.3): `"8e03978e-40d5-43dd-bc93-6894a57f9324"`.
Many clients send it without the quotes, which is accepted, too, if it consists of letters, digits and `-._~:`.
"""

from __future__ import annotations

import json
import re

from pydantic import BaseModel

from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.kernel.ids import digest

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_BARE = re.compile(r"[A-Za-z0-9._~:-]+")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


def parse_idempotency_key(value: str | None) -> str | None:
    """Return the key of a header, None if the header is absent. Raises ValidationFailed."""
    if value is None:
        return None
    text = value.strip(" \t")
    if _BARE.fullmatch(text):
        key = text
    elif quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    else:
        raise ValidationFailed.at(HEADER, 'must be a string in quotes, for example "8e03978e-40d5"')
    if not 1 <= len(key) <= MAX_LENGTH:
        raise ValidationFailed.at(HEADER, f"must have 1 to {MAX_LENGTH} characters")
    return key


def fingerprint(request: BaseModel) -> str:
    """Return a digest of a request, which ignores its layout and fields that have their default."""
    fields = request.model_dump(mode="json", exclude_defaults=True)
    return digest(json.dumps(fields, sort_keys=True))
