"""Test the Python client with the lowest versions that its package allows.

    python -m scripts.lowest_versions          on the oldest Python that the package allows
    python -m scripts.lowest_versions 3.11     on another one

A new environment gets the package with the lower bounds of its dependencies as exact versions. In it run the
unit tests of the client, its adapter under the conformance suite, and its command line on a real chat; the server
and the suite run in this checkout's environment. The exit status is 77 if there is no such Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.errors import InfraError
from infra.interpreters import find_interpreter
from infra.runtime import Runtime
from scripts.other_python import SKIPPED

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "clients" / "python"
TESTS = ROOT / "tests" / "clients" / "python"
LEFT_OUT = {
    "test_package.py": "compares files of the repository",
    "test_promise.py": "its gateway needs a newer Python; the conformance suite takes its place",
}
SCHEDULES = "200"
PYTHON_VARIABLE = "CHAT_CLIENT_PYTHON"
"""Names the interpreter of the client to the tests of the command line."""
Check = Callable[[str, list[str], Path], int]
"""Test the client with an interpreter and exact versions in a directory, and return the exit status."""


def lowest(project: str) -> tuple[str, list[str]]:
    """Return the oldest Python of a `pyproject.toml`, and the lowest versions of all dependencies.

    Raises:
        ValueError: A requirement is more than a lower bound.
    """
    about = tomllib.loads(project)["project"]
    extras = about.get("optional-dependencies", {})
    requirements = [*about["dependencies"], *(one for extra in extras.values() for one in extra)]
    return _bound(about["requires-python"])[1], ["==".join(_bound(requirement)) for requirement in requirements]


def _bound(requirement: str) -> tuple[str, str]:
    name, operator, version = requirement.partition(">=")
    if not operator or not version.replace(".", "").isdigit():
        raise ValueError(f"{requirement} is no lower bound alone")
    return name, version


def check(python: str, versions: list[str], directory: Path) -> int:
    """Install the client and run its tests; return the first exit status that is not 0."""
    client = str(directory / "bin" / "python")
    files = [str(path) for path in sorted(TESTS.glob("test_*.py")) if path.name not in LEFT_OUT]
    alone = ("--noconftest", "-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-W", "error")
    adapter = ("env", f"PYTHONPATH={ROOT}", client, "-m", "tests.conformance.clients.python_client")
    steps: list[tuple[Sequence[str], Mapping[str, str]]] = [
        ((python, "-m", "venv", str(directory)), {}),
        ((client, "-m", "pip", "install", "--quiet", f"{CLIENT}[tui]", *versions, "pytest"), {}),
        ((client, "-m", "pytest", "-q", *alone, *files), {"PYTHONPATH": str(ROOT)}),
        ((sys.executable, "-m", "tests.conformance", "--schedules", SCHEDULES, "--", *adapter), {}),
        (
            (sys.executable, "-m", "pytest", "-q", str(TESTS / "live" / "test_cli.py")),
            {PYTHON_VARIABLE: client},
        ),
    ]
    for command, variables in steps:
        sys.stdout.write(f"$ {' '.join(command[:6])} …\n")
        sys.stdout.flush()
        done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=False)  # noqa: S603
        if done.returncode:
            return done.returncode
    return 0


def main(arguments: Sequence[str], run: Check = check) -> int:
    """Run the tests on a Python, and return the exit status."""
    oldest, versions = lowest((CLIENT / "pyproject.toml").read_text("utf-8"))
    version = arguments[0] if arguments else oldest
    try:
        interpreter = find_interpreter(Runtime(version, "x86_64"))
    except InfraError:
        sys.stdout.write(f"SKIPPED: Python {version} is not installed, neither in PATH nor in pyenv\n")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="chat-lowest-") as place:
        return run(interpreter.path, versions, Path(place))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
