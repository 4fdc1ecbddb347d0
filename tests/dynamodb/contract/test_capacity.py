"""Consumed capacity, as AWS documents it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import Target, item, key


def units(answer: dict[str, Any]) -> float:
    """Return the units of an answer about one table."""
    capacity = answer["ConsumedCapacity"]
    (found,) = capacity if isinstance(capacity, list) else [capacity]
    return float(found["CapacityUnits"])


@pytest.mark.parametrize(
    ("kib", "consistent", "expected"),
    [(None, True, 1.0), (None, False, 0.5), (1, True, 1.0), (1, False, 0.5), (5, True, 2.0), (5, False, 1.0)],
)
def test_read_costs_a_unit_for_each_4_kib_and_half_of_it_unless_consistent(
    target: Target, pk: str, kib: int | None, expected: float, *, consistent: bool
) -> None:
    if kib is not None:
        target.put(pk, "a", text="x" * (kib * 1024 - 100))

    answer = target.call("GetItem", Key=key(pk, "a"), ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")

    assert answer["ConsumedCapacity"] == {"TableName": target.table, "CapacityUnits": expected}


@pytest.mark.parametrize(
    ("before", "after", "expected"), [(None, 1, 1.0), (None, 3, 3.0), (3, 1, 3.0), (1, 3, 3.0)]
)
def test_write_costs_a_unit_for_each_kib_of_the_larger_item(
    target: Target, pk: str, before: int | None, after: int, expected: float
) -> None:
    if before is not None:
        target.put(pk, "a", text="x" * (before * 1024 - 100))
    written = item(pk, "a", text="x" * (after * 1024 - 100))

    assert units(target.call("PutItem", Item=written, ReturnConsumedCapacity="TOTAL")) == expected


def test_query_costs_by_the_sum_of_its_items(target: Target, pk: str) -> None:
    for number in range(5):
        target.put(pk, f"{number}", text="x" * 2000)

    answer = target.call(
        "Query",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
        ConsistentRead=True,
        ReturnConsumedCapacity="TOTAL",
    )

    assert units(answer) == 3.0


def test_transaction_costs_twice_the_writes(target: Target, pk: str) -> None:
    actions = [{"Put": {"TableName": target.table, "Item": item(pk, sk)}} for sk in "ab"]

    answer = target.call("TransactWriteItems", TransactItems=actions, ReturnConsumedCapacity="TOTAL")

    assert units(answer) == 4.0


def test_batches_cost_by_the_item(target: Target, pk: str) -> None:
    requests = [{"PutRequest": {"Item": item(pk, sk, text="x" * 1500)}} for sk in "abc"]
    keys = [key(pk, sk) for sk in "abcd"]

    written = target.call("BatchWriteItem", RequestItems={target.table: requests}, ReturnConsumedCapacity="TOTAL")
    read = target.call(
        "BatchGetItem",
        RequestItems={target.table: {"Keys": keys, "ConsistentRead": True}},
        ReturnConsumedCapacity="TOTAL",
    )

    assert (units(written), units(read)) == (6.0, 4.0)


def test_indexes_are_shown_beside_the_table(target: Target, pk: str) -> None:
    answer = target.call("GetItem", Key=key(pk, "a"), ReturnConsumedCapacity="INDEXES")

    assert answer["ConsumedCapacity"]["Table"] == {"CapacityUnits": 0.5}
