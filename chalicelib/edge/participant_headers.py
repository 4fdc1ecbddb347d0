"""The headers by which a service names the participant for whom it acts. Only a service may send them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.kernel.text import is_name, is_participant_id, is_reserved_id

PARTICIPANT = "Chat-Participant"
NAME = "Chat-Participant-Name"
ENCODED = r"^(?:[A-Za-z0-9._~!*'()-]|%[0-9A-Fa-f]{2})+$"
"""The result of percent-encoding a text (RFC 3986 section 2.1, ECMA-262 `encodeURIComponent`)."""


class NamedParticipant(NamedTuple):
    """The participant in the headers of a request."""

    participant_id: str
    name: str | None


def names_participant(headers: Mapping[str, Any] | None) -> bool:
    """Return whether a request has one of the headers, in whatever spelling API Gateway passes it."""
    names = {PARTICIPANT.lower(), NAME.lower()}
    return any(name.lower() in names for name in headers or {})


def refuse_participant(headers: Mapping[str, Any] | None) -> None:
    """Raise ValidationFailed if a request has one of the headers."""
    if names_participant(headers):
        raise ValidationFailed.at(PARTICIPANT, "is allowed only for services")


def read_participant(headers: Mapping[str, list[str]] | None) -> NamedParticipant | None:
    """Return the participant in the `multiValueHeaders` of an event, None without one. Raises ValidationFailed."""
    participant_id, name = _decoded(headers, PARTICIPANT), _decoded(headers, NAME)
    if participant_id is None:
        if name is not None:
            raise ValidationFailed.at(NAME, f"is allowed only together with {PARTICIPANT}")
        return None
    if not is_participant_id(participant_id):
        raise ValidationFailed.at(PARTICIPANT, "must be 1 to 255 visible ASCII characters, percent-encoded")
    if is_reserved_id(participant_id):
        raise ValidationFailed.at(PARTICIPANT, "is reserved")
    if name is not None and not is_name(name):
        raise ValidationFailed.at(NAME, "must be one line of 1 to 100 characters, percent-encoded")
    return NamedParticipant(participant_id, name)


def _decoded(headers: Mapping[str, list[str]] | None, name: str) -> str | None:
    values = list(_values(headers, name))
    if not values:
        return None
    if len(values) > 1:
        raise ValidationFailed.at(name, "must be given once")
    try:
        if re.fullmatch(ENCODED, values[0]):
            return unquote_to_bytes(values[0]).decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise ValidationFailed.at(name, "must be percent-encoded UTF-8, as encodeURIComponent writes it")


def _values(headers: Mapping[str, list[str]] | None, name: str) -> Iterable[str]:
    for key, values in (headers or {}).items():
        if key.lower() == name.lower():
            yield from values
