"""The pinned uv, which installs the environments and updates the lock files.

uv is installed into `.venv-uv`, with hashes, by the pip that Python ships for venv. Its cache is the user's, so a
second checkout downloads nothing, and environments on the same file system share their files by hard links.

Standard library only: this module runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from configparser import ConfigParser, Error
from contextlib import suppress
from pathlib import Path

LOCK = Path("requirements/uv.txt")
ENVIRONMENT = ".venv-uv"
LOGS = ".setup"
_PIP_CONFIGURATIONS = (
    "/etc/xdg/pip/pip.conf",
    "/etc/pip.conf",
    "~/Library/Application Support/pip/pip.conf",
    "~/.pip/pip.conf",
    "~/.config/pip/pip.conf",
)
# Settings of the user's shell that redirect an installation.
_REDIRECTIONS = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_TARGET", "UV_PREFIX"}
_REDIRECTIONS |= {"UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_DRY_RUN", "VIRTUAL_ENV", "CONDA_PREFIX"}

Run = Callable[[Sequence[str], Path], None]
"""Run a command with its output appended to a log. Raises SetupError."""


class SetupError(Exception):
    """The environments cannot be prepared; the message has an instruction."""


class Uv:
    """The uv of a checkout."""

    def __init__(self, root: Path, run: Run | None = None) -> None:
        """`root` is the checkout. Nothing is installed before `install`."""
        self.root = root
        self.run = run or run_logged
        self._environment = root / ENVIRONMENT
        self._program = str(self._environment / "bin" / "uv")

    def install(self) -> None:
        """Install the pinned uv unless it is installed already. Raises SetupError."""
        stamp = self._environment / "setup-stamp"
        wanted = f"{hashlib.sha256((self.root / LOCK).read_bytes()).hexdigest()} {self._environment}"
        if Path(self._program).exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        log = self._new_log("uv")
        self.create_environment(self._environment, log)
        pip = [str(self._environment / "bin" / "python"), str(bundled_pip() / "pip"), "install", "--quiet"]
        pip += ["--no-input", "--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes"]
        self.run([*pip, "-r", str(self.root / LOCK)], log)
        stamp.write_text(wanted, encoding="utf-8")

    def create_environment(self, path: Path, log: Path) -> None:
        """Make an empty virtual environment and replace anything at `path`. Raises SetupError."""
        if path.is_symlink() or path.is_file():
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)
        base = getattr(sys, "_base_executable", sys.executable)
        self.run([base, "-m", "venv", "--without-pip", str(path)], log)

    def sync(self, environment: Path, lock: Path, *, new: bool) -> None:
        """Make the packages of an environment exactly those of a lock file. Raises SetupError.

        `new` makes the environment anew.
        """
        log = self._new_log(environment.name)
        if new:
            self.create_environment(environment, log)
        python = str(environment / "bin" / "python")
        self.run([self._program, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)], log)

    def compile(self, source: str, lock: str, options: Sequence[str]) -> None:
        """Update a lock file from the direct dependencies in `source`; paths are relative. Raises SetupError."""
        command = [self._program, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--annotation-style", "line", "--custom-compile-command", "make lock"]
        self.run([*command, *options, source, "-o", lock], self._new_log(Path(source).stem))

    def _new_log(self, name: str) -> Path:
        log = self.root / LOGS / f"{name.lstrip('.')}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("", encoding="utf-8")
        return log


def bundled_pip() -> Path:
    """Return the wheel of pip that Python ships for venv. Raises SetupError if it ships none, as on Debian."""
    try:
        import ensurepip  # noqa: PLC0415  (absent from Debian's Python without python3-venv)
    except ImportError:
        wheels = []
    else:
        folders = [Path(ensurepip.__file__).parent / "_bundled", sysconfig.get_config_var("WHEEL_PKG_DIR") or "."]
        wheels = [wheel for folder in folders for wheel in sorted(Path(folder).glob("pip-*.whl"))]
    if not wheels:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"{sys.executable} (Python {version}) has no venv module.\n"
            "On Debian and Ubuntu it is a package of its own: apt install python3-venv"
            f" (or python{version}-venv).\n"
            "Then run make again, or name another Python: make run PYTHON=/path/to/python3"
        )
    return wheels[-1]


def run_logged(command: Sequence[str], log: Path) -> None:
    """Run a command with its output appended to a log. Raises SetupError with the errors of the output."""
    with log.open("a", encoding="utf-8") as output:
        print("$", *command, file=output, flush=True)
        done = subprocess.run(  # noqa: S603  (commands are composed here, from paths of this checkout)
            command,
            cwd=log.parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=installer_variables(),
            check=False,
        )
    if done.returncode:
        raise SetupError(f"{log.stem} could not be installed:\n{errors_of(log)}")


def installer_variables() -> dict[str, str]:
    """Return the variables of pip and uv: the user's, without redirections.

    uv trusts the system's certificates, as pip does, and uses the package index that pip is configured for.
    """
    variables = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    if index := pip_index():
        variables["UV_DEFAULT_INDEX"] = index
    return variables | {name: value for name, value in os.environ.items() if name not in _REDIRECTIONS}


def pip_index() -> str:
    """Return the package index that pip is configured for, or "" for the default one."""
    parser = ConfigParser(interpolation=None, strict=False)
    paths = [Path(path).expanduser() for path in (*_PIP_CONFIGURATIONS, os.environ.get("PIP_CONFIG_FILE", ""))]
    with suppress(Error, OSError, UnicodeError):  # pip reports a damaged file better
        parser.read([path for path in paths if path.is_file()], encoding="utf-8")
    configured: str = parser.get("global", "index-url", fallback="")
    return os.environ.get("PIP_INDEX_URL", configured)


def errors_of(log: Path) -> str:
    """Return the errors of a log, or else its last lines, without addresses."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if re.match("error", line, re.IGNORECASE)), -8)
    text = "\n".join(f"    {line}" for line in lines[first:][:8])
    text = re.sub(r"\w+://\S+", "(address)", text)
    text = re.sub(r"host='[^']*'", "host='…'", text)
    return f"{text}\nThe whole log: {log}"
