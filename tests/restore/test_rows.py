"""Every kind of row has a decision: its outcome in a restore."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from chalicelib.aws.dynamodb import (
    connection_keys,
    consent_keys,
    keys,
    profile_keys,
    publishing_keys,
    report_keys,
    work_keys,
)
from infra.restore.rows import CONNECTIONS, CONVERSATIONS, Row, documentation, row_of

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "docs" / "data-model.md").read_text()
TABLES = {"## Conversations table": CONVERSATIONS, "## Connections table": CONNECTIONS}
_NO_PART = {"FIRST", "LAST", "LEASE", "OPENED_OR_REFUSED_PREFIX", "HEARTBEAT", "DEPLOYMENT_LOG"}
"""Constants that are not a part of a key by themselves, or are common to two kinds of rows."""
DECIDE = "decide its outcome in infra/restore/rows.py, and replay it if a restore must not undo it"


def documented(heading: str) -> list[tuple[str, str]]:
    """Return the keys in a table of docs/data-model.md, with an example in place of each variable part."""
    section = MODEL.partition(heading)[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \| `([^`]+)`", section, re.MULTILINE)
    return [(_example(pk), _example(sk)) for pk, sk in found]


def _example(part: str) -> str:
    return re.sub(r"<[^>]+>", "x", part)


@pytest.mark.parametrize("heading", TABLES)
def test_every_documented_row_has_a_decision_and_every_decision_a_row(heading: str) -> None:
    rows = documented(heading)
    assert len(rows) > 5
    decided = {row_of(TABLES[heading], pk, sk) for pk, sk in rows}
    unknown = [(pk, sk) for pk, sk in rows if row_of(TABLES[heading], pk, sk) is None]
    assert not unknown, f"{unknown}: {DECIDE}"
    assert set(TABLES[heading]) - decided == set(), "decisions about rows that docs/data-model.md does not have"


@pytest.mark.parametrize(
    ("modules", "table"),
    [
        ((keys, consent_keys, profile_keys, publishing_keys, report_keys, work_keys), CONVERSATIONS),
        ((connection_keys,), CONNECTIONS),
    ],
)
def test_every_constant_of_a_key_has_a_decision(modules: tuple[ModuleType, ...], table: tuple[Row, ...]) -> None:
    """A new kind of row has a new constant in `chalicelib/aws/dynamodb/*keys.py`."""
    parts = {part for row in table for part in (row.pk, row.sk)}
    for module in modules:
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, str) and name not in _NO_PART:
                assert value in parts, f"{module.__name__}.{name}: {DECIDE}"


def test_rows_of_other_kinds_are_unknown() -> None:
    for pk, sk in (("C#x", "Z#x"), ("Z#x", "K"), ("C#x", "HEADER"), ("JOBSX", "x"), ("K#x", "KK")):
        assert row_of(CONVERSATIONS, pk, sk) is None


def test_document_has_the_decisions() -> None:
    """`python -m infra.restore.rows` prints them."""
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert documentation().strip() in operations
