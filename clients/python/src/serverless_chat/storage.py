"""Storage of the outbox and the positions, of one participant at one server."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Protocol

from .core.outputs import JsonObject


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
    """Storage in a file that several participants and servers may share."""

    def __init__(self, path: Path, server: str, participant_id: str) -> None:
        self._scope = json.dumps([server, participant_id])
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS client (scope TEXT, key TEXT, value TEXT, PRIMARY KEY (scope, key))"
        )

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
        """Close the file."""
        self._database.close()
