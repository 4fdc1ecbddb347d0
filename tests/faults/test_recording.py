"""The journal of calls, and its sequential depth."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from local.faults.calls import Call
from local.faults.recording import CallRecord, Journal, RecordingClient
from tests.faults.toys import TIMEOUT, Hooked, Partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_call_is_recorded_with_its_items_and_outcome(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    journal = Journal()
    client = RecordingClient(dynamodb, journal)
    client.put_item(**partition.put("a"))
    with pytest.raises(ClientError):
        client.put_item(**partition.put("a", ConditionExpression="attribute_not_exists(pk)"))
    client.query(**partition.all())
    first, second, third = journal.entries()
    assert (first.operation, first.keys, first.outcome) == ("put_item", (partition.key("a"),), "ok")
    assert second.outcome == "ConditionalCheckFailedException"
    assert (third.operation, third.keys) == ("query", ())
    assert third.tables == {partition.table}
    assert third.call.arguments["ConsistentRead"] is True
    assert first.thread == threading.current_thread().name
    assert first.started <= first.ended <= second.started <= second.ended <= third.started <= third.ended
    assert [(entry.started_order, entry.ended_order) for entry in journal.entries()] == [(1, 2), (3, 4), (5, 6)]


def test_journal_counts_calls_by_operation_and_table(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    journal = Journal()
    client = RecordingClient(dynamodb, journal)
    for _ in range(2):
        client.get_item(**partition.at("a"))
    client.query(**partition.all())
    assert journal.counts() == {"get_item": 2, "query": 1}
    assert journal.count() == 3
    assert journal.count("get_item", "put_item") == 2
    assert journal.count(table=partition.table) == 3
    assert journal.count("query", table="another") == 0
    journal.clear()
    assert journal.count() == 0


def test_depth_of_sequential_calls_is_their_number(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    journal = Journal()
    client = RecordingClient(dynamodb, journal)
    assert journal.sequential_depth() == 0
    for _ in range(3):
        client.get_item(**partition.at("a"))
    assert journal.sequential_depth() == 3
    assert journal.sequential_depth("query") == 0


def test_depth_of_concurrent_calls_is_one(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    journal = Journal()
    together = threading.Barrier(3)
    client = RecordingClient(Hooked(dynamodb, lambda call: together.wait(TIMEOUT)), journal)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda sk: client.get_item(**partition.at(sk)), "abc"))
    assert journal.count() == 3
    assert journal.sequential_depth() == 1
    assert len({entry.thread for entry in journal.entries()}) == 3


@pytest.mark.parametrize(
    ("spans", "depth"),
    [
        ([(1, 2), (3, 4)], 2),
        ([(1, 3), (2, 4)], 1),
        ([(1, 10), (2, 3), (4, 5), (6, 7)], 3),  # three in sequence, concurrent with a long one
        ([(1, 4), (2, 6), (5, 8), (7, 10), (9, 12), (11, 13)], 3),
        ([(1, 2), (3, 8), (4, 5), (6, 7), (9, 10)], 4),
    ],
)
def test_depth_is_the_longest_chain_of_sequential_calls(spans: list[tuple[int, int]], depth: int) -> None:
    journal = Journal()
    for begin, end in spans:
        journal.add(CallRecord(Call(1, "query", {}), "main", "ok", 0.0, 0.0, begin, end))
    assert journal.sequential_depth() == depth
