"""Judges mutants by their tests."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from scripts.mutants.patches import InvalidMutant, Mutant
from scripts.mutants.workspace import PytestRun, Workspace


class Verdict(Enum):
    """The judgement on a mutant."""

    KILLED = "killed"
    """A test fails that passes without the mutant."""
    SURVIVED = "survived"
    """All tests pass."""
    BROKEN = "broken"
    """The mutant is invalid, its tests fail without it, or the run crashed or timed out."""


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one mutant; `detail` is the test that killed it, or the reason why it is broken."""

    mutant: Mutant
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0


class Runner:
    """Judges mutants in several workspaces at the same time."""

    def __init__(self, workspaces: Sequence[Workspace]) -> None:
        self._size = len(workspaces)
        self._free: queue.SimpleQueue[Workspace] = queue.SimpleQueue()
        for workspace in workspaces:
            self._free.put(workspace)
        self._baselines: dict[str, PytestRun] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def judge(self, mutants: Sequence[Mutant]) -> Iterator[Result]:
        """Run the tests of each mutant; yield the results in the order of the mutants."""
        return self._for_each(mutants, self._judge)

    def invalid(self, mutants: Sequence[Mutant]) -> list[Result]:
        """Return the mutants that do not apply or do not yield valid code. Runs no tests."""
        results = self._for_each(mutants, self._validate)
        return [result for result in results if result.verdict is Verdict.BROKEN]

    def refresh(self, mutants: Sequence[Mutant]) -> list[Mutant]:
        """Rewrite the patches whose context has moved, and return them. Raises InvalidMutant."""
        workspace = self._free.get()
        try:
            changed = []
            for mutant in mutants:
                with workspace.mutated(mutant):
                    if mutant.save(workspace.diff()):
                        changed.append(mutant)
            return changed
        finally:
            self._free.put(workspace)

    def _for_each(self, mutants: Sequence[Mutant], act: Callable[[Workspace, Mutant], Result]) -> Iterator[Result]:
        def run(mutant: Mutant) -> Result:
            workspace = self._free.get()
            try:
                return act(workspace, mutant)
            except InvalidMutant as error:
                return Result(mutant, Verdict.BROKEN, str(error))
            finally:
                self._free.put(workspace)

        with ThreadPoolExecutor(self._size) as pool:
            yield from pool.map(run, mutants)

    def _validate(self, workspace: Workspace, mutant: Mutant) -> Result:
        with workspace.mutated(mutant) as changed:
            workspace.require_valid(changed)
        return Result(mutant, Verdict.SURVIVED)

    def _judge(self, workspace: Workspace, mutant: Mutant) -> Result:
        for test in mutant.tests:
            baseline = self._baseline(workspace, test)
            if baseline.failed or baseline.crash:
                raise InvalidMutant(f"{test} fails without the mutant: {baseline.failed or baseline.crash}")
        with workspace.mutated(mutant) as changed:
            workspace.require_valid(changed)
            run = workspace.run_tests("-x", *mutant.tests)
        if run.crash:
            raise InvalidMutant(f"the run crashed: {run.crash}")
        if run.failed:
            return Result(mutant, Verdict.KILLED, run.failed[0], run.seconds)
        return Result(mutant, Verdict.SURVIVED, seconds=run.seconds)

    def _baseline(self, workspace: Workspace, test: str) -> PytestRun:
        with self._locks[test]:
            if test not in self._baselines:
                self._baselines[test] = workspace.run_tests(test)
            return self._baselines[test]
