"""Run pytest: the whole suite in several processes, or some tests as fast as possible in one.

    python -m scripts.run_tests                            everything
    python -m scripts.run_tests bans                       names that contain "bans", as with pytest's -k
    python -m scripts.run_tests "bans and not mute"        an expression, as with pytest's -k
    python -m scripts.run_tests tests/unit/test_x.py       a file, a folder or a node id
    python -m scripts.run_tests --below tests/e2e ...      tests of one folder only

Importing all test files takes longer than most tests. So only files that contain a match are imported, and
selected end-to-end tests run in development only, unless `CHAT_E2E_TARGETS` names other targets. Names of
parameters count if nothing else matches.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = "4"
"""Twice the two cores that the suite is made for: the groups that begin wait most of their time. More processes
need more CPU time in total, for importing the tests and for servers."""
_NAMES = re.compile(r"^[ \t]*(?:async def test|def test|class Test|@pytest\.mark\.|test\().*$", re.MULTILINE)
_WORD = re.compile(r"[^\s()]+")


def pytest_options(selection: str, below: str, root: Path = ROOT) -> list[str]:
    """Return the arguments of pytest that run the selected tests in one process."""
    path = selection.partition("::")[0]
    if path.startswith("tests/") and (root / path).exists():
        return [selection]
    files = [str(path.relative_to(root)) for path in candidates(selection, root / below)]
    return [*(files or [below]), "-k", selection]


def candidates(expression: str, folder: Path) -> list[Path]:
    """Return the test files whose name, tests or markers contain a word that the expression requires."""
    words = required_words(expression)
    files = [*folder.rglob("test_*.py"), *folder.rglob("*.test.ts")]
    return [path for path in sorted(files) if _contains(path, words)]


def required_words(expression: str) -> set[str]:
    """Return words of which every match of an expression contains at least one, in lower case.

    Returns the empty set if there are no such words, as in "not bans".
    """
    words = _WORD.findall(expression.lower())
    if "not" in words and ("(" in expression or "or" in words):
        return set()
    pairs = zip(["", *words], words, strict=False)
    found = {word for before, word in pairs if word not in {"and", "or", "not"} and before != "not"}
    return {word.partition("[")[0] for word in found}


def _contains(path: Path, words: set[str]) -> bool:
    names = "\n".join([path.name, *_NAMES.findall(path.read_text(encoding="utf-8"))]).lower()
    names += names.replace(" ", "_")  # titles of node:test, which pytest shows as names
    return any(word in names for word in words)


def main(arguments: Sequence[str]) -> int:
    """Replace this process by pytest."""
    parser = argparse.ArgumentParser(prog="python -m scripts.run_tests", description="Run tests.")
    parser.add_argument("--below", default="tests", metavar="FOLDER", help="tests of this folder only")
    parser.add_argument("selection", nargs="?", default="", help="a path, a node id or an expression of names")
    options, others = parser.parse_known_args(arguments)
    if options.selection:
        os.environ.setdefault("CHAT_E2E_TARGETS", "development")
        command = pytest_options(options.selection, options.below)
    else:
        command = ["-n", PROCESSES, options.below]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *command, *others])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
