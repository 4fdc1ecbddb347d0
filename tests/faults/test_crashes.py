"""A crash at every point of an operation, and the resulting state."""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from local.faults.client import DynamoClient
from local.faults.errors import Crash
from tests.faults.toys import Partition
from tests.support.stepper import SerialExecutor, crash_points

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Setup = Callable[[], Partition]


@pytest.fixture
def fresh(toy_table: str) -> Setup:
    return lambda: Partition(toy_table, uuid.uuid4().hex)


def two_steps(partition: Partition, client: DynamoClient) -> None:
    """Write twice and clean up after an error, which a crashed process cannot do."""
    try:
        client.put_item(**partition.put("a", 1))
        client.transact_write_items(TransactItems=[{"Put": partition.put("b", 1)}])
    except Exception:
        client.delete_item(**partition.at("a"))
        raise


def test_every_call_crashes_before_and_after_its_effect(dynamodb: "DynamoDBClient", fresh: Setup) -> None:
    left = {}
    for point in crash_points(dynamodb, fresh, two_steps):
        with point as partition:
            left[str(point)] = partition.contents(dynamodb)
    assert left == {
        "a crash before store call 1 (put_item)": {},
        "a crash after store call 1 (put_item)": {"a": 1},
        "a crash before store call 2 (transact_write_items)": {"a": 1},
        "a crash after store call 2 (transact_write_items)": {"a": 1, "b": 1},
    }


def test_missing_idempotency_is_found_and_the_crash_point_is_reported(
    dynamodb: "DynamoDBClient", fresh: Setup
) -> None:
    def count(partition: Partition, client: DynamoClient) -> None:
        client.update_item(**partition.add("a"))

    def count_once(partition: Partition, client: DynamoClient) -> None:
        marker = {"Put": partition.put("once", ConditionExpression="attribute_not_exists(pk)")}
        try:
            client.transact_write_items(TransactItems=[marker, {"Update": partition.add("a")}])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "TransactionCanceledException"

    def repeat(operation: Callable[[Partition, DynamoClient], None]) -> None:
        for point in crash_points(dynamodb, fresh, operation):
            with point as partition:
                operation(partition, dynamodb)
                assert partition.read(dynamodb, "a") == 1

    with pytest.raises(AssertionError) as caught:
        repeat(count)
    assert caught.value.__notes__ == ["this was a crash after store call 1 (update_item)"]
    repeat(count_once)


def test_crash_in_an_executor_is_found_and_later_errors_are_ignored(
    dynamodb: "DynamoDBClient", fresh: Setup
) -> None:
    def scattered(partition: Partition, client: DynamoClient) -> None:
        with SerialExecutor() as executor:
            futures = [executor.submit(client.put_item, **partition.put(sk, 1)) for sk in "ab"]
        if any(isinstance(future.exception(), Crash) for future in futures):
            raise LookupError("an error after the crash")

    left = [point.world.contents(dynamodb) for point in crash_points(dynamodb, fresh, scattered)]
    assert left == [{}, {"a": 1}, {"a": 1}, {"a": 1, "b": 1}]


def test_operation_without_store_calls_is_rejected(dynamodb: "DynamoDBClient", fresh: Setup) -> None:
    with pytest.raises(ValueError, match="makes no store call"):
        list(crash_points(dynamodb, fresh, lambda partition, client: None))


def test_nondeterministic_operation_is_reported(dynamodb: "DynamoDBClient", fresh: Setup) -> None:
    turns: list[int] = []

    def shrinking(partition: Partition, client: DynamoClient) -> None:
        turns.append(1)
        for _ in range(2 if len(turns) == 1 else 1):
            client.put_item(**partition.put("a"))

    with pytest.raises(AssertionError, match=r"ended before a crash before store call 2 \(put_item\)"):
        list(crash_points(dynamodb, fresh, shrinking))

    def failing(partition: Partition, client: DynamoClient) -> None:
        turns.append(1)
        if len(turns) > 1:
            raise LookupError("on the second run")
        client.put_item(**partition.put("a"))

    turns.clear()
    with pytest.raises(LookupError) as caught:
        list(crash_points(dynamodb, fresh, failing))
    assert caught.value.__notes__ == ["this was on the way to a crash before store call 1 (put_item)"]
