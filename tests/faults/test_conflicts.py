"""The calls that conflict with a running transaction, and those that do not."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.faults.clock import VirtualClock
from local.faults.errors import is_conflict
from local.faults.region import NO_LATENCY, RegionClient
from local.faults.windows import TransactionWindows
from tests.faults.toys import TIMEOUT, Partition, Region

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def region(dynamodb: "DynamoDBClient") -> Region:
    return Region(dynamodb)


def add(partition: Partition, sk: str) -> dict[str, Any]:
    return {"Update": partition.add(sk)}


@pytest.mark.parametrize("effect", [False, True])
def test_later_of_two_overlapping_transactions_on_one_item_is_cancelled(
    region: Region, partition: Partition, effect: bool
) -> None:
    clock = VirtualClock()
    began = clock.now()
    client = region.client(clock)
    with region.running(add(partition, "a"), add(partition, "b"), effect=effect) as first:
        with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
            client.transact_write_items(
                TransactItems=[add(partition, "c"), add(partition, "b"), add(partition, "d")]
            )
        assert not first.done()
    assert caught.value.response["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"},
        {"Code": "None"},
    ]
    assert is_conflict(caught.value)
    assert clock.now() - began == pytest.approx(0.010)  # the loser learns it at the end of its window
    assert first.result()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert partition.contents(region.engine) == {"a": 1, "b": 1}


def test_sequential_transactions_do_not_conflict(region: Region, partition: Partition) -> None:
    with region.running(add(partition, "a")):
        pass
    with region.running(add(partition, "a")) as second:
        pass
    second.result()
    assert partition.read(region.engine, "a") == 2


def test_transactions_on_different_items_do_not_conflict(region: Region, partition: Partition) -> None:
    with region.running(add(partition, "a")), region.running(add(partition, "b")) as second:
        region.client().transact_write_items(TransactItems=[add(partition, "c")])
    second.result()
    assert partition.contents(region.engine) == {"a": 1, "b": 1, "c": 1}


def test_condition_check_holds_its_item_like_a_write(region: Region, partition: Partition) -> None:
    check = {"ConditionCheck": partition.check_absent("a")}
    with region.running(check, add(partition, "b")), pytest.raises(ClientError) as caught:
        region.client().transact_write_items(TransactItems=[check, add(partition, "c")])
    assert [reason["Code"] for reason in caught.value.response["CancellationReasons"]] == [
        "TransactionConflict",
        "None",
    ]
    with region.running(check, add(partition, "b")), pytest.raises(ClientError, match="TransactionConflict"):
        region.client().put_item(**partition.put("a"))


@pytest.mark.parametrize(
    "write",
    [
        lambda client, partition: client.put_item(**partition.put("a", 7)),
        lambda client, partition: client.update_item(**partition.add("a", 7)),
        lambda client, partition: client.delete_item(**partition.at("a")),
    ],
    ids=["put", "update", "delete"],
)
@pytest.mark.parametrize("effect", [False, True])
def test_single_write_to_an_item_of_a_running_transaction_is_rejected(
    region: Region, partition: Partition, write: Callable[[RegionClient, Partition], object], effect: bool
) -> None:
    client = region.client()
    with (
        region.running(add(partition, "a"), effect=effect),
        pytest.raises(client.exceptions.TransactionConflictException) as caught,
    ):
        write(client, partition)
    assert is_conflict(caught.value)
    assert partition.read(region.engine, "a") == 1
    write(client, partition)  # afterwards it may
    assert partition.read(region.engine, "a") != 1


def test_reads_never_conflict(region: Region, partition: Partition) -> None:
    client = region.client()
    with region.running(add(partition, "a")):
        assert partition.read(client, "a") == 1
        assert partition.contents(client) == {"a": 1}
        assert len(client.batch_get_item(**partition.batch_get("a"))["Responses"][partition.table]) == 1


def test_concurrent_single_writes_are_serialised_without_error(
    dynamodb: "DynamoDBClient", partition: Partition
) -> None:
    client = RegionClient(dynamodb)
    together = threading.Barrier(8)

    def count(_: int) -> None:
        together.wait(TIMEOUT)
        client.update_item(**partition.add("a"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    assert partition.read(dynamodb, "a") == 8


def test_batch_write_leaves_items_of_a_running_transaction_unprocessed(
    region: Region, partition: Partition
) -> None:
    client = region.client()
    with region.running(add(partition, "a")):
        mixed = client.batch_write_item(**partition.batch_put("a", "b"))
        nothing = client.batch_write_item(**partition.batch_put("a"))
    left = partition.batch_put("a")["RequestItems"]
    assert mixed["UnprocessedItems"] == left
    assert nothing["UnprocessedItems"] == left
    assert partition.contents(region.engine) == {"a": 1, "b": 0}
    assert client.batch_write_item(RequestItems=left)["UnprocessedItems"] == {}


def test_cancelled_transaction_holds_nothing(region: Region, partition: Partition) -> None:
    clock = VirtualClock()
    client = region.client(clock)
    with region.running(add(partition, "a")), pytest.raises(ClientError, match="TransactionConflict"):
        client.transact_write_items(TransactItems=[add(partition, "a"), add(partition, "b")])
    assert region.windows.held([partition.key("a"), partition.key("b")]) == frozenset()
    client.put_item(**partition.put("b"))


def test_transaction_with_a_failed_condition_holds_its_items_and_raises_the_engine_error(
    region: Region, partition: Partition
) -> None:
    region.engine.put_item(**partition.put("a", 5))
    check = partition.check_absent("a") | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    with region.running(add(partition, "b"), {"ConditionCheck": check}) as failing:
        assert region.windows.held([partition.key("b")])
    error = failing.exception(TIMEOUT)
    assert isinstance(error, ClientError)
    assert not is_conflict(error)
    reasons = error.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"] == partition.item("a", 5)
    assert not region.windows.held([partition.key("a"), partition.key("b")])


def test_token_of_a_running_transaction_raises_in_progress(region: Region, partition: Partition) -> None:
    client = region.client()
    with (
        region.running(add(partition, "a"), ClientRequestToken="once") as first,
        pytest.raises(client.exceptions.TransactionInProgressException),
    ):
        client.transact_write_items(TransactItems=[add(partition, "a")], ClientRequestToken="once")
    first.result()
    client.transact_write_items(TransactItems=[add(partition, "a")], ClientRequestToken="once")
    assert partition.read(region.engine, "a") == 1  # the engine knows the token: a repeat is no second effect


def test_transaction_waits_for_a_single_write_in_progress(partition: Partition) -> None:
    windows = TransactionWindows()
    key = partition.key("a")
    order: list[str] = []

    def transaction() -> None:
        windows.wait_for_single_writes(windows.open(frozenset({key})))
        order.append("transaction")

    waiting = threading.Thread(target=transaction)
    with windows.single_write([key]):
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        order.append("single write")
    waiting.join(TIMEOUT)
    assert order == ["single write", "transaction"]


def test_transactional_counters_are_exact_when_conflicts_are_retried(
    dynamodb: "DynamoDBClient", partition: Partition
) -> None:
    client = RegionClient(dynamodb, latency=NO_LATENCY)

    def count(_: int) -> None:
        while True:
            try:
                client.transact_write_items(TransactItems=[add(partition, "a"), add(partition, "b")])
            except ClientError as error:
                assert is_conflict(error)
            else:
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(20)))
    assert partition.contents(dynamodb) == {"a": 20, "b": 20}
