"""Write the tables of grapheme clusters from the Unicode Character Database.

    python scripts/unicode_tables.py FOLDER

FOLDER has four files of one version: GraphemeBreakProperty.txt, GraphemeBreakTest.txt, emoji-data.txt and
DerivedCoreProperties.txt. They are published at https://www.unicode.org/Public/ (`18.0.0/ucd/`, `auxiliary/` and
`emoji/` in it); the source distributions of `graphemeu` on PyPI have them, too.

The script writes `grapheme_tables.py`, and copies the test with the version in its name. If a version changes the
rules of UAX #29, that test fails until `graphemes.py` is adapted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "chalicelib/core/protocol/grapheme_tables.py"
TESTS = ROOT / "tests/unit/core/protocol/unicode"
BREAK_KINDS = (
    "CR",
    "LF",
    "Control",
    "Extend",
    "ZWJ",
    "SpacingMark",
    "Prepend",
    "Regional_Indicator",
    "L",
    "V",
    "T",
)
"""Values of Grapheme_Cluster_Break. Those of Hangul syllables (LV, LVT) follow from their code points."""
NON_JOINER = 0x200C
SYLLABLES = range(0xAC00, 0xD7A4)


class TablesError(Exception):
    """The files are not what the tables can be made of."""


def main() -> int:
    """Write the files. Return the exit status."""
    parser = argparse.ArgumentParser(description="Write the tables of grapheme clusters.")
    parser.add_argument("folder", type=Path, help="the folder of Unicode's files")
    folder = parser.parse_args().folder
    try:
        version = _version(folder)
        TABLES.write_text(_module(version, folder), encoding="utf-8")
    except (TablesError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for old in TESTS.glob("GraphemeBreakTest-*.txt"):
        old.unlink()
    shutil.copyfile(folder / "GraphemeBreakTest.txt", TESTS / f"GraphemeBreakTest-{version}.txt")
    return 0


def _version(folder: Path) -> str:
    names = ("GraphemeBreakProperty", "GraphemeBreakTest", "DerivedCoreProperties")
    found = {re.match(r"# \w+-([\d.]+)\.txt", _text(folder, f"{name}.txt")) for name in names}
    emoji = re.search(r"^# Version: ([\d.]+)", _text(folder, "emoji-data.txt"), re.MULTILINE)
    versions = {match and match[1] for match in (*found, emoji)}
    (version, *others) = versions
    if version is None or others:
        raise TablesError(f"the files are of different versions: {versions}")
    return version


def _module(version: str, folder: Path) -> str:
    breaks = _properties(folder, "GraphemeBreakProperty.txt", r"(\w+)")
    conjuncts = _properties(folder, "DerivedCoreProperties.txt", r"InCB\s*;\s*(\w+)")
    pictographs = _properties(folder, "emoji-data.txt", r"(Extended_Pictographic)")
    _check(breaks, conjuncts)
    kinds = "".join(f'    "{kind}": """\n{_ranges(breaks[kind])}\n    """,\n' for kind in BREAK_KINDS)
    return f'''"""Properties of characters, from the Unicode Character Database {version}.

`scripts/unicode_tables.py` writes this file. Each table has code points and ranges of them in hexadecimal.

Derived from data files that are © Unicode, Inc. (SPDX-License-Identifier: Unicode-3.0; the licence is in
`tests/unit/core/protocol/unicode/LICENSE.txt`).
"""

from __future__ import annotations

UNICODE_VERSION = "{version}"

GRAPHEME_CLUSTER_BREAK = {{
{kinds}}}
"""By value of the property, but for Hangul syllables."""
LINKER = """
{_ranges(conjuncts["Linker"])}
"""
"""Indic_Conjunct_Break=Linker."""
CONSONANT = """
{_ranges(conjuncts["Consonant"])}
"""
"""Indic_Conjunct_Break=Consonant."""
EXTENDED_PICTOGRAPHIC = """
{_ranges(pictographs["Extended_Pictographic"])}
"""
'''


def _check(breaks: dict[str, set[int]], conjuncts: dict[str, set[int]]) -> None:
    """Raise TablesError unless the properties that `graphemes.py` derives follow from the others."""
    first = {code for code in SYLLABLES if (code - SYLLABLES.start) % 28 == 0}
    if breaks.pop("LV") != first or breaks.pop("LVT") != set(SYLLABLES) - first:
        raise TablesError("LV and LVT do not follow from the code point")
    if conjuncts["Extend"] != (breaks["Extend"] | breaks["ZWJ"]) - conjuncts["Linker"] - {NON_JOINER}:
        raise TablesError("Indic_Conjunct_Break=Extend does not follow from Grapheme_Cluster_Break")
    if unknown := breaks.keys() - set(BREAK_KINDS):
        raise TablesError(f"new values of Grapheme_Cluster_Break: {sorted(unknown)}")


def _properties(folder: Path, name: str, value: str) -> dict[str, set[int]]:
    """Return the code points by value of a property. Every value is followed by its number of code points."""
    found: dict[str, set[int]] = {}
    total = re.compile(r"# Total code points: (\d+)")
    entry = re.compile(rf"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*{value}\s*(?:#|$)")
    current = ""
    for line in _text(folder, name).splitlines():
        if match := entry.match(line):
            first, last, current = match.groups()
            found.setdefault(current, set()).update(range(int(first, 16), int(last or first, 16) + 1))
        elif current and (match := total.match(line)):
            if len(found[current]) != int(match[1]):
                raise TablesError(f"{name} has {match[1]} code points of {current}, not {len(found[current])}")
            current = ""
    return found


def _ranges(codes: Iterable[int]) -> str:
    texts = [f"{first:04X}" if first == last else f"{first:04X}-{last:04X}" for first, last in _runs(codes)]
    return textwrap.fill(
        " ".join(texts), 110, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
    )


def _runs(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = -2
    for code in sorted(codes):
        if code != last + 1:
            if last >= 0:
                yield first, last
            first = code
        last = code
    yield first, last


def _text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
