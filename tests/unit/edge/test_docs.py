"""The operations guide names every metric, event and function."""

from __future__ import annotations

import re
from pathlib import Path

from chalicelib.core.kernel.metrics import Metric
from infra.template.names import ALL_FUNCTIONS

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "operations.md").read_text()


def first_column(heading: str) -> set[str]:
    """The names in the first column of the tables of a section."""
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_metric_is_explained_and_no_other() -> None:
    assert first_column("Metrics") == {each.value for each in Metric}


def test_every_event_is_explained() -> None:
    sources = [each.read_text() for each in (ROOT / "chalicelib").rglob("*.py")]
    named = {name for text in sources for name in re.findall(r'"event": "([a-z_]+)"', text)}
    assert {"failure", "posts_dropped", "warning"} <= named
    assert named <= first_column("Logs")


def test_every_function_is_named() -> None:
    assert all(f"`{each.name}`" in GUIDE for each in ALL_FUNCTIONS)
