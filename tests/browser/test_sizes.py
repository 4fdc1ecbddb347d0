"""The sizes of the build, with gzip: a page that loads fast stays so."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import expect

from scripts.node import WEB, node_program
from scripts.web import DIST
from tests.browser.conftest import OpenPage
from tests.browser.selection import whole_only
from tests.support.client import TestClient
from tests.support.server import ROOT

FIRST_ROUTE = 60_000
EVERYTHING = 140_000
EMOJI = 27_000
LANGUAGES = ("en", "de")
PARTS: Mapping[str, int] = {
    "preact": 9_000,
    "client": 16_000,
    "markdown": 4_000,
    "interface": 22_500,
    "styles": 5_600,
    "texts-en": 2_600,
    "texts-de": 2_800,
    "page": 2_600,
}
"""The most that a part of the first route may have as a separate file; docs/web.md compares them with the aims."""


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


def texts(dist: Path, language: str) -> Path:
    """Return the texts of the first view in a language."""
    found = [
        file for file in dist.glob(f"assets/{language}-*.js") if "chooseConversation" in file.read_text("utf-8")
    ]
    assert len(found) == 1
    return found[0]


def loaded_at_once(dist: Path, language: str) -> set[Path]:
    """Return the scripts and styles of the first view: those of the page, their static imports, and the texts."""
    index = (dist / "index.html").read_text("utf-8")
    waiting = [dist / name for name in re.findall(r'(?:src|href)="\./(assets/[^"]+\.(?:js|css))"', index)]
    waiting.append(texts(dist, language))
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        imports = re.findall(r'(?:from|import)\s*["\'](\.\.?/[^"\']+\.js)["\']', file.read_text("utf-8"))
        waiting += [(file.parent / name).resolve() for name in imports]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_first_route_is_small(dist: Path, language: str) -> None:
    files = loaded_at_once(dist, language)
    assert len(files) == 4
    assert size(*files) <= FIRST_ROUTE, sorted((size(file), file.name) for file in files)


def test_page_with_all_that_it_can_load_is_small(dist: Path) -> None:
    files = [file for file in dist.rglob("*") if file.suffix in (".js", ".css")]
    assert size(*files) <= EVERYTHING


def test_emoji_data_of_all_languages_is_small(dist: Path) -> None:
    first = {texts(dist, language) for language in LANGUAGES}
    names = {file for language in LANGUAGES for file in dist.glob(f"assets/{language}-*.js")} - first
    characters = set(dist.glob("assets/characters-*.js"))
    assert (len(names), len(characters)) == (2, 1)
    assert size(*names, *characters) <= EMOJI


@whole_only
def test_every_part_of_the_first_route_is_small(dist: Path, tmp_path: Path) -> None:
    node = node_program(ROOT, WEB)
    if node is None:
        pytest.skip("there is no Node.js")
    options = ["--config", "parts.config.ts", "--outDir", str(tmp_path), "--emptyOutDir", "--logLevel", "error"]
    subprocess.run([node, "node_modules/vite/bin/vite.js", "build", *options], cwd=ROOT / WEB, check=True)
    measured = {name: size(*(tmp_path / f"{name}{end}" for end in ends(tmp_path, name))) for name in PARTS}
    assert [(name, measured[name]) for name in PARTS if measured[name] > PARTS[name]] == []
    # Nothing is missing from the parts: as one file they are at most a tenth smaller.
    english = sum(measured[name] for name in PARTS if name != "texts-de")
    assert size(*loaded_at_once(dist, "en")) <= english <= 1.1 * size(*loaded_at_once(dist, "en"))


def ends(directory: Path, name: str) -> list[str]:
    """Return the ends of the names of the files of a part: the page has styles, too."""
    found = [end for end in (".js", ".css") if (directory / f"{name}{end}").exists()]
    assert found
    return found


@whole_only
@pytest.mark.parametrize("language", LANGUAGES)
def test_browser_loads_no_more_than_the_first_route_before_a_conversation_is_shown(
    dist: Path, people: Callable[[str], TestClient], open_page: OpenPage, language: str
) -> None:
    alice, bob = people(f"alice-sizes-{language}"), people(f"bob-sizes-{language}")
    conversation = alice.create_conversation("Small", [bob])
    bob.post_message(conversation, "the first message")
    page = open_page(f"alice-sizes-{language}", f"/c/{conversation}", locale=language)
    expect(page.get_by_role("article").last).to_contain_text("the first message")
    loaded = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1))")
    expected = {file.name for file in loaded_at_once(dist, language)}
    assert {name for name in loaded if name.endswith((".js", ".css"))} == expected
