"""Rules for text from clients and identity providers: allowed characters, and the lengths of ids and names.

Every text must contain something visible. Texts of one line, which are names and titles, must also not change the
direction of the text beside them.
"""

from __future__ import annotations

import re
import unicodedata

MAX_PARTICIPANT_ID_LENGTH = 255
"""OpenID Connect Core 1.0 section 2: `sub` has at most 255 ASCII characters."""
MAX_NAME_LENGTH = 100

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN_IN_LINES = re.compile("[\n\r\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Line breaks, and the characters with the property Bidi_Control (UAX #9)."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_VISIBLE_ASCII = re.compile("[!-~]+")
_VARIATION_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_VISIBLE_CATEGORIES = frozenset("LNPS")
"""Letters, numbers, punctuation and symbols: a mark without one of these has nothing to combine with."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""Letters and symbols without a glyph: the Hangul fillers, the empty Braille pattern, the null notehead."""
_DEFAULT_IGNORABLE = re.compile("[\u2065\ufff0-\ufff8\U000e0000-\U000e0fff]")
"""Unassigned code points that will never have a glyph (Unicode, Default_Ignorable_Code_Point)."""

SYSTEM_ID = "system"
SERVICE_ID = "service"
"""The sender of events that no request causes, such as the expiry of contents."""
ERASED_PREFIX = "erased_"
"""With which the pseudonyms of erased participants begin."""


def has_forbidden_characters(text: str) -> bool:
    """Return whether `text` has a control character (C0, DEL or C1) but tab, LF and CR, or a lone surrogate."""
    return _FORBIDDEN.search(text) is not None


def has_line_breaks_or_bidi_controls(text: str) -> bool:
    """Return whether `text` has more than one line, or a character that changes the direction of text."""
    return _FORBIDDEN_IN_LINES.search(text) is not None


def is_visible(text: str) -> bool:
    """Return whether `text` has a character that has a glyph."""
    return any(map(_has_glyph, text))


def _has_glyph(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] in _VISIBLE_CATEGORIES:
        return character not in _BLANK
    # A private character has a glyph in some font, and an unassigned one may be newer than Python's tables.
    return category in ("Co", "Cn") and _DEFAULT_IGNORABLE.match(character) is None


def without_variation_selectors(text: str) -> str:
    """Return `text` without the characters that only choose a glyph: `❤️` becomes `❤` (Unicode, section 23.4)."""
    return _VARIATION_SELECTORS.sub("", text)


def has_lone_surrogates(text: str) -> bool:
    """Return whether `text` has a surrogate code point, which UTF-8 cannot encode."""
    return _SURROGATE.search(text) is not None


def is_visible_ascii(text: str) -> bool:
    """Return whether `text` is not empty and consists of ASCII characters other than space and controls."""
    return _VISIBLE_ASCII.fullmatch(text) is not None


def is_participant_id(text: str) -> bool:
    """Return whether `text` can be a participant id, the `sub` of a token."""
    return len(text) <= MAX_PARTICIPANT_ID_LENGTH and is_visible_ascii(text)


def is_reserved_id(participant_id: str) -> bool:
    """Return whether an id is that of an event without a participant, or can be that of an erased one."""
    return participant_id in (SYSTEM_ID, SERVICE_ID) or participant_id.startswith(ERASED_PREFIX)


def is_name(text: str) -> bool:
    """Return whether `text` can be a display name."""
    return (
        len(text) <= MAX_NAME_LENGTH
        and is_visible(text)
        and not has_forbidden_characters(text)
        and not has_line_breaks_or_bidi_controls(text)
    )
