"""The interpreter that builds for a Python version: the running one, or one in PATH or pyenv."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.errors import InfraError
from infra.runtime import Runtime

_PROBE = """
import importlib.util, sys
print(sys.executable, "%d.%d" % sys.version_info[:2], importlib.util.MAGIC_NUMBER.hex(), sep="\\n")
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter, and the magic number of its bytecode."""

    path: str
    magic: bytes


def find_interpreter(runtime: Runtime, environment: Mapping[str, str] = os.environ) -> Interpreter:
    """Return an interpreter of the runtime's version. Raises InfraError if there is none."""
    if runtime.python == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return Interpreter(sys.executable, importlib.util.MAGIC_NUMBER)
    for candidate in _candidates(runtime, environment):
        if (found := _probe(candidate, runtime.python)) is not None:
            return found
    raise InfraError(
        f"The stage runs on {runtime.name}, and only Python {runtime.python} can build for it, but there is none"
        f" in PATH or pyenv. Install it (pyenv install {runtime.python}), or set infra.runtime in"
        " .chalice/config.json to the version of an installed one"
    )


def _candidates(runtime: Runtime, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield existing programs of this name. Those in PATH can be shims without an installed Python."""
    for directory in environment.get("PATH", "").split(os.pathsep):
        yield Path(directory) / runtime.name
    root = Path(environment.get("PYENV_ROOT") or Path(environment.get("HOME", "/")) / ".pyenv")
    versions = sorted((root / "versions").glob(f"{runtime.python}.*"), key=_patch_version, reverse=True)
    yield from (version / "bin" / "python" for version in versions)


def _patch_version(path: Path) -> tuple[int, str]:
    patch = path.name.rpartition(".")[2]
    return (int(patch) if patch.isdigit() else -1, path.name)


def _probe(path: Path, python: str) -> Interpreter | None:
    """Return the interpreter at `path` if it works and has the version."""
    if not path.is_file():
        return None
    command = [str(path), "-I", "-S", "-c", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except OSError:
        return None
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 3 or lines[1] != python:
        return None
    return Interpreter(lines[0], bytes.fromhex(lines[2]))
