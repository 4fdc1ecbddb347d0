"""The rules for text, at their edges."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel import text

FORBIDDEN = [
    *map(chr, range(0x00, 0x09)),
    "\x0b",
    "\x0c",
    *map(chr, range(0x0E, 0x20)),
    "\x7f",
    "\ud800",
    "\udfff",
]
ALLOWED = ["\t", "\n", "\r", " ", "~", "\x80", "\u200d", "\ud7ff", "\ue000", "\U0010ffff"]


@pytest.mark.parametrize("character", FORBIDDEN, ids=ascii)
def test_control_characters_and_lone_surrogates_are_forbidden(character: str) -> None:
    assert text.has_forbidden_characters(f"a{character}b")
    assert not text.is_name(f"a{character}b")


@pytest.mark.parametrize("character", ALLOWED, ids=ascii)
def test_all_other_characters_are_allowed(character: str) -> None:
    assert not text.has_forbidden_characters(f"a{character}b")
    assert text.is_name(f"a{character}b")


def test_only_surrogates_are_lone_surrogates() -> None:
    assert text.has_lone_surrogates("a\ud83d")
    assert not text.has_lone_surrogates("\x00\x7f👍")


def test_visible_ascii_excludes_spaces_controls_and_other_scripts() -> None:
    assert text.is_visible_ascii("".join(map(chr, range(0x21, 0x7F))))
    for other in ("", " ", "a b", "a\n", "\x7f", "é", "٣"):
        assert not text.is_visible_ascii(other)


def test_participant_id_has_1_to_255_characters() -> None:
    assert text.is_participant_id("x")
    assert text.is_participant_id("x" * 255)
    assert not text.is_participant_id("x" * 256)
    assert not text.is_participant_id("")


def test_name_has_1_to_100_characters_and_is_not_only_white_space() -> None:
    assert text.is_name("é" * 100)
    for other in ("", " ", "\n\u3000", "x" * 101):
        assert not text.is_name(other)
