"""Items in SQLite: in a file with a write-ahead log, or in memory.

Each table is one of SQLite's, clustered by partition and sort key, so a range is read in proportion to its length:

    items_1(pk, sk, item, expires_at, PRIMARY KEY (pk, sk)) WITHOUT ROWID

`item` is the item's JSON as the API shows it. A global secondary index would be a further table, clustered by the
index's keys and written in the same transaction.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from local.dynamodb.expiry import FIVE_YEARS, expires_at
from local.dynamodb.failures import StorageFailures
from local.dynamodb.item_codec import decode
from local.dynamodb.schema import Table
from local.dynamodb.sql import Statements
from local.dynamodb.storage import Key, RangeRead, Token, Write
from local.dynamodb.table_codec import decode_table, encode_table
from local.dynamodb.values import Item

MEMORY = ":memory:"
APPLICATION_ID = 0x43484444
FORMAT_VERSION = 1
_WRITER_CACHE_KIB = 64 * 1024
_READER_CACHE_KIB = 16 * 1024
_SCHEMA = (
    "CREATE TABLE tables (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " definition TEXT NOT NULL)",
    "CREATE TABLE tokens (number INTEGER PRIMARY KEY, token TEXT NOT NULL, digest BLOB NOT NULL,"
    " expires_at REAL NOT NULL)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT_VERSION}",
)


class SqliteStorage:
    """See the module. `synchronous` is SQLite's: `NORMAL` or `FULL`.

    Reads may come from any thread at any time. A writer holds `writing` while it reads with `current` and commits.
    """

    def __init__(
        self, path: str = MEMORY, *, synchronous: str = "NORMAL", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.writing = threading.Lock()
        self.path = path
        self._in_memory = path == MEMORY
        self._failures = StorageFailures(path, monotonic)
        self._statements: dict[int, Statements] = {}
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

    # ---- reads -----------------------------------------------------------------------------------------

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to one thread; in memory there is only the writer's."""
        if self._in_memory:
            with self.writing:
                yield self._writer
            return
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect(_READER_CACHE_KIB)
        try:
            yield connection
        finally:
            self._readers.append(connection)

    def get(self, table: Table, key: Key) -> Item | None:
        """Return an item as the last commit left it."""
        with self._failures.reads, self._reader() as connection:
            return _get(connection, self._sql(table), key)

    def get_many(self, keys: Sequence[tuple[Table, Key]]) -> tuple[list[Item | None], int]:
        """Return items as one and the same commit left them, and the greatest size in bytes that they can have."""
        with self._failures.reads, self._reader() as connection:
            if self._in_memory:
                return self._get_many(connection, keys)
            connection.execute("BEGIN")
            try:
                return self._get_many(connection, keys)
            finally:
                connection.execute("COMMIT")

    def _get_many(
        self, connection: sqlite3.Connection, keys: Sequence[tuple[Table, Key]]
    ) -> tuple[list[Item | None], int]:
        rows = [connection.execute(self._sql(table).get, key).fetchone() for table, key in keys]
        size = sum(_most_bytes(row[0]) for row in rows if row is not None)
        return [None if row is None else decode(row[0]) for row in rows], size

    def current(self, table: Table, key: Key) -> Item | None:
        """Return an item; for a writer that holds `writing`."""
        with self._failures.reads:
            return _get(self._writer, self._sql(table), key)

    def range(self, table: Table, read: RangeRead) -> tuple[list[Item], int]:
        """Return items in the order of their sort keys, and the greatest size in bytes that they can have."""
        statement, parameters = self._sql(table).range(read)
        with self._failures.reads, self._reader() as connection:
            # Joined in SQLite: each row that is stepped to costs the interpreter's lock twice.
            (joined,) = connection.execute(statement, parameters).fetchone()
        if joined is None:
            return [], 0
        items: list[Item] = json.loads(f"[{joined}]")
        return items, _most_bytes(joined)

    def items(self, table: Table) -> list[Item]:
        """Return all items of a table, in the order of their keys."""
        with self._failures.reads, self._reader() as connection:
            rows = connection.execute(self._sql(table).all).fetchall()
        return [decode(item) for (item,) in rows]

    # ---- writes ----------------------------------------------------------------------------------------

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

    def commit(self, writes: Sequence[Write], token: Token | None = None) -> None:
        """Write all or nothing; for a writer that holds `writing`. Raises DynamoError if it cannot."""
        with self._failures.writes:
            if token is None and len(writes) == 1:
                self._write(writes[0])  # a statement is a transaction
                return
            with self._transaction():
                for write in writes:
                    self._write(write)
                if token is not None:
                    self._writer.execute("INSERT INTO tokens (token, digest, expires_at) VALUES (?, ?, ?)", token)

    def _write(self, write: Write) -> None:
        table, key, item, encoded = write
        statements = self._sql(table)
        if item is None:
            self._writer.execute(statements.delete, key)
        else:
            self._writer.execute(statements.put, (*key, encoded, expires_at(item, table.expires_by)))

    def expired(self, table: Table, now: float, limit: int) -> list[Item]:
        """Return items whose time to live is over; for a writer that holds `writing`."""
        bounds = (int(now - FIVE_YEARS), int(now), limit)
        with self._failures.reads:
            rows = self._writer.execute(self._sql(table).expired, bounds).fetchall()
        return [decode(item) for (item,) in rows]

    def tokens(self, now: float) -> list[Token]:
        """Return the tokens that are still remembered."""
        with self._reader() as connection:
            rows = connection.execute("SELECT token, digest, expires_at FROM tokens WHERE expires_at > ?", (now,))
            return [Token(*row) for row in rows]

    def forget_tokens(self, now: float) -> None:
        """Delete the tokens that are remembered no longer; for a writer that holds `writing`."""
        with self._failures.writes:
            self._writer.execute("DELETE FROM tokens WHERE expires_at <= ?", (now,))

    # ---- tables ----------------------------------------------------------------------------------------

    def tables(self) -> list[Table]:
        """Return all tables."""
        with self._reader() as connection:
            rows = connection.execute("SELECT number, name, definition FROM tables ORDER BY name").fetchall()
        return [decode_table(*row) for row in rows]

    def create_table(self, table: Table) -> Table:
        """Add a table and return it with its number; for a writer that holds `writing`."""
        with self._failures.writes, self._transaction():
            cursor = self._writer.execute(
                "INSERT INTO tables (name, definition) VALUES (?, ?)", (table.name, encode_table(table))
            )
            number = cursor.lastrowid or 0
            for statement in Statements(number).create:
                self._writer.execute(statement)
        return table.numbered(number)

    def update_table(self, table: Table) -> None:
        """Replace a table's settings, and its items' expiry times; for a writer that holds `writing`."""
        statements = self._sql(table)

        def expiry(encoded: str) -> int | None:
            return expires_at(decode(encoded), table.expires_by)

        self._writer.create_function("expiry", 1, expiry, deterministic=True)
        with self._failures.writes, self._transaction():
            self._writer.execute(
                "UPDATE tables SET definition = ? WHERE number = ?", (encode_table(table), table.number)
            )
            self._writer.execute(statements.update_expiry)

    def delete_table(self, table: Table) -> None:
        """Delete a table with its items; for a writer that holds `writing`."""
        with self._failures.writes, self._transaction():
            self._writer.execute("DELETE FROM tables WHERE number = ?", (table.number,))
            self._writer.execute(self._sql(table).drop)

    def _sql(self, table: Table) -> Statements:
        found = self._statements.get(table.number)
        if found is None:
            found = self._statements[table.number] = Statements(table.number)
        return found

    # ---- other tables in the same file -----------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer's connection for a transaction on tables of another service. Raises DynamoError."""
        with self.writing, self._failures.writes, self._transaction():
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that reads tables of another service. Raises DynamoError."""
        with self._failures.reads, self._reader() as connection:
            yield connection

    # ---- the whole -------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return everything in a storage in memory."""
        with self.writing:
            return self._writer.serialize()

    def reset(self, snapshot: bytes) -> None:
        """Replace everything in a storage in memory by a snapshot."""
        with self.writing:
            self._writer.deserialize(snapshot)

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


def _get(connection: sqlite3.Connection, statements: Statements, key: Key) -> Item | None:
    row = connection.execute(statements.get, key).fetchone()
    return None if row is None else decode(row[0])


def _most_bytes(encoded: str) -> int:
    """Return the greatest size that items of this JSON can have, which is longer than what they count for."""
    return len(encoded) if encoded.isascii() else len(encoded.encode())
