"""A directory that holds a database: its owner, its format, and backups while it is in use.

    DIR/dynamodb.sqlite     the items (and `-wal`, `-shm` beside it while it is in use)
    DIR/owner               the id of the process that has the directory open, which holds a lock on this file
    DIR/history.json        the number of its history id, and `history.mark` (`local.history`)

One process owns the directory; any process may copy it. The lock ends with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from local.dynamodb.sqlite_database import APPLICATION_ID, FORMAT_VERSION
from local.dynamodb.sqlite_storage import SqliteStorage
from local.errors import LocalError
from local.history import FILE as HISTORY_FILE
from local.history import copy_history_id

FILE = "dynamodb.sqlite"
OWNER = "owner"
_MINISTACK_FILE = "dynamodb.json"
"""The state of MiniStack, in which version 0.1 kept conversations."""


class Directory:
    """An open directory and the `storage` in it. `close`, or the end of a `with` block, releases the directory."""

    def __init__(
        self, path: Path, *, synchronous: str = "NORMAL", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Open or create it. Raises LocalError if it is in use, not writable or of another format."""
        self.path = path
        self._lock = _own(path)
        try:
            file = path / FILE
            _refuse_ministack(path)
            _check_format(file)
            self.storage = _opened(file, synchronous, monotonic)
            self._identity = _identity(file)
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> None:
        """Raise LocalError if the file was deleted or replaced while it is open, or the lock was."""
        if _identity(self.path / FILE) != self._identity:
            raise LocalError(
                f"{self.path / FILE} was deleted or replaced by another program while it was in use: what was"
                " written to it is lost."
            )
        lock = os.fstat(self._lock)
        if _identity(self.path / OWNER) != (lock.st_dev, lock.st_ino):
            raise LocalError(
                f"{self.path / OWNER} was deleted or replaced while {self.path} was in use, so another instance"
                " could have opened it, too. Start again."
            )

    def close(self) -> None:
        """Close the storage and let another process have the directory.

        Raises LocalError if the file was deleted, or if its write-ahead log could not be moved to it.
        """
        try:
            self.storage.close()
            self.check()
        except sqlite3.Error as error:
            raise LocalError(
                f"{self.path / FILE} was not closed cleanly ({error}). Nothing is lost: keep {FILE}-wal beside it."
            ) from None
        finally:
            os.close(self._lock)


def backup(source: Path, target: Path) -> None:
    """Copy a directory, also one that is in use, as it is at one moment, into a new or empty one.

    Raises LocalError if there is nothing to copy, or the target has something in it.
    """
    file, copy = source / FILE, target / FILE
    if not file.exists():
        raise LocalError(f"There is no database in {source} (no {FILE}).")
    _check_format(file)
    unfinished = target / f"{FILE}.unfinished"
    try:
        _refuse_used(target)
        target.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        with (
            contextlib.closing(_read_only(file)) as reader,
            contextlib.closing(sqlite3.connect(unfinished)) as writer,
        ):
            # In one step: a reader of a write-ahead log sees one moment, and stops no writer.
            reader.backup(writer, pages=-1)
        _sync(unfinished)
        copy_history_id(source, target)
        unfinished.rename(copy)
        _sync(target)
    except (OSError, ValueError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise LocalError(f"{source} cannot be copied to {target}: {error}") from error


def _refuse_used(target: Path) -> None:
    """Raise LocalError if there is something else in a directory than what an interrupted backup has left.

    The write-ahead log of another database would be applied to the copy.
    """
    left = (f"{FILE}.unfinished", HISTORY_FILE)
    others = [path for path in target.iterdir() if not path.name.startswith(left)] if target.exists() else []
    if others:
        raise LocalError(f"{target} is not empty ({min(others).name}); name an empty or a new directory.")


def _own(path: Path) -> int:
    """Return the descriptor of the lock, which is let go when it is closed. Raises LocalError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LocalError(f"{path} cannot be written ({error.strerror}).") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise LocalError(
            f"{path} is in use by another instance (process {owner}). Stop it, or name another directory."
        ) from None
    except OSError as error:
        os.close(lock)
        raise LocalError(f"{path} cannot be locked ({error.strerror}).") from None
    return lock


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what identifies a file on this machine, or None if it does not exist."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _refuse_ministack(path: Path) -> None:
    if (path / _MINISTACK_FILE).exists() and not (path / FILE).exists():
        raise LocalError(
            f"{path} holds conversations of version 0.1 ({_MINISTACK_FILE}), which this version cannot"
            " read. The directory was left unchanged: name another one, or use the version that wrote it."
        )


def _opened(file: Path, synchronous: str, monotonic: Callable[[], float]) -> SqliteStorage:
    try:
        return SqliteStorage(str(file), synchronous=synchronous, monotonic=monotonic)
    except sqlite3.Error as error:
        raise LocalError(f"{file} cannot be used: {error}") from error


def _check_format(file: Path) -> None:
    """Raise LocalError if the file is not a database of this format."""
    if not file.exists() or file.stat().st_size == 0:
        return
    try:
        with contextlib.closing(_read_only(file)) as reader:
            (application,) = reader.execute("PRAGMA application_id").fetchone()
            (version,) = reader.execute("PRAGMA user_version").fetchone()
            is_new = reader.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    except sqlite3.Error as error:
        raise LocalError(f"{file} cannot be read as a database: {error}") from error
    if is_new:
        return  # its creator was killed before it had written anything
    if application != APPLICATION_ID:
        raise LocalError(f"{file} belongs to another program (application id {application:#x}).")
    if version != FORMAT_VERSION:
        raise LocalError(
            f"{file} has the format {version}, and this version of the engine knows the format {FORMAT_VERSION}"
            " only. Use the version that wrote it."
        )


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
