"""Makes the Python client of the checkout importable in an environment, and its command `chat` runnable there.

A path file and a script take the place of an installation: they follow the sources, and need no build tools.

Standard library only: this module runs before anything is installed.
"""

from __future__ import annotations

from pathlib import Path

SOURCE = Path("clients/python/src")
_PATH_FILE = "serverless_chat.pth"
_SCRIPT = """#!/bin/sh
exec "$(dirname "$0")/python" -m serverless_chat.cli "$@"
"""


def is_added(environment: Path) -> bool:
    """Return whether the command is there."""
    return (environment / "bin" / "chat").exists()


def add(root: Path, environment: Path) -> None:
    """Add the client of a checkout to one of its environments."""
    for packages in environment.glob("lib/python*/site-packages"):
        (packages / _PATH_FILE).write_text(f"{root / SOURCE}\n", encoding="utf-8")
    command = environment / "bin" / "chat"
    command.write_text(_SCRIPT, encoding="utf-8")
    command.chmod(0o755)
