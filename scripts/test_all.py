"""Run the tests that take too long for every run, part by part, and report on all of them.

    python -m scripts.test_all                    every part that has not passed for this state of the checkout
    python -m scripts.test_all e2e-bundle fuzz*   the same of some parts, by name or pattern
    python -m scripts.test_all --again suite      even if they have passed
    python -m scripts.test_all --list             list the parts

The parts are in `test_all_parts.py`. An interrupted run continues with the parts that have not passed. The report
is `build/test-all/report.md`, with the output of every part beside it. The exit status is 0 if every chosen part
has passed, or was skipped because this machine lacks a Python.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

from scripts.other_python import SKIPPED
from scripts.test_all_parts import PARTS, Part

ROOT = Path(__file__).resolve().parent.parent
RunPart = Callable[[Part, Path, Path], tuple[str, float]]
LIMIT = 30 * 60.0
"""Seconds after which a part is ended."""


@dataclass(frozen=True)
class State:
    """A state of the checkout: its commit, and the tree of all files with uncommitted changes."""

    commit: str
    tree: str


@dataclass(frozen=True)
class Outcome:
    """The last run of a part."""

    result: str
    """"passed", "failed", "skipped", or "timed out"."""
    seconds: float
    state: State
    ended_at: str


class Results:
    """The outcomes of all parts, kept between runs."""

    def __init__(self, directory: Path) -> None:
        """`directory` is for the outcomes, the report and the output of the parts."""
        self.directory = directory
        self._path = directory / "outcomes.json"
        self.outcomes: dict[str, Outcome] = {}
        if self._path.exists():
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self.outcomes = {
                name: Outcome(**{**outcome, "state": State(**outcome["state"])})
                for name, outcome in stored.items()
            }

    def passed(self, part: Part, state: State) -> bool:
        """Return whether the part has passed for this state of the checkout."""
        outcome = self.outcomes.get(part.name)
        return outcome is not None and outcome.result == "passed" and outcome.state.tree == state.tree

    def record(self, part: Part, outcome: Outcome, parts: Sequence[Part]) -> None:
        """Keep an outcome, and write the report."""
        self.outcomes[part.name] = outcome
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps({name: asdict(each) for name, each in self.outcomes.items()}, indent=1))
        partial.replace(self._path)
        (self.directory / "report.md").write_text(report(parts, self.outcomes, outcome.state), encoding="utf-8")


def report(parts: Sequence[Part], outcomes: Mapping[str, Outcome], state: State) -> str:
    """Return the report in Markdown."""
    lines = [
        f"# Long tests at {state.commit}",
        "",
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs.",
        "",
        "| part | tests | result | duration | commit | ended |",
        "|---|---|---|---|---|---|",
    ]
    for part in parts:
        outcome = outcomes.get(part.name)
        cells = "not run | - | - | -"
        if outcome is not None:
            result = outcome.result if outcome.state.tree == state.tree else f"{outcome.result}, another state"
            minutes, seconds = divmod(round(outcome.seconds), 60)
            cells = f"{result} | {minutes}:{seconds:02} | {outcome.state.commit} | {outcome.ended_at}"
        lines.append(f"| `{part.name}` | {part.description} | {cells} |")
    return "\n".join(lines) + "\n"


def current_state(root: Path) -> State:
    """Return the state of the checkout; files that git ignores do not count."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "GIT_INDEX_FILE": str(Path(directory) / "index")}

        def git(*arguments: str) -> str:
            command = ["git", *arguments]
            return subprocess.run(  # noqa: S603
                command, cwd=root, env=environment, capture_output=True, text=True, check=True
            ).stdout.strip()

        git("read-tree", "HEAD")
        git("add", "--all")
        tree, commit = git("write-tree"), git("rev-parse", "--short", "HEAD")
        return State(commit if tree == git("rev-parse", "HEAD^{tree}") else f"{commit} with changes", tree)


def run_part(part: Part, root: Path, log: Path, limit: float = LIMIT) -> tuple[str, float]:
    """Run a part with its output in a file. Returns the result and the seconds that it took."""
    started = time.monotonic()
    files = part.files.arguments(root) if part.files else []
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *part.command, *files],
            cwd=root,
            env={**os.environ, **part.variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            result = {0: "passed", SKIPPED: "skipped"}.get(process.wait(limit), "failed")
        except subprocess.TimeoutExpired:
            result = "timed out"
        finally:
            _end(process)
    return result, time.monotonic() - started


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a part and the processes of its group; the interrupt lets pytest stop its servers first."""
    for number, patience in ((signal.SIGINT, 20), (signal.SIGKILL, None)):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue


def run_parts(
    parts: Sequence[Part],
    chosen: Sequence[Part],
    root: Path,
    results: Results,
    *,
    again: bool,
    run: RunPart = run_part,
) -> bool:
    """Run the chosen parts; `again` also those that have passed. Returns whether all of them have passed."""
    results.directory.mkdir(parents=True, exist_ok=True)
    passed = True
    for part in chosen:
        state = current_state(root)
        if not again and results.passed(part, state):
            _print(f"{part.name}: has passed")
            continue
        _print(f"{part.name}: {part.description} …")
        log = results.directory / f"{part.name}.log"
        result, seconds = run(part, root, log)
        if current_state(root).tree != state.tree:
            result = f"{result}, but files changed"
        ended_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        results.record(part, Outcome(result, seconds, state, ended_at), parts)
        _print(
            f"{part.name}: {result} after {seconds / 60:.1f} min"
            + ("" if result in {"passed", "skipped"} else f", see {log}")
        )
        if result == "skipped":
            _print(log.read_text(encoding="utf-8").strip())
        passed = passed and result in {"passed", "skipped"}
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.test_all", description="Run the long tests.")
    parser.add_argument("parts", nargs="*", metavar="PART", help="names or patterns; all parts by default")
    parser.add_argument("--again", action="store_true", help="also run parts that have passed")
    parser.add_argument("--list", action="store_true", help="only list the parts")
    parser.add_argument("--json", action="store_true", help="with --list: only the names, as JSON")
    options = parser.parse_args(arguments)
    patterns = " ".join(options.parts).split() or ["*"]
    chosen = [part for part in PARTS if any(fnmatch(part.name, pattern) for pattern in patterns)]
    if not chosen:
        parser.error(f"no part matches {' '.join(patterns)}; see --list")
    if options.list and options.json:
        _print(json.dumps([part.name for part in chosen]))
        return 0
    if options.list:
        for part in chosen:
            _print(f"{part.name:24} {part.description}")
        return 0
    results = Results(ROOT / "build" / "test-all")
    try:
        return 0 if run_parts(PARTS, chosen, ROOT, results, again=options.again) else 1
    except KeyboardInterrupt:
        _print("Interrupted; the next run continues with this part.")
        return 130


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
