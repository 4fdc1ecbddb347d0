"""Results of slow builds, kept in `build/cache` under a digest of everything that they are built from.

A test gets a copy of a result, so it cannot damage those of later runs. `make clean` removes the cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "app.py",
    "chalicelib",
    "infra",
    ".chalice",
    "requirements.txt",
    "requirements/test.txt",
    "pyproject.toml",
)
"""The files and folders that a package is built from; Chalice and pip are in `test.txt`."""
_KEPT = 6
"""Results of the same name: several states of the checkout, and several keys of one state."""
_IGNORED = {"__pycache__", "deployments"}


class BuildCache:
    """The cache of a checkout."""

    def __init__(self, root: Path = ROOT, directory: Path | None = None) -> None:
        """`directory` is where results are kept, `build/cache` by default."""
        self._root = root
        self._directory = directory or root / "build" / "cache"

    def build(
        self, name: str, sources: Sequence[str], target: Path, build: Callable[[Path], None], key: str = ""
    ) -> None:
        """Create the directory `target` by `build`, or from the result of an earlier run with the same sources.

        `key` is everything else that the result depends on. Nothing is kept if `build` raises an exception.
        """
        kept = self._directory / f"{name}-{self._digest(sources, key)}"
        if kept.exists() and _copied(kept, target):
            return
        build(target)
        self._directory.mkdir(parents=True, exist_ok=True)
        partial = self._directory / f".{uuid.uuid4().hex}"
        shutil.copytree(target, partial, symlinks=True)
        _mark_used(partial)
        try:
            partial.rename(kept)
        except OSError:  # another process was faster
            shutil.rmtree(partial)
        self._evict(name)

    def _digest(self, sources: Sequence[str], key: str) -> str:
        digest = hashlib.sha256(f"{sys.version} {os.uname().machine} {os.uname().sysname} {key}".encode())
        for path in self._files(sources):
            digest.update(f"\0{path.relative_to(self._root)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def _files(self, sources: Sequence[str]) -> Iterable[Path]:
        for source in sources:
            path = self._root / source
            yield from (
                [path] if path.is_file() else sorted(found for found in path.rglob("*") if _is_source(found))
            )

    def _evict(self, name: str) -> None:
        newest_first = sorted(self._directory.glob(f"{name}-*"), key=_used_at, reverse=True)
        for path in newest_first[_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


def _mark_used(path: Path) -> None:
    """Set the time to this moment: by itself, the system gives several results of a fast machine the same time."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))


def _used_at(path: Path) -> float:
    """Return when a result was last used; 0 if another process has evicted it meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _is_source(path: Path) -> bool:
    return path.is_file() and not _IGNORED & set(path.parts)


def _copied(kept: Path, target: Path) -> bool:
    """Copy a result; return False if another process has evicted it meanwhile."""
    try:
        _mark_used(kept)
        shutil.copytree(kept, target, symlinks=True)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        return False
    return True
