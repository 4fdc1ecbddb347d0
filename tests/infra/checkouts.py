"""The project built concurrently in two checkouts, once per test run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.build_cache import SOURCES, BuildCache

ROOT = Path(__file__).parents[2]
_PARTS = ("app.py", "chalicelib", "infra", ".chalice", "requirements.txt", "pyproject.toml")
_CHECKOUTS = {"here": Path("here"), "elsewhere": Path("another") / "place" / "with a longer name"}


@dataclass(frozen=True)
class Build:
    """The output of one `python -m infra package`."""

    checkout: Path
    out: Path
    output: str

    @property
    def bundle(self) -> Path:
        return self.out / "deployment.zip"

    @property
    def template(self) -> Path:
        return self.out / "template.json"


@dataclass(frozen=True)
class Builds:
    """The same stage built in a fresh checkout, and in a used one elsewhere."""

    here: Build
    elsewhere: Build


def build_both(place: Path) -> Builds:
    """Build into `place`, unless another test process or an earlier run has done so."""
    place.mkdir(parents=True, exist_ok=True)
    both = place / "both"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not both.exists():
            BuildCache().build("both", (*SOURCES, "tests/infra/checkouts.py"), both, _build_both)
    made = {
        name: Build(both / checkout, both / f"{name}.out", (both / f"{name}.txt").read_text())
        for name, checkout in _CHECKOUTS.items()
    }
    return Builds(**made)


def _build_both(target: Path) -> None:
    work = target.with_suffix(".partial")
    checkouts = {name: work / path for name, path in _CHECKOUTS.items()}
    copy_checkout(ROOT, checkouts["here"])
    copy_checkout(checkouts["here"], checkouts["elsewhere"])
    _work_in(checkouts["elsewhere"])
    running = {name: _start(checkout, work / f"{name}.out") for name, checkout in checkouts.items()}
    ended = {name: (each.communicate(timeout=300), each.returncode) for name, each in running.items()}
    for name, ((said, complaints), code) in ended.items():
        assert code == 0, complaints
        (work / f"{name}.txt").write_text(said)
    work.rename(target)


def _start(root: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "infra", "package", "--stage", "dev", "--out", str(out)]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def copy_checkout(root: Path, to: Path, more: Sequence[str] = ()) -> None:
    """Copy the sources of a build, and more files and directories."""
    for part in (*_PARTS, *more):
        for path in [root / part] if (root / part).is_file() else _below(root / part):
            target = to / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _work_in(checkout: Path) -> None:
    """Change the times and directory order of files, and leave the traces of development behind."""
    for path in reversed(_below(checkout)):
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    stale = checkout / "chalicelib" / "__pycache__"
    stale.mkdir(exist_ok=True)
    (stale / "gone.cpython-311.pyc").write_bytes(b"of a module that was renamed")
    (checkout / ".chalice" / "deployments").mkdir(exist_ok=True)
    (checkout / ".chalice" / "deployments" / "0123-python3.11.zip").write_bytes(b"an old package of Chalice's")


def _below(folder: Path) -> list[Path]:
    kept = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in kept if "__pycache__" not in path.parts and "deployments" not in path.parts]
