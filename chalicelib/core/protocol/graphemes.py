"""Grapheme clusters: whether a text is one character as people see it.

The rules of UAX #29 ("Unicode Text Segmentation", extended grapheme clusters) over the general categories of the
standard library, and over what those do not tell: the tables below, from the Unicode Character Database 17.0
(GraphemeBreakProperty, emoji-data, DerivedCoreProperties), as far as it differs from what follows from the
category in Unicode 14.0, which is what Python 3.11 knows.
"""

from __future__ import annotations

import functools
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence

_EXTEND = """
    05C8-05C9 0897 09BE 09D7 0B3E 0B53-0B54 0B57 0BBE 0BD7 0CC0 0CC2 0CC7-0CC8 0CCA-0CCB 0CD5-0CD6 0D3E 0D57
    0DCF 0DDF 0ECE 1715 1734 1ACF-1AF0 1B35 1B3B 1B3D 1B43-1B44 1BAA 1BF2-1BF3 200C 302E-302F A953 A9C0
    FF9E-FF9F 10D69-10D6D 10ECB-10ECF 10EF0-10EFF 111C0 11235 11241 1133E 1134D 11357 113B8 113BB-113C0
    113C2 113C5 113C7-113C9 113CE-113D0 113D2 113E1-113E2 114B0 114BD 115AF 116B6 11930 1193D 11B60
    11B62-11B64 11B66 11DF0 11F00-11F01 11F36-11F3A 11F40-11F42 11F5A 13440 13447-13455 1611E-16129
    1612D-1612F 16FF0-16FF1 1D127-1D128 1D165-1D166 1D16D-1D172 1D250-1D252 1D25B-1D25C 1D25F 1D280-1D281
    1E08F 1E4EC-1E4EF 1E5EE-1E5EF 1E6E3 1E6E6 1E6EE-1E6EF 1E6F5 1F3FB-1F3FF E0020-E007F
"""
_SPACING_MARK = """
    0CF3 0E33 0EB3 113B9-113BA 113CA 113CC-113CD 1171E 11B61 11B65 11B67 11F03 11F34-11F35 11F3E-11F3F
    1612A-1612C
"""
_MARK_OF_NO_KIND = """
    102B-102C 1038 1062-1064 1067-106D 1083 1087-108C 108F 109A-109C 1A61 1A63-1A64 AA7B AA7D 11720-11721
"""
"""Spacing combining marks (Mc) that break like any letter."""
_PREPEND = """
    0600-0605 06DD 070F 0890-0891 08E2 0D4E 110BD 110CD 111C2-111C3 113D1 1193F 11941 11A84-11A89 11D46
    11F02
"""
_CONTROL = """
    2065 FFF0-FFF8 13439-1343F E0000 E0002-E001F E0080-E00FF E01F0-E0FFF
"""
_PICTOGRAPHIC = """
    00A9 00AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 23CF 23E9-23F3 23F8-23FA 24C2 25AA-25AB
    25B6 25C0 25FB-25FE 2600-2604 260E 2611 2614-2615 2618 261D 2620 2622-2623 2626 262A 262E-262F 2638-263A
    2640 2642 2648-2653 265F-2660 2663 2665-2666 2668 267B 267E-267F 2692-2697 2699 269B-269C 26A0-26A1 26A7
    26AA-26AB 26B0-26B1 26BD-26BE 26C4-26C5 26C8 26CE-26CF 26D1 26D3-26D4 26E9-26EA 26F0-26F5 26F7-26FA 26FD
    2702 2705 2708-270D 270F 2712 2714 2716 271D 2721 2728 2733-2734 2744 2747 274C 274E 2753-2755 2757
    2763-2764 2795-2797 27A1 27B0 27BF 2934-2935 2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F004
    1F02C-1F02F 1F094-1F09F 1F0AF-1F0B0 1F0C0 1F0CF-1F0D0 1F0F6-1F0FF 1F170-1F171 1F17E-1F17F 1F18E
    1F191-1F19A 1F1AF-1F1E5 1F201-1F20F 1F21A 1F22F 1F232-1F23A 1F23C-1F23F 1F249-1F25F 1F266-1F321
    1F324-1F393 1F396-1F397 1F399-1F39B 1F39E-1F3F0 1F3F3-1F3F5 1F3F7-1F3FA 1F400-1F4FD 1F4FF-1F53D
    1F549-1F54E 1F550-1F567 1F56F-1F570 1F573-1F57A 1F587 1F58A-1F58D 1F590 1F595-1F596 1F5A4-1F5A5 1F5A8
    1F5B1-1F5B2 1F5BC 1F5C2-1F5C4 1F5D1-1F5D3 1F5DC-1F5DE 1F5E1 1F5E3 1F5E8 1F5EF 1F5F3 1F5FA-1F64F
    1F680-1F6C5 1F6CB-1F6D2 1F6D5-1F6E5 1F6E9 1F6EB-1F6F0 1F6F3-1F6FF 1F7DC-1F7F0 1F80C-1F80F 1F848-1F84F
    1F85A-1F85F 1F888-1F88F 1F8AE-1F8AF 1F8BC-1F8BF 1F8C2-1F8CF 1F8D9-1F8FF 1F90C-1F93A 1F93C-1F945
    1F947-1F9FF 1FA58-1FA5F 1FA6E-1FAFF 1FC00-1FFFD
"""
"""Extended_Pictographic: what a zero width joiner joins."""
_LINKER = """
    094D 09CD 0ACD 0B4D 0C4D 0D4D 1039 17D2 1A60 1B44 1BAB 1CF5-1CF6 A9C0 AAF6 10A3F 11133 113D0 1193E 11A3A
    11A47 11A99 11F42
"""
"""Indic_Conjunct_Break=Linker."""
_CONSONANT = """
    0915-0939 0958-095F 0978-097F 0995-09A8 09AA-09B0 09B2 09B6-09B9 09DC-09DD 09DF 09F0-09F1 0A95-0AA8
    0AAA-0AB0 0AB2-0AB3 0AB5-0AB9 0AF9 0B15-0B28 0B2A-0B30 0B32-0B33 0B35-0B39 0B5C-0B5D 0B5F 0B71 0C15-0C28
    0C2A-0C39 0C58-0C5A 0D15-0D3A 1000-102A 103F 1050-1055 105A-105D 1061 1065-1066 106E-1070 1075-1081 108E
    1780-17B3 1A20-1A54 1B0B-1B0C 1B13-1B33 1B45-1B4C 1B83-1BA0 1BAE-1BAF 1BBB-1BBD A989-A98B A98F-A9B2
    A9E0-A9E4 A9E7-A9EF A9FA-A9FE AA60-AA6F AA71-AA73 AA7A AA7E-AA7F AAE0-AAEA ABC0-ABDA 10A00 10A10-10A13
    10A15-10A17 10A19-10A35 11103-11126 11144 11147 11380-11389 1138B 1138E 11390-113B5 11900-11906 11909
    1190C-11913 11915-11916 11918-1192F 11A00 11A0B-11A32 11A50 11A5C-11A83 11B0A 11DF1 11F04-11F10
    11F12-11F33
"""
"""Indic_Conjunct_Break=Consonant."""
_ZERO_WIDTH_JOINER = "\u200d"
_BY_CATEGORY = {
    "Mn": "Extend",
    "Me": "Extend",
    "Mc": "SpacingMark",
    "Cc": "Control",
    "Cf": "Control",
    "Zl": "Control",
    "Zp": "Control",
}
_HANGUL = (
    ("L", ((0x1100, 0x115F), (0xA960, 0xA97C))),
    ("V", ((0x1160, 0x11A7), (0xD7B0, 0xD7C6), (0x16D63, 0x16D63), (0x16D67, 0x16D6A))),
    ("T", ((0x11A8, 0x11FF), (0xD7CB, 0xD7FB))),
)
_SYLLABLES = range(0xAC00, 0xD7A4)
_STANDING = ("", "L", "V", "T", "LV", "LVT", "Regional_Indicator")
"""What a cluster that can be seen begins with."""


class _Ranges:
    """A set of code points, written as ranges of hexadecimal numbers."""

    def __init__(self, text: str) -> None:
        pairs = [each.partition("-") for each in text.split()]
        self._first = [int(first, 16) for first, _, _ in pairs]
        self._last = [int(last or first, 16) for first, _, last in pairs]

    def __contains__(self, character: str) -> bool:
        index = bisect_right(self._first, ord(character)) - 1
        return index >= 0 and ord(character) <= self._last[index]


@functools.cache
def _tables() -> dict[str, _Ranges]:
    """The tables, read when the first emoji comes: most invocations never see one."""
    return {
        "Extend": _Ranges(_EXTEND),
        "SpacingMark": _Ranges(_SPACING_MARK),
        "": _Ranges(_MARK_OF_NO_KIND),
        "Prepend": _Ranges(_PREPEND),
        "Control": _Ranges(_CONTROL),
    }


@functools.cache
def _letters() -> tuple[_Ranges, _Ranges, _Ranges]:
    return _Ranges(_PICTOGRAPHIC), _Ranges(_LINKER), _Ranges(_CONSONANT)


def is_one_character(text: str) -> bool:
    """Whether `text` is a single grapheme cluster that begins with something to be seen."""
    return bool(text) and _kind(text[0]) in _STANDING and not any(_breaks(text))


def _breaks(text: str) -> Iterator[bool]:
    """For each place between two characters: whether a cluster ends there."""
    kinds = [_kind(each) for each in text]
    for place in range(1, len(text)):
        yield not _joined(text, kinds, place)


def _kind(character: str) -> str:
    """The Grapheme_Cluster_Break of a character; empty for Other."""
    code = ord(character)
    if character in "\r\n":
        return "Control"
    if character == _ZERO_WIDTH_JOINER:
        return "ZWJ"
    if 0x1F1E6 <= code <= 0x1F1FF:
        return "Regional_Indicator"
    if code in _SYLLABLES:
        return "LV" if (code - _SYLLABLES.start) % 28 == 0 else "LVT"
    for kind, ranges in _HANGUL:
        if any(first <= code <= last for first, last in ranges):
            return kind
    for kind, table in _tables().items():
        if character in table:
            return kind
    return _BY_CATEGORY.get(unicodedata.category(character), "")


def _joined(text: str, kinds: Sequence[str], place: int) -> bool:
    """Whether what stands before `place` and what stands at it are of one cluster, by rules GB3 to GB999."""
    before, here = kinds[place - 1], kinds[place]
    if before == "Control" or here == "Control":
        # GB3 to GB5. Carriage return and line feed are one cluster, and none to react with.
        return False
    hangul = {"L": ("L", "V", "LV", "LVT"), "LV": ("V", "T"), "V": ("V", "T"), "LVT": ("T",), "T": ("T",)}
    return (
        here in hangul.get(before, ())  # GB6 to GB8
        or here in ("Extend", "ZWJ", "SpacingMark")  # GB9, GB9a
        or before == "Prepend"  # GB9b
        or _is_conjunct(text, kinds, place)  # GB9c
        or _is_joined_picture(text, kinds, place)  # GB11
        or _is_second_of_flag(kinds, place)  # GB12, GB13
    )


def _is_conjunct(text: str, kinds: Sequence[str], place: int) -> bool:
    _, linkers, consonants = _letters()
    if text[place] not in consonants:
        return False
    start, linked = place, False
    while start > 0 and kinds[start - 1] in ("Extend", "ZWJ") and text[start - 1] != "\u200c":
        start -= 1
        linked = linked or text[start] in linkers
    return linked and start > 0 and text[start - 1] in consonants


def _is_joined_picture(text: str, kinds: Sequence[str], place: int) -> bool:
    pictures, _, _ = _letters()
    if kinds[place - 1] != "ZWJ" or text[place] not in pictures:
        return False
    start = place - 1
    while start > 0 and kinds[start - 1] == "Extend":
        start -= 1
    return start > 0 and text[start - 1] in pictures


def _is_second_of_flag(kinds: Sequence[str], place: int) -> bool:
    start = place
    while start > 0 and kinds[start - 1] == "Regional_Indicator":
        start -= 1
    return kinds[place] == "Regional_Indicator" and (place - start) % 2 == 1
