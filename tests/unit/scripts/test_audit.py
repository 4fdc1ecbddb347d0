"""`make audit` distinguishes findings from an advisory database that gave no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.audit import CLEAN, UNKNOWN, VULNERABLE, Report, audit, main
from scripts.lock import LOCKS

GOOD: dict[str, Any] = {"name": "good", "version": "1", "vulns": []}
BAD: dict[str, Any] = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNSEEN: dict[str, Any] = {"name": "unseen", "skip_reason": "Dependency not found on PyPI"}


def report(*packages: dict[str, Any]) -> Report:
    return Report(json.dumps({"dependencies": packages, "fixes": []}), "")


def run(*reports: Report) -> tuple[int, list[str]]:
    lines: list[str] = []
    answers = iter(reports)
    return audit(list(LOCKS)[: len(reports)], lambda _: next(answers), lines.append), lines


def test_packages_without_findings_are_clean() -> None:
    assert run(report(GOOD, GOOD)) == (CLEAN, ["requirements.txt: no known vulnerabilities in 2 packages"])


def test_finding_is_named_with_the_version_that_fixes_it() -> None:
    status, lines = run(report(GOOD, BAD))
    assert status == VULNERABLE
    assert lines == ["requirements.txt: 1 known vulnerabilities\n    bad 2: PYSEC-1, fixed in 3"]


def test_package_that_the_database_does_not_know_is_not_clean() -> None:
    status, lines = run(report(GOOD, UNSEEN))
    assert status == UNKNOWN
    assert lines == ["requirements.txt: COULD NOT ASK about 1 of 2 packages: Dependency not found on PyPI"]


@pytest.mark.parametrize("output", ["", "no JSON", "{}"])
def test_unreachable_database_is_reported_as_such(output: str) -> None:
    status, (line,) = run(Report(output, "Traceback\nConnectionError: no route to host\n"))
    assert status == UNKNOWN
    assert line.startswith("requirements.txt: COULD NOT ASK the advisory database, so nothing is known: ")
    assert line.endswith("ConnectionError: no route to host")


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        ([report(GOOD), report(UNSEEN)], UNKNOWN),
        ([report(BAD), report(UNSEEN)], VULNERABLE),
        ([Report("", ""), report(BAD), report(GOOD)], VULNERABLE),
    ],
)
def test_findings_count_more_than_missing_answers(reports: list[Report], status: int) -> None:
    assert run(*reports)[0] == status


def test_unknown_lock_file_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "there is no nothing; there are bundle, run" in capsys.readouterr().err


def test_every_lock_file_exists() -> None:
    root = Path(__file__).parents[3]
    assert all((root / lock).is_file() for lock in LOCKS.values())
