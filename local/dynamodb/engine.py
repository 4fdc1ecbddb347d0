"""The engine: DynamoDB's operations over a storage.

It runs in this process; `client` has the methods of the SDK's client, `http_server` serves the JSON protocol. An
operation or an argument that the engine does not have is refused by its name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.dynamodb.batch_operations import BatchOperations
from local.dynamodb.database import Database
from local.dynamodb.errors import DynamoError, validation
from local.dynamodb.feed import Change, Feed
from local.dynamodb.idempotency import IdempotencyTokens
from local.dynamodb.item_codec import decode
from local.dynamodb.item_operations import ItemOperations
from local.dynamodb.query_operation import QueryOperation
from local.dynamodb.schema import StoredKey
from local.dynamodb.sqlite_storage import SqliteStorage
from local.dynamodb.table_operations import TableOperations
from local.dynamodb.transaction_operations import TransactionOperations
from local.dynamodb.values import Item

Operation = Callable[[Mapping[str, Any]], dict[str, Any]]
_SWEPT_AT_ONCE = 100


class Engine:
    """See the module. Safe to use from any thread. `clock` gives seconds since the epoch."""

    def __init__(self, storage: SqliteStorage, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._database = Database(storage, clock)
        self._operations = self._all_operations()

    def _all_operations(self) -> dict[str, Operation]:
        items, tables = ItemOperations(self._database), TableOperations(self._database)
        batches, queries = BatchOperations(self._database), QueryOperation(self._database)
        transactions = TransactionOperations(
            self._database, IdempotencyTokens(self._storage, self._database.clock())
        )
        return {
            "GetItem": items.get_item,
            "PutItem": items.put_item,
            "UpdateItem": items.update_item,
            "DeleteItem": items.delete_item,
            "Query": queries.query,
            "BatchGetItem": batches.batch_get_item,
            "BatchWriteItem": batches.batch_write_item,
            "TransactWriteItems": transactions.transact_write_items,
            "TransactGetItems": transactions.transact_get_items,
            "CreateTable": tables.create_table,
            "DescribeTable": tables.describe_table,
            "DeleteTable": tables.delete_table,
            "ListTables": tables.list_tables,
            "UpdateTimeToLive": tables.update_time_to_live,
            "DescribeTimeToLive": tables.describe_time_to_live,
        }

    @property
    def feed(self) -> Feed:
        """The feed of changes."""
        return self._database.feed

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out an operation by its name in the API. Raises DynamoError."""
        function = self._operations.get(operation)
        if function is None:
            raise DynamoError(
                "UnknownOperationException",
                f"The operation {operation} is not supported by the embedded DynamoDB engine",
            )
        try:
            return function(arguments)
        except UnicodeEncodeError:
            raise DynamoError("SerializationException", "A string is not valid Unicode") from None
        except RecursionError:
            raise validation("The request is nested too deeply") from None

    def sweep(self, proceeds: Callable[[], bool] = lambda: True) -> int:
        """Delete items whose time to live is over, and return how many there were. Raises DynamoError.

        `proceeds` is called after each hundred, and ends the sweep by False. It can wait: no lock is held.
        """
        return sum(self._sweep(name, proceeds) for name in self._database.table_names())

    def _sweep(self, name: str, proceeds: Callable[[], bool]) -> int:
        deleted = 0
        while True:
            table = self._database.find_table(name)
            if table is None or table.expires_by is None:
                return deleted
            with self._storage.writing:
                items = self._storage.expired(table, self._database.clock(), _SWEPT_AT_ONCE)
                changes = [(Change(table, table.key_of_item(item), item, None), None) for item in items]
                if changes:
                    self._database.commit(changes, expired=True)
            deleted += len(items)
            if len(items) < _SWEPT_AT_ONCE or not proceeds():
                return deleted

    def items(self, table: str) -> list[Item]:
        """Return all items of a table, for tests and measurements. Raises DynamoError."""
        return self._storage.items(self._database.table(table))

    def fill(self, items: Iterable[tuple[str, StoredKey, StoredKey, str]]) -> None:
        """Put new items, each as table, key and JSON, without any check, for tests. Raises DynamoError."""
        with self._storage.writing:
            changes = [
                (Change(self._database.table(table), (pk, sk), None, decode(encoded)), encoded)
                for table, pk, sk, encoded in items
            ]
            self._database.commit(changes)

    def close(self) -> None:
        """Close the storage."""
        self._storage.close()
