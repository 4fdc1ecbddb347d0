"""The mutants fit the code and the tests, and the report names the test that killed each of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from scripts.mutants.patches import ROOT, InvalidMutant, load, load_all, require_applicable
from scripts.mutants.report import killers
from tests.clients.js.node_tests import titles


@cache
def functions_of(path: Path) -> frozenset[str]:
    if path.suffix == ".ts":
        return frozenset(titles(path))
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def missing(tests: Iterable[str]) -> list[str]:
    """Return the node ids whose file or function does not exist."""
    found = []
    for test in tests:
        file, _, name = test.partition("::")
        path = ROOT / file
        if not path.is_file() or (name and name.partition("[")[0] not in functions_of(path)):
            found.append(test)
    return found


def test_every_patch_applies() -> None:
    failures = []
    for mutant in load_all():
        try:
            require_applicable(mutant)
        except InvalidMutant as error:
            failures.append(str(error))
    assert failures == []


def test_every_mutant_names_existing_tests() -> None:
    unknown = {mutant.name: missing(mutant.tests) for mutant in load_all()}
    assert {name: tests for name, tests in unknown.items() if tests} == {}


def test_report_names_an_existing_test_that_killed_each_mutant() -> None:
    killed_by = killers()
    assert sorted(killed_by) == sorted(mutant.name for mutant in load_all())
    assert missing(killed_by.values()) == []


@pytest.mark.parametrize("line", ["Law: L10\nDefect: d\nTest: t", "Law: L1\nDefect: d", "Law: L1\nTest: t"])
def test_patch_with_incomplete_header_is_rejected(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.patch"
    path.write_text(f"{line}\n\ndiff --git a/app.py b/app.py\n", "utf-8")
    with pytest.raises(InvalidMutant, match="header"):
        load(path)


def test_patch_that_does_not_apply_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.patch"
    path.write_text(
        "Law: L1\nDefect: d\nTest: t\n\n"
        "diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-nothing like it\n+another\n",
        "utf-8",
    )
    with pytest.raises(InvalidMutant, match="does not apply"):
        require_applicable(load(path))


def test_missing_tests_are_found() -> None:
    here = "tests/architecture/test_mutants.py"
    assert missing([here, f"{here}::test_missing_tests_are_found[x]", f"{here}::other", "tests/other.py"]) == [
        f"{here}::other",
        "tests/other.py",
    ]
