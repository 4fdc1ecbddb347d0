"""The engines that must fulfil the contract of `bench.engine`."""

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from bench.engine import MemoryEngine
from tests.support.engine import TOY_TABLE, Engine, create_tables, running_engine


@dataclass(frozen=True)
class ToyTable:
    """An engine's table, and a partition for one test."""

    client: Any
    table: str
    pk: str

    def key(self, sk: str) -> dict[str, Any]:
        return {"pk": {"S": self.pk}, "sk": {"S": sk}}

    def at(self, sk: str, **more: Any) -> dict[str, Any]:
        return {"TableName": self.table, "Key": self.key(sk), **more}

    def item(self, sk: str, **numbers: int) -> dict[str, Any]:
        return self.key(sk) | {name: {"N": str(number)} for name, number in numbers.items()}

    def put(self, sk: str, **numbers: int) -> None:
        self.client.put_item(TableName=self.table, Item=self.item(sk, **numbers))

    def get(self, sk: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.client.get_item(**self.at(sk), ConsistentRead=True).get("Item")
        return found

    def query(self, condition: str = "#pk = :pk", values: dict[str, str] | None = None, **more: Any) -> Any:
        names = {"#pk": "pk"} | ({"#sk": "sk"} if "#sk" in condition else {})
        return self.client.query(
            TableName=self.table,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":pk": {"S": self.pk}}
            | {name: {"S": value} for name, value in (values or {}).items()},
            ConsistentRead=True,
            **more,
        )


@pytest.fixture(scope="session")
def toy_store(pytestconfig: pytest.Config) -> tuple[Engine, str]:
    engine = running_engine(pytestconfig)
    return engine, create_tables(engine.client(), {"ToyTable": TOY_TABLE})["ToyTable"]


@pytest.fixture(params=["memory", "embedded"])
def toy(request: pytest.FixtureRequest) -> ToyTable:
    if request.param == "memory":
        return ToyTable(MemoryEngine(), "toys", "a partition")
    engine, table = request.getfixturevalue("toy_store")
    return ToyTable(engine.client(), table, uuid.uuid4().hex)
