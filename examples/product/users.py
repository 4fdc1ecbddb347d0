"""The product's own users, in SQLite: the chat stores no password, and needs no list of users."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


class User(NamedTuple):
    """A user; the id is the participant id in the chat."""

    user_id: str
    name: str


class Users:
    """Stores users, and the sessions of their browsers."""

    def __init__(self, path: Path | str) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        with self._lock, self._database:
            self._database.executescript(
                """
                CREATE TABLE IF NOT EXISTS users (
                    user_id TEXT PRIMARY KEY, name TEXT NOT NULL, salt BLOB NOT NULL, password BLOB NOT NULL,
                    suspended INTEGER NOT NULL DEFAULT 0,
                    created_at INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)));
                CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, user_id TEXT NOT NULL);
                """
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def add(self, user: User, password: str) -> bool:
        """Add a user; return False if the id is taken."""
        salt = secrets.token_bytes(16)
        row = (user.user_id, user.name, salt, _hash(password, salt))
        command = "INSERT OR IGNORE INTO users (user_id, name, salt, password) VALUES (?, ?, ?, ?)"
        with self._lock, self._database:
            return self._database.execute(command, row).rowcount == 1

    def sign_in(self, user_id: str, password: str) -> str | None:
        """Return a new session, or None: the password is wrong, or the user is unknown or suspended."""
        found = self._one("SELECT salt, password FROM users WHERE user_id = ? AND NOT suspended", user_id)
        salt, expected = found or (b"", b"")
        if not hmac.compare_digest(_hash(password, salt), expected):
            return None
        session = secrets.token_urlsafe(32)
        with self._lock, self._database:
            self._database.execute("INSERT INTO sessions VALUES (?, ?)", (_digest(session), user_id))
        return session

    def suspend(self, user_id: str) -> None:
        """End all sessions of a user, and refuse new ones."""
        with self._lock, self._database:
            self._database.execute("UPDATE users SET suspended = 1 WHERE user_id = ?", (user_id,))
            self._database.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))

    def lift_suspension(self, user_id: str) -> None:
        """Let a user sign in again."""
        with self._lock, self._database:
            self._database.execute("UPDATE users SET suspended = 0 WHERE user_id = ?", (user_id,))

    def created_at(self, user_id: str) -> float:
        """Return when a user was added, in epoch seconds; 0 for an unknown one."""
        found = self._one("SELECT created_at FROM users WHERE user_id = ?", user_id)
        return float(found[0]) if found else 0.0

    def of_session(self, session: str) -> User | None:
        """Return the user of a session."""
        query = "SELECT user_id, name FROM users JOIN sessions USING (user_id) WHERE session = ?"
        return _user(self._one(query, _digest(session)))

    def get(self, user_id: str) -> User | None:
        """Return a user."""
        return _user(self._one("SELECT user_id, name FROM users WHERE user_id = ?", user_id))

    def _one(self, query: str, *values: str) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
        return row


def _user(row: tuple[Any, ...] | None) -> User | None:
    return None if row is None else User(*row)


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


def _digest(session: str) -> str:
    """Return what the database has of a session, so that a copy of it opens none."""
    return hashlib.sha256(session.encode()).hexdigest()
