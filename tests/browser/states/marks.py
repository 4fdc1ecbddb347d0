"""Marks of the parts of the interface: the classes and texts that the sources name, and those on a page.

A component that no state shows has a class or a text that is on no page. So do the branches of components.
Plurals, texts with a condition, and those of tables such as the error codes are not compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass

from playwright.sync_api import Page

from scripts.node import WEB
from tests.support.server import ROOT

SOURCES = ROOT / WEB / "src"
_CSS_CLASS = re.compile(r"\.([a-z][\w-]*)(?=[^{}]*\{)")
_CLASS_ATTRIBUTE = re.compile(r'\bclass=(?:"([^"]*)"|\{((?:[^{}]|\{[^{}]*\})*)\})')
_LITERAL = re.compile(r'"([^"]*)"|`([^`$]*)')
_USED_TEXT = re.compile(r"\b(?:t|texts\.value|allTexts\.value|texts\.peek\(\))\.(\w+)")
_PLAIN_TEXT = re.compile(r'^  (\w+): "(.*)",$', re.MULTILINE)
_TEMPLATE = re.compile(r"^  (\w+): \([^)]*\) => `([^`]*)`,$", re.MULTILINE)
_SIMPLE_SLOT = re.compile(r"\$\{[^{}`]*\}")
_COLLECT = """() => {
  const [classes, texts] = [new Set(), new Set()];
  const collect = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) collect(element.shadowRoot);
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      for (const name of element.classList) classes.add(name);
      for (const name of ["aria-label", "title", "placeholder"]) texts.add(element.getAttribute(name) ?? "");
      for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) texts.add(node.data.trim());
    }
  };
  collect(document);
  return [[...classes], [...texts]];
}"""


@dataclass(frozen=True, slots=True)
class Marks:
    """Names of classes, and texts."""

    classes: set[str]
    texts: set[str]

    @classmethod
    def on(cls, page: Page) -> Marks:
        """Return those of the visible elements of a page."""
        classes, texts = page.evaluate(_COLLECT)
        return cls(set(classes), set(texts))

    def add(self, other: Marks) -> None:
        """Take over the marks of another page."""
        self.classes.update(other.classes)
        self.texts.update(other.texts)

    def unseen_classes(self) -> Set[str]:
        """Return the classes that the sources name and that are not among these."""
        return (
            styled_classes() | {name for names in component_classes().values() for name in names}
        ) - self.classes

    def unseen_texts(self) -> Set[str]:
        """Return the names of the texts that are not among these."""
        return {name for name, pattern in text_patterns().items() if not any(map(pattern.fullmatch, self.texts))}

    def unseen_components(self) -> Set[str]:
        """Return the components of which nothing is among these that is theirs alone."""
        unseen_texts = self.unseen_texts()
        return {
            name
            for name, (classes, texts) in own_marks().items()
            if not classes & self.classes and not texts - unseen_texts
        }


def styled_classes() -> set[str]:
    """Return the classes that have a style."""
    sheets = [*(SOURCES / "styles").glob("*.css"), *(SOURCES / "page").glob("*.css")]
    return {name for sheet in sheets for name in _CSS_CLASS.findall(sheet.read_text("utf-8"))}


def components() -> Mapping[str, str]:
    """Return the sources of the components by their names."""
    return {path.stem: path.read_text("utf-8") for path in sorted(SOURCES.rglob("*.tsx"))}


def component_classes() -> Mapping[str, set[str]]:
    """Return the classes that each component names."""
    return {name: set(_classes(source)) for name, source in components().items()}


def own_marks() -> Mapping[str, tuple[set[str], set[str]]]:
    """Return the classes and the names of the texts that one component alone uses, by its name."""
    classes = component_classes()
    known = text_patterns()
    texts = {name: set(_USED_TEXT.findall(source)) & known.keys() for name, source in components().items()}
    return {name: (_own(name, classes), _own(name, texts)) for name in classes}


def _own(name: str, marks: Mapping[str, set[str]]) -> set[str]:
    uses = Counter(mark for used in marks.values() for mark in used)
    return {mark for mark in marks[name] if uses[mark] == 1}


def text_patterns() -> Mapping[str, re.Pattern[str]]:
    """Return expressions for the English texts, by their names: for plain ones and for templates."""
    source = "".join((SOURCES / "text" / name).read_text("utf-8") for name in ("en.ts", "en_panels.ts"))
    plain = {name: re.escape(text) for name, text in _PLAIN_TEXT.findall(source)}
    templates = {
        name: ".*".join(map(re.escape, _SIMPLE_SLOT.split(text)))
        for name, text in _TEMPLATE.findall(source)
        if "${" not in _SIMPLE_SLOT.sub("", text)
    }
    return {name: re.compile(pattern, re.DOTALL) for name, pattern in (plain | templates).items()}


def _classes(source: str) -> set[str]:
    names: set[str] = set()
    for plain, expression in _CLASS_ATTRIBUTE.findall(source):
        literals = [plain, *(one or other for one, other in _LITERAL.findall(expression))]
        names.update(name for literal in literals for name in literal.split() if not name.endswith("-"))
    return names
