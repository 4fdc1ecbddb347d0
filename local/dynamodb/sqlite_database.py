"""A SQLite database: in a file with a write-ahead log, or in memory.

Reads may come from any thread at any time. A writer holds `writing` while it reads and commits.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from local.dynamodb.failures import StorageFailures

MEMORY = ":memory:"
APPLICATION_ID = 0x43484444
FORMAT_VERSION = 1
_WRITER_CACHE_KIB = 16 * 1024
_READER_CACHE_KIB = 1024
"""For one read at a time: a commit of the writer empties the caches of all readers."""
IDLE_READERS = 8
"""Connections of readers that are kept for the next reads, as many as there are workers."""
_SCHEMA = (
    "CREATE TABLE tables (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " definition TEXT NOT NULL)",
    "CREATE TABLE tokens (number INTEGER PRIMARY KEY, token TEXT NOT NULL, digest BLOB NOT NULL,"
    " expires_at REAL NOT NULL)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT_VERSION}",
)


class SqliteDatabase:
    """See the module. `synchronous` is SQLite's: `NORMAL` or `FULL`."""

    def __init__(
        self, path: str = MEMORY, *, synchronous: str = "NORMAL", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.writing = threading.Lock()
        self.path = path
        self._in_memory = path == MEMORY
        self._failures = StorageFailures(path, monotonic)
        self._readers: deque[sqlite3.Connection] = deque()
        self._writer = self._connect(_WRITER_CACHE_KIB)
        if self._in_memory:
            # Deleted items in memory need no overwriting, which some builds of SQLite do by default.
            self._writer.execute("PRAGMA secure_delete = OFF")
        else:
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute(f"PRAGMA synchronous = {synchronous}")
        if not self._writer.execute("SELECT 1 FROM sqlite_master").fetchone():
            with self._transaction():
                for statement in _SCHEMA:
                    self._writer.execute(statement)

    def _connect(self, cache_kib: int) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        return connection

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to one thread; in memory there is only the writer's."""
        if self._in_memory:
            with self.writing:
                yield self._writer
            return
        if self._failures.is_closed:
            # Another process may have the file now.
            raise sqlite3.ProgrammingError("the database was closed")
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect(_READER_CACHE_KIB)
        try:
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: sqlite3.Connection) -> None:
        if self._failures.is_closed or len(self._readers) >= IDLE_READERS:
            connection.close()
        else:
            self._readers.append(connection)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer's connection for a transaction on tables of any service. Raises DynamoError."""
        with self.writing, self._failures.writes, self._transaction():
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that reads tables of any service. Raises DynamoError."""
        with self._failures.reads, self._reader() as connection:
            yield connection

    # ---- the whole -------------------------------------------------------------------------------------

    def execute(self, statement: str) -> Any:
        """Run one statement for an administrator or a test, such as a `PRAGMA`, and return its first row."""
        with self.writing:
            return self._writer.execute(statement).fetchone()

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row in one transaction, past the engine, to fill a storage."""
        with self.writing, self._failures.writes, self._transaction():
            self._writer.executemany(statement, rows)

    def progress(self, callback: Callable[[], int] | None) -> None:
        """Call a function at every instruction of the writer's virtual machine, to measure it."""
        self._writer.set_progress_handler(callback, 1)

    def close(self) -> None:
        """Close the connections. All commits are in the file or in its write-ahead log already.

        Raises sqlite3.Error if the log could not be moved to the file (the disk is full): nothing is lost, but the
        log must be kept beside the file.
        """
        with self.writing:
            self._failures.is_closed = True
            try:
                if not self._in_memory:
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                while self._readers:
                    self._readers.pop().close()
                self._writer.close()
