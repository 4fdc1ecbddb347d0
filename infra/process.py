"""Running a tool in a process and an environment of its own, so that nothing of ours gets into what it makes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.errors import InfraError

# A person's settings that would make pip install elsewhere, or Python find other modules or leave bytecode.
_REMOVED_VARIABLES = ("PIP_TARGET", "PIP_USER", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME")
_OUTPUT_LINES = 6


def run(
    command: Sequence[str], *, description: str, cwd: Path, variables: Mapping[str, str] | None = None
) -> None:
    """Run a command with the environment cleaned and `more` added.

    Raises InfraError, beginning with `what` and ending with the last lines of the output, if it fails.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _REMOVED_VARIABLES and not name.startswith(("AWS_", "CHAT_"))
    }
    # A fixed hash seed: the order of what a tool keeps in sets must not get into what it writes.
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", **(variables or {})}
    done = subprocess.run(  # noqa: S603 — commands are put together here, from this interpreter and paths
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise InfraError(
            "\n".join([f"{description} failed:", *(f"    {line}" for line in lines[-_OUTPUT_LINES:])])
        )
