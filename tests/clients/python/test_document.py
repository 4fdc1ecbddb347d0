"""docs/client.md: its rules are numbered without gaps, and the tests that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
TEST_NAME = re.compile(r"`(test_\w+)`")


def rules() -> dict[int, str]:
    """Return the text of each rule by its number."""
    parts = re.split(r"^(\d+)\. ", DOCUMENT, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_rules_are_numbered_without_gaps() -> None:
    assert list(rules()) == list(range(1, len(rules()) + 1))


def test_every_rule_names_a_test() -> None:
    assert [number for number, text in rules().items() if not TEST_NAME.search(text)] == []


def test_every_test_that_the_document_names_exists() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py")]
    existing = set(re.findall(r"^def (test_\w+)", "\n".join(texts), re.MULTILINE))
    assert set(TEST_NAME.findall(DOCUMENT)) - existing == set()
