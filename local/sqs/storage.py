"""Queues and messages in the SQLite file of the embedded DynamoDB, so that one directory holds everything.

A message is received by setting the time at which it becomes visible again, in the transaction that returns it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from local.dynamodb.sqlite_storage import SqliteStorage

DEFAULTS: Mapping[str, str] = {
    "DelaySeconds": "0",
    "MessageRetentionPeriod": "345600",
    "VisibilityTimeout": "30",
}
"""The defaults of a queue's attributes (API reference, "CreateQueue")."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS queues (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " attributes TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL,"
    " id TEXT NOT NULL, body TEXT NOT NULL, sent_at REAL NOT NULL, visible_at REAL NOT NULL,"
    " receives INTEGER NOT NULL DEFAULT 0, first_received_at REAL, receipt TEXT)",
    "CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible_at)",
    # Each receive deletes expired messages and moves exhausted ones, and must not look at all others for that.
    "CREATE INDEX IF NOT EXISTS messages_by_age ON messages (queue, sent_at)",
    "CREATE INDEX IF NOT EXISTS messages_by_receives ON messages (queue, receives)",
)


class Queue(NamedTuple):
    """A queue."""

    number: int
    name: str
    attributes: Mapping[str, str]
    """Those that were set when it was created."""

    def attribute(self, name: str) -> int:
        """Return the value of a numeric attribute."""
        return int(self.attributes.get(name, DEFAULTS[name]))

    def expiry(self, now: float) -> float:
        """Return the time before which a message was sent that is deleted now."""
        return now - self.attribute("MessageRetentionPeriod")


class Message(NamedTuple):
    """A message as a receive returns it; times are seconds since the epoch."""

    number: int
    id: str
    body: str
    sent_at: float
    receives: int
    first_received_at: float


class Counts(NamedTuple):
    """The messages of a queue: visible, in flight, and sent with a delay that is not over."""

    visible: int
    in_flight: int
    delayed: int


class QueueStorage:
    """See the module."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage
        with storage.transaction() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    def find_queue(self, name: str) -> Queue | None:
        """Return a queue, or None."""
        with self._storage.reading() as connection:
            row = connection.execute("SELECT number, attributes FROM queues WHERE name = ?", (name,)).fetchone()
        return None if row is None else Queue(row[0], name, json.loads(row[1]))

    def put_queue(self, name: str, attributes: Mapping[str, str]) -> None:
        """Create a queue, or replace the attributes of an existing one."""
        with self._storage.transaction() as connection:
            connection.execute(
                "INSERT INTO queues (name, attributes) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes",
                (name, json.dumps(dict(attributes), sort_keys=True)),
            )

    def add(self, queue: Queue, message_id: str, body: str, sent_at: float, visible_at: float) -> None:
        """Add a message."""
        with self._storage.transaction() as connection:
            connection.execute(
                "INSERT INTO messages (queue, id, body, sent_at, visible_at) VALUES (?, ?, ?, ?, ?)",
                (queue.number, message_id, body, sent_at, visible_at),
            )

    def next_visible_at(self, queue: Queue, now: float) -> float | None:
        """Return the time at which the next message is or becomes visible, or None if the queue is empty."""
        with self._storage.reading() as connection:
            row = connection.execute(
                # The plus keeps SQLite from the index of `sent_at`, in which most messages would fit.
                "SELECT min(visible_at) FROM messages WHERE queue = ? AND +sent_at > ?",
                (queue.number, queue.expiry(now)),
            ).fetchone()
        found: float | None = row[0]
        return found

    @contextmanager
    def receiving(self, queue: Queue, now: float) -> Iterator[Receiving]:
        """Lend a transaction on a queue, from which expired messages are deleted first."""
        with self._storage.transaction() as connection:
            expired = (queue.number, queue.expiry(now))
            connection.execute("DELETE FROM messages WHERE queue = ? AND sent_at <= ?", expired)
            yield Receiving(connection, queue, now)

    def delete(self, number: int, receipt: str) -> None:
        """Delete a message that was last received with this receipt; no-op for any other."""
        with self._storage.transaction() as connection:
            connection.execute("DELETE FROM messages WHERE number = ? AND receipt = ?", (number, receipt))

    def set_visible_at(self, number: int, receipt: str, now: float, visible_at: float) -> bool:
        """Set when a message in flight becomes visible; return False if it is not in flight with this receipt."""
        with self._storage.transaction() as connection:
            cursor = connection.execute(
                "UPDATE messages SET visible_at = ? WHERE number = ? AND receipt = ? AND visible_at > ?",
                (visible_at, number, receipt, now),
            )
            return cursor.rowcount == 1

    def purge(self, queue: Queue) -> None:
        """Delete all messages of a queue."""
        with self._storage.transaction() as connection:
            connection.execute("DELETE FROM messages WHERE queue = ?", (queue.number,))

    def counts(self, queue: Queue, now: float) -> Counts:
        """Count the messages of a queue."""
        with self._storage.reading() as connection:
            row = connection.execute(
                "SELECT count(*) FILTER (WHERE visible_at <= :now),"
                " count(*) FILTER (WHERE visible_at > :now AND receives > 0),"
                " count(*) FILTER (WHERE visible_at > :now AND receives = 0)"
                " FROM messages WHERE queue = :queue AND sent_at > :expiry",
                {"now": now, "queue": queue.number, "expiry": queue.expiry(now)},
            ).fetchone()
        return Counts(*row)


class Receiving:
    """A transaction that receives messages of one queue."""

    def __init__(self, connection: sqlite3.Connection, queue: Queue, now: float) -> None:
        self._connection = connection
        self._queue = queue
        self._now = now

    def move_exhausted(self, target: Queue, max_receives: int) -> None:
        """Move visible messages that were received that often to a dead-letter queue."""
        self._connection.execute(
            "UPDATE messages SET queue = ?, visible_at = ?, receipt = NULL"
            " WHERE queue = ? AND +visible_at <= ? AND receives >= ?",
            (target.number, self._now, self._queue.number, self._now, max_receives),
        )

    def take(self, receipts: Sequence[str], visible_at: float) -> list[Message]:
        """Receive visible messages, the longest visible first, with one receipt for each."""
        rows = self._connection.execute(
            "SELECT number, id, body, sent_at, receives + 1, coalesce(first_received_at, ?) FROM messages"
            " WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, number LIMIT ?",
            (self._now, self._queue.number, self._now, len(receipts)),
        ).fetchall()
        messages = [Message(*row) for row in rows]
        self._connection.executemany(
            "UPDATE messages SET visible_at = ?, receives = ?, first_received_at = ?, receipt = ?"
            " WHERE number = ?",
            [
                (visible_at, message.receives, message.first_received_at, receipt, message.number)
                for message, receipt in zip(messages, receipts, strict=False)
            ],
        )
        return messages
