"""The state that the operations share: the storage, the tables in it, and the change feed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local.dynamodb.errors import table_not_found
from local.dynamodb.feed import Change, Feed
from local.dynamodb.schema import Table
from local.dynamodb.sqlite_storage import SqliteStorage
from local.dynamodb.storage import Token, Write


class Database:
    """See the module. `clock` gives seconds since the epoch."""

    def __init__(self, storage: SqliteStorage, clock: Callable[[], float]) -> None:
        self.storage = storage
        self.clock = clock
        self.feed = Feed()
        self._tables: dict[str, Table] = {table.name: table for table in storage.tables()}

    def table(self, name: str) -> Table:
        """Return a table. Raises DynamoError if there is none of that name."""
        table = self._tables.get(name)
        if table is None:
            raise table_not_found(name)
        return table

    def find_table(self, name: str) -> Table | None:
        """Return a table, or None."""
        return self._tables.get(name)

    def table_names(self) -> list[str]:
        """Return the names of all tables, in their order."""
        return sorted(self._tables)

    def register(self, table: Table) -> None:
        """Take over a table that was created or changed."""
        self._tables = {**self._tables, table.name: table}

    def unregister(self, table: Table) -> None:
        """Forget a table that was deleted."""
        self._tables = {name: kept for name, kept in self._tables.items() if name != table.name}

    def commit(
        self,
        changes: Sequence[tuple[Change, str | None]],
        token: Token | None = None,
        *,
        expired: bool = False,
    ) -> None:
        """Write the changes, each with its new item's JSON, all or none.

        The caller holds `storage.writing`. Raises DynamoError if the storage cannot write.
        """
        self.storage.commit([Write(each.table, each.key, each.new, encoded) for each, encoded in changes], token)
        if self.feed.has_subscribers:
            changed = [each for each, _ in changes if each.old is not None or each.new is not None]
            self.feed.publish(changed, expired=expired)
