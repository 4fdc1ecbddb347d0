"""The bundle, unpacked read-only as Lambda unpacks it to /var/task."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

_DIRECTORY_MODE, _FILE_MODE = 0o555, 0o444


class ReadOnlyBundle:
    """Unpacks a bundle into a temporary directory, read-only; a context manager that removes it.

    Root ignores file modes, so `changes` reports files that were written nevertheless.
    """

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle

    def __enter__(self) -> ReadOnlyBundle:
        self._temporary_directory = Path(tempfile.mkdtemp(prefix="chat-bundle-"))
        self.task_root = self._temporary_directory / "task"
        self.home = self._temporary_directory / "home"
        self.home.mkdir()
        with zipfile.ZipFile(self._bundle) as archive:
            archive.extractall(self.task_root)
        for path in self.task_root.rglob("*"):
            path.chmod(_DIRECTORY_MODE if path.is_dir() else _FILE_MODE)
        self.task_root.chmod(_DIRECTORY_MODE)
        self._initial_listing = self._listing()
        return self

    def __exit__(self, *_: object) -> None:
        for path in (self.task_root, *self.task_root.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)  # otherwise its files cannot be removed
        shutil.rmtree(self._temporary_directory)

    def changes(self) -> list[str]:
        """Return the paths that were created, deleted or written since unpacking."""
        now, before = self._listing(), self._initial_listing
        return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))

    def _listing(self) -> dict[str, tuple[int, int]]:
        """Return size and modification time by path; those of a directory describe its own list of names."""
        states = {path: path.stat() for path in self.task_root.rglob("*")}
        return {
            path.relative_to(self.task_root).as_posix(): (state.st_size, state.st_mtime_ns)
            for path, state in states.items()
        }
