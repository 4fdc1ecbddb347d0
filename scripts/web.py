"""Build the web page into `web/dist`, unless its sources are those of the last build.

    python -m scripts.web

Node.js is needed for this only, not for serving the page: see `scripts.node`. The build goes to another directory
first, so that a page being served is replaced as a whole; its `inputs.sha256` is the digest of its sources.

Standard library only: this module runs before anything else is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts import node
from scripts.uv import LOGS, SetupError, Uv, errors_of

DIST = node.WEB / "dist"
INPUTS = "inputs.sha256"
_PARTIAL, _REPLACED = node.WEB / "dist.partial", node.WEB / "dist.replaced"
_FILES = (
    *("index.html", "package-lock.json", "package.json", "tsconfig.json"),
    *("vite.config.ts", "emoji_data.ts", "short_names.ts"),
)


def inputs(root: Path) -> Iterator[Path]:
    """Yield the files that the build depends on."""
    yield from (root / node.WEB / name for name in _FILES)
    yield root / node.CLIENT / "names.mjs"
    for folder in (node.WEB / "src", node.CLIENT / "src"):
        yield from sorted(path for path in (root / folder).rglob("*") if path.is_file())


def inputs_digest(root: Path) -> str:
    """Return the digest of the names and contents of the inputs."""
    result = hashlib.sha256()
    for path in inputs(root):
        content = path.read_bytes()
        result.update(f"{path.relative_to(root)}\0{len(content)}\0".encode())
        result.update(content)
    return result.hexdigest()


def is_built(root: Path) -> bool:
    """Return whether `web/dist` is the build of the present sources, also if the checkout has no web page."""
    try:
        return not (root / node.WEB).exists() or (root / DIST / INPUTS).read_text("ascii") == inputs_digest(root)
    except OSError:
        return False


def build(uv: Uv) -> None:
    """Bring `web/dist` to the present sources; install what the build needs. Raises SetupError."""
    root = uv.root
    if not node.is_ready(root, node.WEB):
        node.prepare(uv, node.WEB)
    program = node.node_program(root, node.WEB)
    if program is None:
        raise SetupError("Node.js disappeared while the web page was being built.")
    digest = inputs_digest(root)
    _run_vite(root, program)
    (root / _PARTIAL / INPUTS).write_text(digest, encoding="ascii")
    _replace(root)


def _run_vite(root: Path, program: Path) -> None:
    log = root / LOGS / "web.log"
    command = [str(program), "node_modules/vite/bin/vite.js", "build", "--outDir", _PARTIAL.name, "--emptyOutDir"]
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(  # noqa: S603  (the command is composed here)
            command,
            cwd=root / node.WEB,
            env={**os.environ, "NODE_ENV": "production", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise SetupError(f"The web page could not be built:\n{errors_of(log)}")


def _replace(root: Path) -> None:
    shutil.rmtree(root / _REPLACED, ignore_errors=True)
    if (root / DIST).exists():
        (root / DIST).rename(root / _REPLACED)
    (root / _PARTIAL).rename(root / DIST)
    shutil.rmtree(root / _REPLACED, ignore_errors=True)


def main() -> int:
    """Build the page if necessary and return the exit status."""
    root = Path(__file__).resolve().parent.parent
    (root / LOGS).mkdir(exist_ok=True)
    try:
        with (root / LOGS / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another make may prepare the same files
            if not is_built(root):
                build(Uv(root))
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
