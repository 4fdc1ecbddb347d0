"""How much the page loads, gzipped: before it can show anything, and with everything that it loads when needed."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from scripts.web import DIST
from tests.support.server import ROOT

FIRST_ROUTE, EVERYTHING = 60_000, 140_000
_REFERENCE = re.compile(r'<(?:script|link)[^>]+(?:src|href)="\./([^"]+\.(?:js|css))"')
_IMPORT = re.compile(r'(?:from|import)\s*"(\.[^"]+\.js)"')


@pytest.fixture(scope="module")
def dist() -> Path:
    """Return the build. Skips the test where there is none."""
    if not (ROOT / DIST / "index.html").exists():
        pytest.skip("the web page is not built: `make setup` builds it, or says why not")
    return ROOT / DIST


def test_first_route_is_small(dist: Path) -> None:
    assert_total(first_route(dist), FIRST_ROUTE, dist)


def test_everything_with_the_parts_that_load_when_needed_is_small(dist: Path) -> None:
    parts = [path for path in dist.rglob("*") if path.suffix in (".js", ".css")]
    assert set(first_route(dist)) <= set(parts)
    assert_total(parts, EVERYTHING, dist)


def first_route(dist: Path) -> list[Path]:
    """Return the scripts and style sheets that the page needs at once: named by it, or imported by those."""
    waiting = [dist / name for name in _REFERENCE.findall((dist / "index.html").read_text(encoding="utf-8"))]
    found: dict[Path, None] = {}
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = None
            waiting += [
                (path.parent / name).resolve() for name in _IMPORT.findall(path.read_text(encoding="utf-8"))
            ]
    assert any(path.suffix == ".js" for path in found)
    assert any(path.suffix == ".css" for path in found)
    return sorted(found)


def assert_total(parts: list[Path], largest: int, dist: Path) -> None:
    """Raise AssertionError with the size of each part if all together are larger than `largest` bytes."""
    sizes = {str(path.relative_to(dist)): len(gzip.compress(path.read_bytes(), 9)) for path in parts}
    by_size = sorted(sizes.items(), key=lambda item: -item[1])
    assert sum(sizes.values()) <= largest, [f"{size:7,} {name}" for name, size in by_size]
