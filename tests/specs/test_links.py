"""Every relative link of the documents leads to a file, and to a heading in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specs.documents import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^\1\2", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
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
