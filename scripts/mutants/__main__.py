"""Run the tests against hand-written mutants: each mutant must make one of its tests fail.

    .venv/bin/python -m scripts.mutants                 run all mutants, two at a time
    .venv/bin/python -m scripts.mutants NAME...         run some of them
    .venv/bin/python -m scripts.mutants --law L5        run the mutants of one law
    .venv/bin/python -m scripts.mutants --tests FOLDER  run those that name tests of a folder, by these tests alone
    .venv/bin/python -m scripts.mutants --list          list them
    .venv/bin/python -m scripts.mutants --check         run no tests: only apply, compile and type-check
    .venv/bin/python -m scripts.mutants --refresh       rewrite the patches whose context has moved
    .venv/bin/python -m scripts.mutants --write ...     also write the results into docs/mutants.md

Each patch of `tests/mutants` is applied to a throw-away worktree of this checkout with its uncommitted changes.
The tests run without any mutant first. The exit status is 0 if all mutants were killed (with
`--check`: are valid), 1 if not, and 2 for a usage error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from scripts.mutants import report
from scripts.mutants.patches import LAWS, InvalidMutant, Mutant, load_all
from scripts.mutants.runner import Result, Runner, Verdict
from scripts.mutants.workspace import head_commit, workspaces


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        mutants = load_all()
    except InvalidMutant as error:
        parser.error(str(error))
    if unknown := {*options.names} - {mutant.name for mutant in mutants}:
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in mutants if _is_chosen(mutant, options)]
    if not options.refresh:
        chosen = [mutant.by_tests_of(options.tests) for mutant in chosen]
    if options.list:
        for mutant in chosen:
            _print(f"{mutant.name:48} {mutant.law:9} {mutant.defect}")
        return 0
    with workspaces(1 if options.refresh else min(options.jobs, len(chosen))) as found:
        runner = Runner(found)
        if options.refresh:
            return _refresh(runner, chosen)
        if options.check:
            return _report(runner.invalid(chosen), len(chosen), "valid")
        return _judge(runner, chosen, mutants if options.write else None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.mutants", description="Run tests against mutants.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="names of mutants; all of them by default")
    parser.add_argument("--law", choices=LAWS, help="only the mutants of this law")
    parser.add_argument("--tests", default="", metavar="FOLDER", help="only by tests of this folder or file")
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    parser.add_argument("--check", action="store_true", help="only apply, compile and type-check the mutants")
    parser.add_argument("--refresh", action="store_true", help="only rewrite the patches whose context has moved")
    parser.add_argument("--write", action="store_true", help=f"write the results into docs/{report.REPORT.name}")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="mutants that run at the same time (2)")
    return parser


def _is_chosen(mutant: Mutant, options: argparse.Namespace) -> bool:
    is_named = not options.names or mutant.name in options.names
    return options.law in (None, mutant.law) and is_named and bool(mutant.by_tests_of(options.tests).tests)


def _refresh(runner: Runner, mutants: Sequence[Mutant]) -> int:
    try:
        changed = runner.refresh(mutants)
    except InvalidMutant as error:
        _print(str(error))
        return 1
    _print(f"{len(changed)} of {len(mutants)} patches were rewritten")
    return 0


def _judge(runner: Runner, chosen: Sequence[Mutant], rows: Sequence[Mutant] | None) -> int:
    results: list[Result] = []
    for result in runner.judge(chosen):
        results.append(result)
        _print(f"{result.verdict.value:8} {result.mutant.name} ({result.seconds:.0f} s) {result.detail}")
        if rows is not None:
            report.update([result], rows, head_commit())
    survivors = [result for result in results if result.verdict is not Verdict.KILLED]
    return _report(survivors, len(chosen), "killed")


def _report(failures: Sequence[Result], total: int, outcome: str) -> int:
    for result in failures:
        _print(f"{result.verdict.value}: {result.mutant.name} {result.detail}")
    _print(f"{total - len(failures)} of {total} mutants are {outcome}")
    return 1 if failures else 0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
