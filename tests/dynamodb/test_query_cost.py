"""A query costs in proportion to what it returns, however much there is beside it."""

# The texts of the statements are the test's own.
# ruff: noqa: S608

from __future__ import annotations

import json

from local.dynamodb.engine import Engine
from local.dynamodb.schema import Table
from local.dynamodb.sqlite_storage import SqliteStorage
from local.dynamodb.storage import RangeRead
from local.dynamodb.values import Item
from tests.dynamodb.targets import Target, in_process


def steps(storage: SqliteStorage, engine: Engine, table: str, **arguments: object) -> int:
    """Return how many instructions of its virtual machine SQLite executes for a query."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    storage.progress(tick)
    values = {":pk": {"S": "p"}, ":low": {"S": "000500"}, ":high": {"S": "000519"}}
    page = engine.call(
        "Query",
        {
            "TableName": table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": values,
            **arguments,
        },
    )
    storage.progress(None)
    assert page["Count"] == 20
    return count


def test_query_of_twenty_costs_the_same_among_a_thousand_and_fifty_thousand_items() -> None:
    storage = SqliteStorage()
    engine = Engine(storage)
    target = Target("memory", in_process(engine))
    costs = []
    written = 0
    for total in (1_000, 50_000):
        fill(storage, target.table, range(written, total))
        written = total
        costs.append(
            (steps(storage, engine, target.table), steps(storage, engine, target.table, ScanIndexForward=False))
        )

    assert costs[0] == costs[1]
    assert all(0 < cost < 1_000 for cost in costs[0])


def fill(storage: SqliteStorage, table: str, numbers: range) -> None:
    """Write items past the engine, which is quicker."""
    (number,) = storage.execute(f"SELECT number FROM tables WHERE name = '{table}'")
    rows = (
        ("p", f"{each:06}", json.dumps({"pk": {"S": "p"}, "sk": {"S": f"{each:06}"}}, separators=(",", ":")), None)
        for each in numbers
    )
    storage.execute_many(f"INSERT INTO items_{number} VALUES (?, ?, ?, ?)", rows)


class MeasuredStorage(SqliteStorage):
    """Counts the bytes that range reads return."""

    read = 0

    def range(self, table: Table, read: RangeRead) -> tuple[list[Item], int]:
        found = super().range(table, read)
        self.read += found[1]
        return found


def test_page_of_large_items_after_small_ones_reads_little_more_than_it_returns() -> None:
    storage = MeasuredStorage()
    target = Target("memory", in_process(Engine(storage)))
    for number in range(64):
        target.put("p", f"{number:06}")
    for number in range(64, 1_064):
        target.put("p", f"{number:06}", text="x" * 100_000)

    assert len(target.query("p")) == 74
    assert storage.read < 40_000_000
