"""Install the runtime's dependencies for the functions' architecture instead of this machine's.

Chalice can do this too, but if a wheel does not fit, it fetches another one without checking its hash. Here pip
checks every file's hash against `requirements.txt`, and uses only wheels that the runtime's glibc can load.
"""

from __future__ import annotations

from pathlib import Path

import pip

from infra.process import run
from infra.runtime import Runtime


def install(requirements: Path, to: Path, runtime: Runtime, python: str) -> None:
    """Install the packages of the file, with hashes, into `to`. Raises InfraError.

    The interpreter `python` runs the pip of this environment, as it may have none. It must have the version of the
    runtime, because pip evaluates the conditions of requirements for the interpreter that runs it.
    """
    platforms = [part for platform in runtime.platforms for part in ("--platform", platform)]
    program = [python, "-s", str(Path(pip.__file__).parent)]
    options = ["--no-input", "--disable-pip-version-check", "install", "--quiet"]
    target = ["--target", str(to), "--implementation", "cp", "--python-version", runtime.python, *platforms]
    strict = ["--require-hashes", "--only-binary=:all:", "--no-compile"]
    run(
        [*program, *options, *target, *strict, "-r", str(requirements)],
        description=f"Installing {requirements.name} for {runtime.architecture}",
        cwd=to.parent,
    )
