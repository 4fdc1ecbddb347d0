"""The limits of partitions: 1,000 write units and 3,000 read units a second."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.dynamodb.sizes import item_size
from local.faults.calls import ItemKey
from local.faults.capacity import PartitionLimits
from local.faults.clock import VirtualClock
from local.faults.engine import MemoryEngine
from local.faults.errors import is_throttled
from local.faults.region import NO_LATENCY, RegionClient
from local.faults.windows import TransactionWindows

TABLE = "toys"
KB = 1024


class Region:
    """A region with limits, on a clock that only tests advance."""

    def __init__(self) -> None:
        self.engine = MemoryEngine(TABLE)
        self.clock = VirtualClock()
        self.windows = TransactionWindows()
        limits = PartitionLimits(self._size_of, self.clock.now)
        self.client = RegionClient(
            self.engine, latency=NO_LATENCY, windows=self.windows, limits=limits, clock=self.clock
        )

    def _size_of(self, key: ItemKey) -> int:
        item = self.engine.item(key)
        return 0 if item is None else item_size(item)

    def put(self, sk: str, size: int = 100, pk: str = "p") -> None:
        """Put an item of exactly `size` bytes."""
        self.client.put_item(TableName=TABLE, Item=item(sk, size, pk))

    def get(self, sk: str, pk: str = "p") -> None:
        """Read an item consistently."""
        self.client.get_item(TableName=TABLE, Key=key(sk, pk), ConsistentRead=True)

    def transact(self, *actions: dict[str, Any]) -> None:
        """Execute a transaction."""
        self.client.transact_write_items(TransactItems=list(actions))

    def throttles_writes(self, pk: str = "p") -> bool:
        """Whether a write to a partition is throttled now."""
        return self._is_throttled(lambda: self.put("probe", pk=pk))

    def throttles_reads(self, pk: str = "p") -> bool:
        """Whether a read of a partition is throttled now."""
        return self._is_throttled(lambda: self.get("probe", pk))

    def _is_throttled(self, call: Any) -> bool:
        try:
            call()
        except ClientError as error:
            assert is_throttled(error)
            return True
        return False


def key(sk: str, pk: str = "p") -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def item(sk: str, size: int, pk: str = "p") -> dict[str, Any]:
    bare = {**key(sk, pk), "text": {"S": ""}}
    return {**bare, "text": {"S": "x" * (size - item_size(bare))}}


def put_op(sk: str, size: int = 100, pk: str = "p", **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": item(sk, size, pk), **more}}


@pytest.fixture
def region() -> Region:
    return Region()


def test_partition_takes_1000_write_units_a_second(region: Region) -> None:
    for number in range(100):
        region.put(f"{number}", 10 * KB)
    assert region.throttles_writes()
    assert not region.throttles_writes("another partition")
    region.clock.sleep(0.01)
    for _ in range(10):
        region.put("one")
    assert region.throttles_writes(), "ten units for ten milliseconds"


def test_item_takes_1000_write_units_a_second(region: Region) -> None:
    for _ in range(1000):
        region.put("the same", KB)
    with pytest.raises(ClientError) as error:
        region.put("the same")
    assert error.value.response["Error"]["Code"] == "ThrottlingException"
    assert region.engine.item(ItemKey(TABLE, "p", "the same")) == item("the same", KB), "it was not executed"


def test_item_takes_3000_read_units_a_second(region: Region) -> None:
    region.put("the same", 400 * KB - 100)
    for _ in range(30):
        region.get("the same")
    with pytest.raises(ClientError) as error:
        region.get("the same")
    assert error.value.response["Error"]["Code"] == "ThrottlingException"
    assert not region.throttles_writes(), "reads and writes have their own limits"
    region.clock.sleep(0.001)
    assert not region.throttles_reads()


def test_partition_takes_3000_read_units_a_second(region: Region) -> None:
    for number in range(10):
        region.put(f"{number}", 40 * KB)
    queried = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "p"}}}
    for _ in range(30):
        region.client.query(TableName=TABLE, ConsistentRead=True, **queried)
    with pytest.raises(ClientError) as error:
        region.client.query(TableName=TABLE, **queried)
    assert is_throttled(error.value)


def test_balance_is_saved_for_one_second_at_most(region: Region) -> None:
    region.put("first")
    region.clock.sleep(3600)
    for number in range(100):
        region.put(f"{number}", 10 * KB)
    assert region.throttles_writes()


def test_request_is_admitted_with_a_positive_balance_and_may_make_it_negative(region: Region) -> None:
    """A deletion of a message with 50 edits of 24 KB costs 2,500 units."""
    region.transact(*(put_op(f"{number}", 25 * KB) for number in range(50)))
    region.clock.sleep(1.5)
    assert region.throttles_writes(), "1,000 - 2,500 + 1,500 units are not positive"
    region.clock.sleep(0.001)
    assert not region.throttles_writes()


def test_transaction_costs_twice_as_much(region: Region) -> None:
    for number in range(5):
        region.transact(*(put_op(f"{number}/{place}", KB) for place in range(100)))
    assert region.throttles_writes()


@pytest.mark.parametrize("reason", ["condition", "conflict"])
def test_cancelled_transaction_is_charged_in_full(region: Region, reason: str) -> None:
    region.put("there")
    running = region.windows.open(frozenset({ItemKey(TABLE, "p", "there")})) if reason == "conflict" else None
    actions = [put_op(f"{place}", 10 * KB) for place in range(50)]
    with pytest.raises(ClientError) as error:
        region.transact(*actions, put_op("there", ConditionExpression="attribute_not_exists(pk)"))
    assert not is_throttled(error.value)
    if running is not None:
        region.windows.close(running)
    assert region.throttles_writes(), "1 + 50 * 2 * 10 + 2 units"
    assert region.engine.item(ItemKey(TABLE, "p", "0")) is None


def test_failed_condition_is_charged(region: Region) -> None:
    region.put("there", 100 * KB)
    for _ in range(9):
        with pytest.raises(ClientError):
            region.client.put_item(
                TableName=TABLE, Item=item("there", 100), ConditionExpression="attribute_not_exists(pk)"
            )
    assert region.throttles_writes()


def test_update_is_charged_by_the_larger_of_old_and_new_item(region: Region) -> None:
    region.put("grows")
    grow = {"UpdateExpression": "SET big = :big", "ExpressionAttributeValues": {":big": {"S": "x" * 399 * KB}}}
    for _ in range(3):
        region.client.update_item(TableName=TABLE, Key=key("grows"), **grow)
    assert region.throttles_writes()


def test_transaction_on_an_exhausted_partition_is_cancelled_with_the_reason(region: Region) -> None:
    region.transact(*(put_op(f"{number}", 10 * KB) for number in range(50)))
    with pytest.raises(ClientError) as error:
        region.transact(put_op("x", pk="another"), put_op("y"), put_op("z"))
    response: Any = error.value.response
    assert response["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in response["CancellationReasons"]] == [
        "None", "ThrottlingError", "ThrottlingError",
    ]  # fmt: skip
    assert not region.windows.held([ItemKey(TABLE, "p", "y")])
    assert region.engine.item(ItemKey(TABLE, "another", "x")) is None


def test_rejected_requests_consume_nothing(region: Region) -> None:
    region.transact(*(put_op(f"{number}", 10 * KB) for number in range(50)))
    assert all(region.throttles_writes() for _ in range(500))
    region.clock.sleep(0.001)
    assert not region.throttles_writes()


def test_batches_execute_the_requests_of_other_partitions(region: Region) -> None:
    region.transact(*(put_op(f"{number}", 10 * KB) for number in range(50)))
    puts = [{"PutRequest": {"Item": item("x", 100, pk)}} for pk in ("p", "q")]
    answer = region.client.batch_write_item(RequestItems={TABLE: puts})
    assert answer["UnprocessedItems"] == {TABLE: puts[:1]}
    assert region.engine.item(ItemKey(TABLE, "q", "x")) is not None
    with pytest.raises(ClientError) as error:
        region.client.batch_write_item(RequestItems={TABLE: puts[:1]})
    assert is_throttled(error.value)


def test_batch_reads_return_the_keys_of_exhausted_partitions(region: Region) -> None:
    region.put("x", 400 * KB - 100)
    region.put("x", 100, "q")
    for _ in range(30):
        region.get("x")
    request = {"Keys": [key("x"), key("x", "q")], "ConsistentRead": True}
    answer = region.client.batch_get_item(RequestItems={TABLE: request})
    assert answer["UnprocessedKeys"] == {TABLE: {**request, "Keys": [key("x")]}}
    assert answer["Responses"][TABLE] == [item("x", 100, "q")]
