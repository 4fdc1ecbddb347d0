"""Items in SQLite.

Each table is one of SQLite's, clustered by partition and sort key, so a range is read in proportion to its length:

    items_1(pk, sk, item, expires_at, PRIMARY KEY (pk, sk)) WITHOUT ROWID

`item` is the item's JSON as the API shows it. A global secondary index would be a further table, clustered by the
index's keys and written in the same transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence

from local.dynamodb.expiry import FIVE_YEARS, expires_at
from local.dynamodb.item_codec import decode
from local.dynamodb.schema import Table
from local.dynamodb.sql import Statements
from local.dynamodb.sqlite_database import MEMORY, SqliteDatabase
from local.dynamodb.storage import Key, RangeRead, Token, Write
from local.dynamodb.table_codec import decode_table, encode_table
from local.dynamodb.values import Item


class SqliteStorage(SqliteDatabase):
    """See the module. A writer holds `writing` while it reads with `current` and commits."""

    def __init__(
        self, path: str = MEMORY, *, synchronous: str = "NORMAL", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(path, synchronous=synchronous, monotonic=monotonic)
        self._statements: dict[int, Statements] = {}

    # ---- reads -----------------------------------------------------------------------------------------

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
        """Return the tokens that are still remembered. Raises DynamoError."""
        with self._failures.reads, self._reader() as connection:
            rows = connection.execute("SELECT token, digest, expires_at FROM tokens WHERE expires_at > ?", (now,))
            return [Token(*row) for row in rows]

    def forget_tokens(self, now: float) -> None:
        """Delete the tokens that are remembered no longer; for a writer that holds `writing`."""
        with self._failures.writes:
            self._writer.execute("DELETE FROM tokens WHERE expires_at <= ?", (now,))

    # ---- tables ----------------------------------------------------------------------------------------

    def tables(self) -> list[Table]:
        """Return all tables. Raises DynamoError."""
        with self._failures.reads, self._reader() as connection:
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


def _get(connection: sqlite3.Connection, statements: Statements, key: Key) -> Item | None:
    row = connection.execute(statements.get, key).fetchone()
    return None if row is None else decode(row[0])


def _most_bytes(encoded: str) -> int:
    """Return the greatest size that items of this JSON can have, which is longer than what they count for."""
    return len(encoded) if encoded.isascii() else len(encoded.encode())
