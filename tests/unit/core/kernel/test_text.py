"""The rules for text, at their edges."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel import text

FORBIDDEN = [
    *map(chr, range(0x00, 0x09)),
    "\x0b",
    "\x0c",
    *map(chr, range(0x0E, 0x20)),
    *map(chr, range(0x7F, 0xA0)),
    "\ud800",
    "\udfff",
]
NOT_IN_NAMES = [
    "\n",
    "\r",
    *"\u2028\u2029\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
]
ALLOWED = ["\t", "\n", "\r", " ", "~", "\xa0", "\u200d", "\ud7ff", "\ue000", "\U0010ffff"]


@pytest.mark.parametrize("character", FORBIDDEN, ids=ascii)
def test_control_characters_and_lone_surrogates_are_forbidden(character: str) -> None:
    assert text.has_forbidden_characters(f"a{character}b")
    assert not text.is_name(f"a{character}b")


@pytest.mark.parametrize("character", ALLOWED, ids=ascii)
def test_all_other_characters_are_allowed(character: str) -> None:
    assert not text.has_forbidden_characters(f"a{character}b")
    assert text.is_name(f"a{character}b") == (character not in NOT_IN_NAMES)


@pytest.mark.parametrize("character", NOT_IN_NAMES, ids=ascii)
def test_names_have_one_line_and_no_bidirectional_controls(character: str) -> None:
    assert text.has_line_breaks_or_bidi_controls(f"a{character}b")
    assert not text.has_forbidden_characters(f"a{character}b")
    assert not text.is_name(f"a{character}b")


INVISIBLE = [
    *("", " ", "\n\u3000", "\u200b", "\u200d", "\u2060", "\u2800", "\u3164", "\uffa0", "\u115f\u1160", "\ufeff"),
    *("\u00ad", "\u034f", "\u0301", "\u20e3", "\u0903", "\ufe0f", "\u180e", "\U000e0041", "\U000e0fff", "\u2065"),
    *(" \u0301", "\u200b\u2800 \u3164"),
]
VISIBLE = [
    "a",
    "é",
    "e\u0301",
    "ㅤa",
    "👍",
    "❤️",
    "1️⃣",
    "🏴\U000e0067\U000e007f",
    "\ue000",
    "\u0378",
    "…",
    "א",
    "中",
]


@pytest.mark.parametrize("value", INVISIBLE, ids=ascii)
def test_spaces_fillers_format_characters_and_lone_marks_are_invisible(value: str) -> None:
    assert not text.is_visible(value)
    assert not text.is_name(value)


@pytest.mark.parametrize("value", VISIBLE, ids=ascii)
def test_one_character_with_a_glyph_makes_a_text_visible(value: str) -> None:
    assert text.is_visible(value)
    assert text.is_visible(f" \u200b{value}")


@pytest.mark.parametrize("pair", [("❤", "❤️"), ("❤\ufe0e", "❤️"), ("❤️‍🔥", "❤‍🔥"), ("1️⃣", "1⃣")], ids=ascii)
def test_variants_of_an_emoji_differ_by_variation_selectors_only(pair: tuple[str, str]) -> None:
    one, other = map(text.without_variation_selectors, pair)
    assert one == other


def test_different_emoji_are_not_variants() -> None:
    assert text.without_variation_selectors("👍") != text.without_variation_selectors("👍🏽")


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


def test_name_has_1_to_100_characters() -> None:
    assert text.is_name("é" * 100)
    for other in ("", "x" * 101):
        assert not text.is_name(other)
