"""Run the suite on another Python, in a worktree with separate environments.

    python -m scripts.other_python 3.13

The worktree has the files of this checkout with its uncommitted changes. The exit status is 77 if the version is
not installed, or if it is that of this checkout, whose suite is another part of `make test-all`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.errors import InfraError
from infra.interpreters import find_interpreter
from infra.runtime import Runtime
from scripts.mutants.workspace import worktree

SKIPPED = 77
"""The exit status of a part that cannot run here."""
Run = Callable[[str, Path], int]
"""Run the suite of a worktree with an interpreter, and return the exit status."""


def run_suite(python: str, checkout: Path) -> int:
    """Set the worktree up and run its suite."""
    command = ["make", "--no-print-directory", "suite", f"PYTHON={python}"]
    return subprocess.run(command, cwd=checkout, check=False).returncode  # noqa: S603


def main(arguments: Sequence[str], run: Run = run_suite) -> int:
    """Run the suite on the version, and return the exit status."""
    (version,) = arguments
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return _skip(f"Python {version} is the one of this checkout: the part `suite` runs on it")
    try:
        interpreter = find_interpreter(Runtime(version, "x86_64"))
    except InfraError:
        return _skip(f"Python {version} is not installed, neither in PATH nor in pyenv")
    with worktree() as checkout:
        return run(interpreter.path, checkout)


def _skip(reason: str) -> int:
    sys.stdout.write(f"SKIPPED: {reason}\n")
    return SKIPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
