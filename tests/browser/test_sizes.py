"""The sizes of the build, with gzip: a page that loads fast stays so."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from scripts.web import DIST
from tests.support.server import ROOT

FIRST_ROUTE = 60_000
EVERYTHING = 140_000


@pytest.fixture
def dist() -> Path:
    """Return the build. Skips the test where there is none."""
    directory = ROOT / DIST
    if not (directory / "index.html").exists():
        pytest.skip("the web page is not built: `make setup` builds it, or says why not")
    return directory


def size(*files: Path) -> int:
    """Return the sum of the sizes with gzip."""
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def loaded_at_once(dist: Path) -> set[Path]:
    """Return the scripts and styles that the page loads first: its own, and their static imports."""
    index = (dist / "index.html").read_text("utf-8")
    waiting = [dist / name for name in re.findall(r'(?:src|href)="\./(assets/[^"]+\.(?:js|css))"', index)]
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        imports = re.findall(r'(?:from|import)\s*["\'](\.\.?/[^"\']+\.js)["\']', file.read_text("utf-8"))
        waiting += [(file.parent / name).resolve() for name in imports]
    return found


def test_first_route_is_small(dist: Path) -> None:
    files = loaded_at_once(dist)
    assert len(files) >= 3
    assert size(*files) <= FIRST_ROUTE, sorted((size(file), file.name) for file in files)


def test_page_with_all_that_it_can_load_is_small(dist: Path) -> None:
    files = [file for file in dist.rglob("*") if file.suffix in (".js", ".css")]
    assert size(*files) <= EVERYTHING
    assert not [file for file in loaded_at_once(dist) if "EmojiPicker" in file.name or "MemberPanel" in file.name]
