"""Sixteen threads: counters, optimistic locks, unique puts and transactions are all correct."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.dynamodb.targets import OperationFailed, Target, file_engine, in_process, item, key, memory_engine

THREADS = 16
ROUNDS = 12


@pytest.fixture(params=["memory", "file"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    with memory_engine() if request.param == "memory" else file_engine(tmp_path) as engine:
        yield Target(request.param, in_process(engine))


def together(work: Callable[[int], int]) -> list[int]:
    """Run the work in all threads at once; return the result of each thread."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> int:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def number_of(target: Target, sk: str) -> int:
    return int((target.get("p", sk) or {})["n"]["N"])


def test_counter_loses_no_increment(shared: Target) -> None:
    def work(_: int) -> int:
        for _ in range(ROUNDS):
            shared.call(
                "UpdateItem",
                Key=key("p", "counter"),
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return ROUNDS

    added = sum(together(work))

    assert number_of(shared, "counter") == added == THREADS * ROUNDS


def test_optimistic_lock_is_won_once_a_version(shared: Target) -> None:
    shared.put("p", "lock", n=0)

    def work(_: int) -> int:
        won = 0
        for _ in range(ROUNDS):
            version = number_of(shared, "lock")
            try:
                shared.call(
                    "UpdateItem",
                    Key=key("p", "lock"),
                    UpdateExpression="SET n = n + :one",
                    ConditionExpression="n = :version",
                    ExpressionAttributeValues={":one": {"N": "1"}, ":version": {"N": str(version)}},
                )
                won += 1
            except OperationFailed as error:
                assert error.code == "ConditionalCheckFailedException"
        return won

    assert sum(together(work)) == number_of(shared, "lock") > 0


def test_unique_put_succeeds_once(shared: Target) -> None:
    def work(thread: int) -> int:
        won = 0
        for number in range(ROUNDS):
            try:
                shared.call(
                    "PutItem",
                    Item=item("p", f"{number}", thread=thread),
                    ConditionExpression="attribute_not_exists(pk)",
                )
                won += 1
            except OperationFailed as error:
                assert error.code == "ConditionalCheckFailedException"
        return won

    assert sum(together(work)) == ROUNDS == len(shared.query("p"))


def test_transactions_are_seen_as_a_whole(shared: Target) -> None:
    """Money moves between two accounts; every read of both finds all of it."""
    shared.put("p", "a", n=1000)
    shared.put("p", "b", n=1000)

    def move(source: str, target: str) -> None:
        changes = [
            {
                "Update": {
                    "TableName": shared.table,
                    "Key": key("p", sk),
                    "UpdateExpression": "ADD n :change",
                    "ExpressionAttributeValues": {":change": {"N": change}},
                }
            }
            for sk, change in ((source, "-1"), (target, "1"))
        ]
        shared.call("TransactWriteItems", TransactItems=changes)

    def total() -> int:
        gets = [{"Get": {"TableName": shared.table, "Key": key("p", sk)}} for sk in "ab"]
        answer = shared.call("TransactGetItems", TransactItems=gets)
        return sum(int(each["Item"]["n"]["N"]) for each in answer["Responses"])

    def work(thread: int) -> int:
        torn = 0
        for _ in range(ROUNDS):
            move(*("ab" if thread % 2 else "ba"))
            torn += total() != 2000
        return torn

    assert sum(together(work)) == 0
    assert total() == 2000
