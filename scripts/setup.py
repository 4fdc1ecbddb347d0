"""Prepare the virtual environments; do nothing, quickly, when nothing has changed.

    python -m scripts.setup run|test [--same-python]

- `.venv` holds the application, the Python client with its command `chat`, and their tools: for `make run` the
  packages of `requirements/run.txt`, for all other targets those of `requirements/test.txt`
- `.venv-lint` holds the checks of the CloudFormation template, which pin another pydantic
- `.venv-lambda` holds the packages that the Lambda runtime provides, and nothing else, for running the bundle
- `.venv-ministack` holds MiniStack, which pins an exact botocore, with what it needs to emulate a deployed stage
- `.venv-node` holds Node.js where the system has none: see `scripts/node.py`
- `web/dist` holds the built web page: see `scripts/web.py`; `make run` builds it beside the chat

`make run` needs the first one only. Each environment has a stamp: the digest of its lock file, its path, and a
digest of the installed packages. The stamp is removed before a change and written after it, so an interrupted
set-up leaves an environment without a stamp, which is made anew.

Standard library only: this module runs before anything is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import browser, client_command, node, web
from scripts.uv import LOGS, SetupError, Uv, bundled_pip

STAMP = "setup-stamp.json"
_PROBE = """
import sys
print(sys.base_prefix, "%d.%d" % sys.version_info[:2])
sys.exit(sys.version_info < (3, 11))
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment. Packages of any of its lock files will do; the first one is installed."""

    path: Path
    locks: tuple[Path, ...]
    has_client: bool = False

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The record of the last complete installation."""
        return self.path / STAMP


def environments(root: Path, level: str) -> list[Environment]:
    """Return the environments that a level, "run" or "test", needs."""
    names = [] if level == "run" else ["lint", "lambda", "ministack"]
    locks = ["run", "test"] if level == "run" else ["test"]
    return [
        Environment(
            root / ".venv", tuple(root / "requirements" / f"{name}.txt" for name in locks), has_client=True
        ),
        *(Environment(root / f".venv-{name}", (root / "requirements" / f"{name}.txt",)) for name in names),
    ]


def digest(lock: Path) -> str:
    """Return the digest of a lock file."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def installed(environment: Environment) -> str:
    """Return a digest of the names and versions of the installed packages."""
    names = sorted(path.name for path in environment.path.glob("lib/python*/site-packages/*.dist-info"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def read_stamp(environment: Environment) -> dict[str, str]:
    """Return the stamp, or nothing if there is none or if it is damaged."""
    try:
        stamp = json.loads(environment.stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in stamp.items()} if isinstance(stamp, dict) else {}


def interpreter(environment: Environment) -> str | None:
    """Return the base interpreter of an environment, or None if it does not work or is too old."""
    command = [str(environment.python), "-I", "-S", "-c", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def this_interpreter() -> str:
    """Return the base interpreter of this process, in the form of `interpreter`."""
    return f"{sys.base_prefix} {sys.version_info[0]}.{sys.version_info[1]}"


def is_usable(environment: Environment, *, same_python: bool) -> bool:
    """Return whether the environment is complete and works, with the packages of some lock file."""
    if read_stamp(environment).get("path") != str(environment.path):
        return False  # interrupted, or copied together with the checkout
    found = interpreter(environment)
    return found is not None and (not same_python or found == this_interpreter())


def is_ready(environment: Environment, *, same_python: bool) -> bool:
    """Return whether nothing has to be done. `same_python` rejects an environment of another Python."""
    stamp = read_stamp(environment)
    return (
        stamp.get("lock") in {digest(lock) for lock in environment.locks}
        and stamp.get("installed") == installed(environment)
        and (not environment.has_client or client_command.is_added(environment.path))
        and is_usable(environment, same_python=same_python)
    )


def prepare(environment: Environment, uv: Uv, *, same_python: bool) -> None:
    """Bring the environment to its lock file: in place if it is usable, else anew. Raises SetupError."""
    new = not is_usable(environment, same_python=same_python)
    lock = environment.locks[0]
    environment.stamp.unlink(missing_ok=True)
    uv.sync(environment.path, lock, new=new)
    if environment.has_client:
        client_command.add(uv.root, environment.path)
    stamp = {"lock": digest(lock), "path": str(environment.path), "installed": installed(environment)}
    partial = environment.stamp.with_suffix(".partial")
    partial.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    partial.replace(environment.stamp)


def set_up(uv: Uv, level: str, *, same_python: bool) -> None:
    """Prepare every environment of the level that is not ready. Raises SetupError."""
    root = uv.root

    def stale() -> list[Environment]:
        return [found for found in environments(root, level) if not is_ready(found, same_python=same_python)]

    def is_complete() -> bool:
        return not stale() and (level == "run" or is_page_ready(root))

    if is_complete():
        return
    bundled_pip()
    (root / LOGS).mkdir(exist_ok=True)
    with (root / LOGS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second make waits for the first one
        if is_complete():
            return
        started = time.monotonic()
        missing = stale()
        names = ", ".join(environment.path.name for environment in missing) or "the web page and its tests"
        say(f"Preparing {names} with Python {sys.version.split()[0]}")
        uv.install()
        for environment in missing:
            prepare(environment, uv, same_python=same_python)
        if level != "run":
            prepare_page(uv)
        say(f"Prepared in {time.monotonic() - started:.0f} s")


def is_page_ready(root: Path) -> bool:
    """Return whether there is nothing to prepare for the JavaScript client, the web page and their tests."""
    return node.is_ready(root) and web.is_built(root) and browser.is_prepared(root)


def prepare_page(uv: Uv) -> None:
    """Prepare the JavaScript client, the web page and a browser; without one of them, its tests are skipped."""
    try:
        if not node.is_ready(uv.root):
            node.prepare(uv)
    except SetupError as error:
        say(f"The tests of the JavaScript client will be skipped: {error}")
    try:
        if not web.is_built(uv.root):
            web.build(uv)
    except SetupError as error:
        say(f"The tests of the web page will be skipped: {error}")
    if not browser.is_prepared(uv.root):
        say(f"Installing {', '.join(browser.missing_packages())} with apt, for the tests of the web page")
        if not browser.prepare(uv.root):
            say(f"Tests of the web page will be skipped: see {uv.root / LOGS / 'apt.log'}")


def say(text: str) -> None:
    """Write a line to stderr: stdout belongs to the command that runs afterwards."""
    sys.stderr.write(f"{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.setup", description="Prepare the environments.")
    parser.add_argument("level", choices=["run", "test"])
    parser.add_argument("--same-python", action="store_true", help="make environments of another Python anew")
    options = parser.parse_args(arguments)
    try:
        set_up(Uv(Path(__file__).resolve().parent.parent), options.level, same_python=options.same_python)
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Interrupted; the next make continues.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
