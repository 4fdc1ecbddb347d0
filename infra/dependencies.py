"""The runtime's dependencies, installed for the functions' processor instead of this machine's.

Chalice can do this, too, but where a wheel does not fit it fetches another one without looking at its hash. Here
pip checks the hash of every file against `requirements.txt`, takes wheels only, and only such as the runtime's
glibc can load.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.process import run
from infra.runtime import Runtime


def install(requirements: Path, to: Path, runtime: Runtime) -> None:
    """Install what the file lists, all of it by hash, into `to`. Raises InfraError."""
    platforms = [part for each in runtime.platforms for part in ("--platform", each)]
    pip = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "install", "--quiet"]
    target = ["--target", str(to), "--implementation", "cp", "--python-version", runtime.python, *platforms]
    strict = ["--require-hashes", "--only-binary=:all:", "--no-compile"]
    run(
        [*pip, *target, *strict, "-r", str(requirements)],
        description=f"Installing {requirements.name} for {runtime.architecture}",
        cwd=to.parent,
    )
