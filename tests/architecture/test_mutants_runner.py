"""The verdicts on mutants: killed, survived or broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.mutants.patches import InvalidMutant, Mutant
from scripts.mutants.runner import Runner, Verdict
from scripts.mutants.workspace import PytestRun, Workspace

PASSED, FAILED, CRASHED = (
    PytestRun((), "", 1.0),
    PytestRun(("t::test_a",), "", 1.0),
    PytestRun((), "no report", 1.0),
)
MUTANT = Mutant(Path("a.patch"), "L1", "d", ("t",))


class FakeWorkspace(Workspace):
    """Returns prepared outcomes of test runs, without and with a mutant."""

    def __init__(self, baseline: PytestRun, mutated: PytestRun = PASSED, *, applies: bool = True) -> None:
        self.baseline, self.mutant, self.applies = baseline, mutated, applies
        self.is_valid, self.is_mutated = True, False
        self.runs: list[tuple[str, ...]] = []

    @contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[list[Path]]:
        if not self.applies:
            raise InvalidMutant("does not apply")
        self.is_mutated = True
        yield []
        self.is_mutated = False

    def require_valid(self, changed: Sequence[Path]) -> None:
        if not self.is_valid:
            raise InvalidMutant("does not compile")

    def run_tests(self, *arguments: str) -> PytestRun:
        self.runs.append(arguments)
        return self.mutant if self.is_mutated else self.baseline


@pytest.mark.parametrize(
    ("workspace", "verdict", "detail"),
    [
        (FakeWorkspace(PASSED, FAILED), Verdict.KILLED, "t::test_a"),
        (FakeWorkspace(PASSED, PASSED), Verdict.SURVIVED, ""),
        (FakeWorkspace(PASSED, CRASHED), Verdict.BROKEN, "crashed"),
        (FakeWorkspace(FAILED, FAILED), Verdict.BROKEN, "fails without the mutant"),
        (FakeWorkspace(CRASHED, FAILED), Verdict.BROKEN, "fails without the mutant"),
        (FakeWorkspace(PASSED, FAILED, applies=False), Verdict.BROKEN, "does not apply"),
    ],
)
def test_verdict_follows_from_runs_without_and_with_the_mutant(
    workspace: FakeWorkspace, verdict: Verdict, detail: str
) -> None:
    (result,) = Runner([workspace]).judge([MUTANT])
    assert result.verdict is verdict
    assert detail in result.detail


def test_invalid_mutant_is_broken_and_its_tests_do_not_run() -> None:
    workspace = FakeWorkspace(PASSED, FAILED)
    workspace.is_valid = False
    (result,) = Runner([workspace]).judge([MUTANT])
    assert (result.verdict, result.detail) == (Verdict.BROKEN, "does not compile")
    assert workspace.runs == [("t",)]
    assert [invalid.mutant for invalid in Runner([workspace]).invalid([MUTANT])] == [MUTANT]


def test_tests_of_several_mutants_run_once_without_a_mutant() -> None:
    workspace = FakeWorkspace(PASSED, FAILED)
    results = list(Runner([workspace]).judge([MUTANT, MUTANT]))
    assert len(results) == 2
    assert workspace.runs == [("t",), ("-x", "t"), ("-x", "t")]
