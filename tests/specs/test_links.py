"""Every relative link of the documents leads to a file and a heading, and every path in code marks exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specs.documents import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^\1\2", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_PATH = re.compile(r"`((?:[\w.-]+/)*(?:[\w-]+\.py|[\w-]+/))`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def links(document: Path) -> list[tuple[Path, str]]:
    """The target and the anchor of each relative link."""
    text = _FENCE.sub("", document.read_text("utf-8"))
    return [((document.parent / path) if path else document, anchor) for path, anchor in _LINK.findall(text)]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    headings = _HEADING.findall(_FENCE.sub("", document.read_text("utf-8")))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings)
    return {re.sub(r"[^\w\- ]", "", each).strip().replace(" ", "-") for each in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(document: Path) -> None:
    for target, anchor in links(document):
        assert target.exists(), f"{target} does not exist"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{target} has no heading #{anchor}"


@pytest.fixture(scope="module")
def modules() -> list[str]:
    """The paths of all modules and of their folders, the latter with a slash at the end."""
    folders = [each for each in ROOT.iterdir() if each.is_dir() and each.name[0] != "." and each.name != "build"]
    files = [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    paths = {path.relative_to(ROOT) for path in files}
    return [*map(str, paths), *{f"{parent}/" for path in paths for parent in path.parents if parent.name}]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_folders_in_code_marks_exist(document: Path, modules: list[str]) -> None:
    for path in _PATH.findall(_FENCE.sub("", document.read_text("utf-8"))):
        assert any(each == path or each.endswith(f"/{path}") for each in modules), f"there is no {path}"


def test_documents_are_linked_from_the_readme() -> None:
    linked = {target.resolve() for target, _ in links(ROOT / "README.md")}
    folders = {target for target in linked if target.is_dir()}
    unlinked = [each for each in DOCUMENTS if each not in linked and each.parent not in folders]
    assert unlinked == [ROOT / "README.md"]


def test_broken_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "# One `thing`, here\n\n[a](b.md), [b](#one-thing-here), [c](a.md#two), [d](https://example.org)\n"
    )
    assert links(document) == [(tmp_path / "b.md", ""), (document, "one-thing-here"), (document, "two")]
    assert anchors(document) == {"one-thing-here"}
