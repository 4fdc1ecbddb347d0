"""Measure line and branch coverage of the core, by the tests that run in its process.

    .venv/bin/python -m scripts.core_coverage

Takes minutes: part of `make test-all`. Uncovered lines and branches are listed. The exit status is 1 if the
coverage is below its limit, and that of pytest if tests fail. The limit can only be raised.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Gate:
    """Tests, and the coverage that they must reach in percent."""

    tests: tuple[str, ...]
    limit: float


FULL = Gate(
    (
        "tests/unit/core",
        "tests/functional",
        # The published objects: the documents are made from them, and nothing else imports them at run time.
        "tests/specs",
        "tests/invariants",
        # They run the app in another process.
        "--ignore=tests/invariants/test_random_histories.py",
    ),
    98.0,
)


def run(gate: Gate, *, processes: int) -> int:
    """Run the tests of a gate, print the report, and return the exit status."""
    with tempfile.TemporaryDirectory(prefix="coverage-") as directory:
        environment = {**os.environ, "COVERAGE_FILE": str(Path(directory) / "data")}
        environment.pop("PYTEST_XDIST_WORKER", None)

        def coverage(*arguments: str) -> int:
            command = [sys.executable, "-m", "coverage", *arguments]
            return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603

        pytest = ["run", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(processes)]
        status = coverage(*pytest, *gate.tests)
        if status == 0:
            coverage("combine", "--quiet")
            status = min(coverage("report", f"--fail-under={gate.limit}"), 1)
        return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.core_coverage", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("-n", "--processes", type=int, default=2, help="test processes (2)")
    options = parser.parse_args(arguments)
    return run(FULL, processes=options.processes)


if __name__ == "__main__":
    sys.exit(main())
