"""Prepares the virtual environments, and does nothing, quickly, when nothing changed.

`.venv` holds the application with its tools, `.venv-store` the store of the local cloud (MiniStack pins a
botocore of its own), and for tests `.venv-lint` what judges the template (which pins a pydantic of its own) and
`.venv-lambda` what Lambda's runtime brings (which the bundle has to find there, and nothing else), and
`.venv-ministack` MiniStack again, with what it takes to deploy a whole stage to it (`make run` does without).
Each carries a stamp: a digest of what was asked for and what is installed. The stamp is removed before anything
is changed and written last, so an interrupted installation is seen and repaired. An environment that works but
has no stamp is completed in place; one that does not work is made anew. Only `.venv` has pip, which installs into
the others as well: to put it into each would take longer than what they need.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

STAMP = "setup-stamp.json"
MAIN = ".venv"
RUNTIME = "requirements.txt"
LEVELS = {
    # Each inner tuple is one call of pip: a file with hashes makes pip demand them of all that it installs.
    "run": ((RUNTIME,), ("requirements-local.txt",)),
    "test": ((RUNTIME,), ("requirements-local.txt",), ("requirements-dev.txt",)),
}
STORE = (("requirements-store.txt",),)
LINT = (("requirements-lint.txt",),)
LAMBDA = (("requirements-lambda.txt",),)
MINISTACK = (("requirements-ministack.txt",),)
# Settings of a person's shell that would make pip or Python look or install elsewhere.
DISTURBING = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "PYTHONPATH")
Run = Callable[[Sequence[str], Path], bool]


class SetupError(Exception):
    """The environments cannot be prepared; the text says what to do."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment: where it is and what is installed into it, in one call of pip per group."""

    path: Path
    groups: tuple[tuple[str, ...], ...]

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.path / "bin" / "python"

    @property
    def installer(self) -> Path:
        """The interpreter whose pip installs into the environment."""
        return self.path.parent / MAIN / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The file that says what the environment was completed with."""
        return self.path / STAMP

    @property
    def log(self) -> Path:
        """Where the output of venv and pip goes."""
        return self.path.parent / ".setup" / f"{self.path.name.lstrip('.')}.log"


def environments(root: Path, level: str) -> list[Environment]:
    """The environments that a level ("run" or "test") needs."""
    needed = [Environment(root / MAIN, LEVELS[level]), Environment(root / ".venv-store", STORE)]
    if level == "test":
        needed += [
            Environment(root / ".venv-lint", LINT),
            Environment(root / ".venv-lambda", LAMBDA),
            Environment(root / ".venv-ministack", MINISTACK),
        ]
    return needed


def wanted(environment: Environment) -> dict[str, str]:
    """The digest of each requirement file, and the place: a copied environment points at its original."""
    files = sorted({name for group in environment.groups for name in group})
    root = environment.path.parent
    digests = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in files}
    return {**digests, "place": str(environment.path)}


def installed(environment: Environment) -> str:
    """A digest of the names and versions of what is installed, from one look at the directory."""
    names = sorted(path.name for path in environment.path.glob("lib/python*/site-packages/*.dist-info"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def read_stamp(environment: Environment) -> dict[str, str]:
    """The stamp, empty when there is none or it is torn."""
    try:
        stamp = json.loads(environment.stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in stamp.items()} if isinstance(stamp, dict) else {}


def interpreter(environment: Environment) -> str | None:
    """The base interpreter of an environment that works and is new enough, else None."""
    probe = (
        f"import sys{', pip' if environment.python == environment.installer else ''}\n"
        "print(sys.base_prefix, '%d.%d' % sys.version_info[:2])\n"
        "sys.exit(sys.version_info < (3, 11))"
    )
    command = [str(environment.python), "-I", "-c", probe]
    try:
        done = subprocess.run(  # noqa: S603  (a path of this checkout and a constant)
            command, capture_output=True, text=True, check=False, timeout=60
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def this_interpreter() -> str:
    """The running interpreter, in the words of `interpreter`."""
    return f"{sys.base_prefix} {sys.version_info[0]}.{sys.version_info[1]}"


def is_ready(environment: Environment, *, same_python: bool) -> bool:
    """Whether nothing has to be done. With `same_python` an environment of another Python is not ready."""
    stamp = read_stamp(environment)
    asked = wanted(environment)
    if any(stamp.get(key) != value for key, value in asked.items()):
        return False
    if stamp.get("installed") != installed(environment):
        return False
    found = interpreter(environment)
    return found is not None and (not same_python or found == this_interpreter())


def run_logged(command: Sequence[str], log: Path) -> bool:
    """Runs a command with its output appended to the log; says whether it succeeded."""
    with log.open("a", encoding="utf-8") as output:
        print("$", *command, file=output, flush=True)
        done = subprocess.run(  # noqa: S603  (commands are put together here, from paths of this checkout)
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if name not in DISTURBING},
            check=False,
        )
    return done.returncode == 0


def create(environment: Environment, run: Run) -> None:
    """Makes the environment anew, without packages."""
    if environment.path.is_symlink() or environment.path.is_file():
        environment.path.unlink()
    shutil.rmtree(environment.path, ignore_errors=True)
    base = getattr(sys, "_base_executable", sys.executable)
    options = [] if environment.python == environment.installer else ["--without-pip"]
    if not run([base, "-m", "venv", *options, str(environment.path)], environment.log):
        raise SetupError(f"{environment.path.name} could not be made:\n{tail(environment.log)}")


def install(environment: Environment, run: Run) -> bool:
    """Installs every group, side by side; says whether all went well."""
    root = environment.path.parent
    pip = [str(environment.installer), "-m", "pip", "--python", str(environment.python)]
    pip += ["--no-input", "--disable-pip-version-check", "install", "--quiet", "--prefer-binary"]
    # The files list all that is needed, each package once. What is imported is compiled then: most of it never is.
    pip += ["--no-deps", "--no-compile"]
    with ThreadPoolExecutor(max_workers=len(environment.groups)) as pool:
        named = [[part for name in group for part in ("-r", str(root / name))] for group in environment.groups]
        return all([*pool.map(lambda files: run([*pip, *files], environment.log), named)])


def make_usable(environment: Environment, *, same_python: bool, run: Run = run_logged) -> bool:
    """Makes the environment anew if it does not work; says whether it did. Its stamp is gone then in any case.

    Raises SetupError when it cannot be made.
    """
    environment.log.parent.mkdir(exist_ok=True)
    environment.log.write_text("", encoding="utf-8")
    stamp = read_stamp(environment)
    environment.stamp.unlink(missing_ok=True)
    found = interpreter(environment)
    moved = stamp.get("place", str(environment.path)) != str(environment.path)
    if found is not None and not moved and (not same_python or found == this_interpreter()):
        return False
    create(environment, run)
    return True


def prepare(environment: Environment, *, same_python: bool, run: Run = run_logged) -> None:
    """Completes the environment in place, or makes it anew where that does not do.

    Raises SetupError when a new environment cannot be made or filled either.
    """
    is_new = make_usable(environment, same_python=same_python, run=run)
    if not install(environment, run):
        if is_new:
            raise SetupError(f"{environment.path.name} could not be filled:\n{tail(environment.log)}")
        create(environment, run)
        if not install(environment, run):
            raise SetupError(f"{environment.path.name} could not be filled:\n{tail(environment.log)}")
    completed = {**wanted(environment), "installed": installed(environment)}
    partial = environment.stamp.with_suffix(".partial")
    partial.write_text(json.dumps(completed, indent=1), encoding="utf-8")
    partial.replace(environment.stamp)


def tail(log: Path) -> str:
    """What went wrong, from a log: its errors, or else its last lines, without addresses."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    chosen = [line for line in lines if line.startswith("ERROR")] or lines
    text = "\n".join(f"    {line}" for line in chosen[-8:])
    text = re.sub(r"\w+://\S+", "(address)", text)
    text = re.sub(r"host='[^']*'", "host='…'", text)
    return f"{text}\nThe whole log: {log}"


def check_venv_module() -> None:
    """Raises SetupError where Python came without venv, as Debian's and Ubuntu's does."""
    try:
        import ensurepip  # noqa: F401, PLC0415  (absent there: this is what is being found out)
        import venv  # noqa: F401, PLC0415
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"{sys.executable} (Python {version}) has no venv module.\n"
            "On Debian and Ubuntu it is a package of its own: apt install python3-venv"
            f" (or python{version}-venv).\n"
            "Then run make again, or name another Python: make run PYTHON=/path/to/python3"
        ) from None


def set_up(root: Path, level: str, *, same_python: bool) -> None:
    """Brings all environments to the level, side by side. Raises SetupError."""
    stale = [each for each in environments(root, level) if not is_ready(each, same_python=same_python)]
    if not stale:
        return
    check_venv_module()
    (root / ".setup").mkdir(exist_ok=True)
    with (root / ".setup" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second make waits for the first, then finds its work done
        stale = [each for each in stale if not is_ready(each, same_python=same_python)]
        if not stale:
            return
        started = time.monotonic()
        names = ", ".join(each.path.name for each in stale)
        say(f"Preparing {names} with Python {sys.version.split()[0]} (about half a minute the first time)")
        for each in stale:
            if each.python == each.installer:
                make_usable(each, same_python=same_python)  # the others need its pip
        with ThreadPoolExecutor(max_workers=len(stale)) as pool:
            for done in [pool.submit(prepare, each, same_python=same_python) for each in stale]:
                done.result()
        say(f"Prepared in {time.monotonic() - started:.0f} s")


def say(text: str) -> None:
    """A line for the person who waits, kept off stdout, which belongs to what runs afterwards."""
    sys.stderr.write(f"{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: `setup.py run|test [--same-python]`; the exit code."""
    parser = argparse.ArgumentParser(description="Prepares .venv and the environments beside it.")
    parser.add_argument("level", choices=sorted(LEVELS))
    parser.add_argument("--same-python", action="store_true", help="rebuild environments of another Python")
    options = parser.parse_args(arguments)
    try:
        set_up(Path(__file__).resolve().parent.parent, options.level, same_python=options.same_python)
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped; the next make goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
