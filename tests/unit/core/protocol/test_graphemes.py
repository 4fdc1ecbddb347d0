"""Grapheme clusters: Unicode's own test, and what counts as one visible character."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.protocol import grapheme_tables
from chalicelib.core.protocol.graphemes import breaks, is_one_character

(FILE,) = (Path(__file__).parent / "unicode").glob("GraphemeBreakTest-*.txt")
SAMPLES = 853
"""As the end of the file states it."""


def samples() -> Iterator[tuple[str, list[bool]]]:
    """Yield each text of Unicode's test, with whether there is a boundary between its characters."""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        fields = line.partition("#")[0].split()
        if fields:
            yield "".join(chr(int(code, 16)) for code in fields[1::2]), [mark == "÷" for mark in fields[2:-1:2]]


def test_boundaries_are_those_of_unicodes_test() -> None:
    found = list(samples())
    assert len(found) == SAMPLES
    wrong = [ascii(text) for text, expected in found if list(breaks(text)) != expected]
    assert wrong == []


def test_tables_and_test_are_of_the_same_version() -> None:
    assert FILE.name == f"GraphemeBreakTest-{grapheme_tables.UNICODE_VERSION}.txt"


@pytest.mark.parametrize(
    "text",
    [
        "👍",
        "👍🏽",
        "❤️",
        "🇩🇪",
        "1️⃣",
        "👨‍👩‍👧‍👦",
        "\U0001f469\U0001f3fd\u200d\U0001f680",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "é",
        "e\u0301",
        "क्षि",
        "각",
        "나\u1161",
        "\u1100\u1161\u11a8",
        "a",
        "!",
        "✅",
    ],
)
def test_one_visible_cluster_is_one_character(text: str) -> None:
    assert is_one_character(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "👍👍",
        "👍 ",
        "🇩🇪🇫🇷",
        "🇩🇪🇫",
        "\r\n",
        "\n",
        "\u0301",
        "\u200d",
        "\ufe0f",
        "\u200b",
        "\u0600a",
        "각\u1161",
    ],
)
def test_anything_else_is_not_one_character(text: str) -> None:
    assert not is_one_character(text)
