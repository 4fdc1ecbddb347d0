"""The engine behind the layers: the local cloud's DynamoDB engine, in memory and in this process."""

from typing import Any

from botocore.exceptions import ClientError

from local.dynamodb.client import EngineClient
from local.dynamodb.engine import Engine
from local.dynamodb.sqlite_storage import SqliteStorage
from local.faults.calls import ItemKey

_KEYS = {"pk": "HASH", "sk": "RANGE"}

Item = dict[str, Any]


class MemoryEngine(EngineClient):
    """A client of a new engine with these tables, all of which have the keys ``pk`` and ``sk``.

    Every call is atomic. Errors are those of boto3. Safe to use from any thread.
    """

    def __init__(self, *tables: str) -> None:
        self.engine = Engine(SqliteStorage())
        super().__init__(self.engine, ClientError)
        for table in tables:
            self.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in _KEYS],
                KeySchema=[{"AttributeName": name, "KeyType": role} for name, role in _KEYS.items()],
            )

    def item(self, key: ItemKey) -> Item | None:
        """Return an item, past all layers."""
        found: Item | None = self.get_item(TableName=key.table, Key=key.attributes(), ConsistentRead=True).get(
            "Item"
        )
        return found

    def items(self, table: str) -> list[Item]:
        """Return all items of a table, past all layers."""
        return self.engine.items(table)
