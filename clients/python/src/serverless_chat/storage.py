"""Storage of the outbox and the positions, of one participant at one server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Protocol

from .core.outputs import JsonObject
from .errors import StorageInUseError

if sys.platform != "win32":
    import fcntl


class Storage(Protocol):
    """Values by key. `save` and `forget` return when the change is durable."""

    def load(self) -> dict[str, JsonObject]:
        """Return all values."""
        ...

    def save(self, key: str, value: JsonObject) -> None:
        """Store a value, in place of the former one."""
        ...

    def forget(self, key: str) -> None:
        """Delete a value, if there is one."""
        ...


class MemoryStorage:
    """Storage that ends with the process."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def load(self) -> dict[str, JsonObject]:
        """Return all values."""
        return {key: json.loads(text) for key, text in self._values.items()}

    def save(self, key: str, value: JsonObject) -> None:
        """Store a value, in place of the former one."""
        self._values[key] = json.dumps(value)

    def forget(self, key: str) -> None:
        """Delete a value, if there is one."""
        self._values.pop(key, None)


class SqliteStorage:
    """Storage in a file that several participants and servers may share; one process at a time uses each of them.

    Raises StorageInUseError if another process uses that of this participant.
    """

    def __init__(self, path: Path, server: str, participant_id: str) -> None:
        self._scope = json.dumps([server, participant_id])
        self._lock: int | None = self._locked(path)
        with contextlib.ExitStack() as undo:  # a failure leaves nothing locked
            undo.callback(self._unlock)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # texts of messages are in it
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            undo.callback(self._database.close)
            self._database.execute("PRAGMA synchronous = EXTRA")  # FULL can lose the last change with the power
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS client (scope TEXT, key TEXT, value TEXT, PRIMARY KEY (scope, key))"
            )
            undo.pop_all()

    def load(self) -> dict[str, JsonObject]:
        """Return all values."""
        rows = self._database.execute("SELECT key, value FROM client WHERE scope = ?", (self._scope,))
        return {key: json.loads(value) for key, value in rows}

    def save(self, key: str, value: JsonObject) -> None:
        """Store a value, in place of the former one."""
        row = (self._scope, key, json.dumps(value))
        self._database.execute("INSERT OR REPLACE INTO client VALUES (?, ?, ?)", row)

    def forget(self, key: str) -> None:
        """Delete a value, if there is one."""
        self._database.execute("DELETE FROM client WHERE scope = ? AND key = ?", (self._scope, key))

    def close(self) -> None:
        """Close the file, for other processes to use."""
        self._database.close()
        self._unlock()

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None  # the number can be that of another file later
        if lock is not None:
            os.close(lock)

    def _locked(self, path: Path) -> int:
        """Return a descriptor that holds a lock until it is closed: two processes would send the same items."""
        scope = hashlib.sha256(self._scope.encode()).hexdigest()[:16]
        lock = os.open(path.with_name(f"{path.name}.{scope}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                raise StorageInUseError(f"Another process uses {path} as this participant.") from None
        return lock
