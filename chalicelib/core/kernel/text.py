"""Rules for text from clients and identity providers: allowed characters, and the lengths of ids and names."""

from __future__ import annotations

import re

MAX_PARTICIPANT_ID_LENGTH = 255
"""OpenID Connect Core 1.0 section 2: `sub` has at most 255 ASCII characters."""
MAX_NAME_LENGTH = 100

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_VISIBLE_ASCII = re.compile("[!-~]+")


def has_forbidden_characters(text: str) -> bool:
    """Return whether `text` has a control character other than tab, LF and CR, or a lone surrogate."""
    return _FORBIDDEN.search(text) is not None


def has_lone_surrogates(text: str) -> bool:
    """Return whether `text` has a surrogate code point, which UTF-8 cannot encode."""
    return _SURROGATE.search(text) is not None


def is_visible_ascii(text: str) -> bool:
    """Return whether `text` is not empty and consists of ASCII characters other than space and controls."""
    return _VISIBLE_ASCII.fullmatch(text) is not None


def is_participant_id(text: str) -> bool:
    """Return whether `text` can be a participant id, the `sub` of a token."""
    return len(text) <= MAX_PARTICIPANT_ID_LENGTH and is_visible_ascii(text)


def is_name(text: str) -> bool:
    """Return whether `text` can be a display name."""
    return len(text) <= MAX_NAME_LENGTH and bool(text.strip()) and not has_forbidden_characters(text)
