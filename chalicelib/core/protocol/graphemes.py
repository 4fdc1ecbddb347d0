"""Extended grapheme clusters (UAX #29, "Unicode Text Segmentation"): user-perceived characters.

The tables are parsed on first use: most invocations never see an emoji.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from chalicelib.core.protocol import grapheme_tables

_ZERO_WIDTH_NON_JOINER = "\u200c"
_SYLLABLES = range(0xAC00, 0xD7A4)
_HANGUL = {"L": ("L", "V", "LV", "LVT"), "LV": ("V", "T"), "V": ("V", "T"), "LVT": ("T",), "T": ("T",)}
"""GB6 to GB8: by kind, the kinds that continue the syllable."""
_VISIBLE = ("", "L", "V", "T", "LV", "LVT", "Regional_Indicator")
"""The kinds of characters that a visible cluster can begin with."""


class _Table:
    """A mapping of ranges of code points to kinds."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        """`texts` are pairs of a kind and its ranges, as in `grapheme_tables.py`."""
        rows = []
        for kind, text in texts:
            for part in text.split():
                first, _, last = part.partition("-")
                rows.append((int(first, 16), int(last or first, 16), kind))
        rows.sort()
        self._rows = rows
        self._starts = [first for first, _, _ in rows]

    def get(self, character: str) -> str:
        """Return the kind of a character, empty if it is in none of the ranges."""
        index = bisect_right(self._starts, ord(character)) - 1
        if index < 0:
            return ""
        _, last, kind = self._rows[index]
        return kind if ord(character) <= last else ""


@functools.cache
def _breaks_table() -> _Table:
    return _Table(grapheme_tables.GRAPHEME_CLUSTER_BREAK.items())


@functools.cache
def _conjunct_table() -> _Table:
    return _Table([("Linker", grapheme_tables.LINKER), ("Consonant", grapheme_tables.CONSONANT)])


@functools.cache
def _pictographic_table() -> _Table:
    return _Table([("Extended_Pictographic", grapheme_tables.EXTENDED_PICTOGRAPHIC)])


def is_one_character(text: str) -> bool:
    """Return whether `text` is one grapheme cluster that begins with a visible character."""
    return bool(text) and _kind(text[0]) in _VISIBLE and not any(breaks(text))


def breaks(text: str) -> Iterator[bool]:
    """Yield for each position between two characters whether there is a cluster boundary."""
    kinds = [_kind(character) for character in text]
    for position in range(1, len(text)):
        yield not _is_joined(text, kinds, position)


def _kind(character: str) -> str:
    """Return the Grapheme_Cluster_Break of a character, empty for Other."""
    code = ord(character)
    if code in _SYLLABLES:
        return "LV" if (code - _SYLLABLES.start) % 28 == 0 else "LVT"
    return _breaks_table().get(character)


def _is_joined(text: str, kinds: Sequence[str], position: int) -> bool:
    """Return whether there is no boundary before the character at `position`: rules GB3 to GB999."""
    before, here = kinds[position - 1], kinds[position]
    if before in ("CR", "LF", "Control") or here in ("CR", "LF", "Control"):
        return (before, here) == ("CR", "LF")  # GB3 to GB5
    return (
        here in _HANGUL.get(before, ())  # GB6 to GB8
        or here in ("Extend", "ZWJ", "SpacingMark")  # GB9, GB9a
        or before == "Prepend"  # GB9b
        or _is_conjunct(text, kinds, position)  # GB9c
        or _is_joined_pictograph(text, kinds, position)  # GB11
        or _is_second_of_flag(kinds, position)  # GB12, GB13
    )


def _is_conjunct(text: str, kinds: Sequence[str], position: int) -> bool:
    """Return whether the character is a consonant after a linker, with only extenders between them (GB9c)."""
    conjuncts = _conjunct_table()
    if conjuncts.get(text[position]) != "Consonant":
        return False
    for index in range(position - 1, -1, -1):
        if conjuncts.get(text[index]) == "Linker":
            return True
        if kinds[index] not in ("Extend", "ZWJ") or text[index] == _ZERO_WIDTH_NON_JOINER:
            return False
    return False


def _is_joined_pictograph(text: str, kinds: Sequence[str], position: int) -> bool:
    """Return whether a zero width joiner joins two pictographs here (GB11)."""
    pictographs = _pictographic_table()
    if kinds[position - 1] != "ZWJ" or not pictographs.get(text[position]):
        return False
    index = position - 2
    while index >= 0 and kinds[index] == "Extend":
        index -= 1
    return index >= 0 and bool(pictographs.get(text[index]))


def _is_second_of_flag(kinds: Sequence[str], position: int) -> bool:
    """Return whether the character is the second of a pair of regional indicators (GB12, GB13)."""
    start = position
    while start > 0 and kinds[start - 1] == "Regional_Indicator":
        start -= 1
    return kinds[position] == "Regional_Indicator" and (position - start) % 2 == 1
