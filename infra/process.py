"""Run a tool in a subprocess with a clean environment, so that its output does not depend on this one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.errors import InfraError

# Settings that would make pip install elsewhere, or Python import other modules or write bytecode.
_REMOVED_VARIABLES = ("PIP_TARGET", "PIP_USER", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME")
_OUTPUT_LINES = 6


def run(
    command: Sequence[str], *, description: str, cwd: Path, variables: Mapping[str, str] | None = None
) -> None:
    """Run a command in the cleaned environment plus `variables`.

    On failure raises InfraError with `description` and the last lines of the output.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _REMOVED_VARIABLES and not name.startswith(("AWS_", "CHAT_"))
    }
    # A fixed hash seed makes the iteration order of sets, and so the output, reproducible.
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", **(variables or {})}
    done = subprocess.run(  # noqa: S603 — commands consist of this interpreter, constants and paths
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise InfraError(
            "\n".join([f"{description} failed:", *(f"    {line}" for line in lines[-_OUTPUT_LINES:])])
        )
