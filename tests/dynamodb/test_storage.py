"""Files survive a restart, expired items are deleted, a full disk recovers."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from local.dynamodb.directory import Directory
from local.dynamodb.engine import Engine
from local.dynamodb.failures import QUIET_SECONDS
from local.dynamodb.sweeper import Sweeper
from tests.dynamodb.conftest import Clock
from tests.dynamodb.targets import OperationFailed, Target, in_process, item, key

EXPIRES = {"AttributeName": "expires_at", "Enabled": True}


def increment(target: Target) -> dict[str, Any]:
    update = {
        "TableName": target.table,
        "Key": key("p", "counter"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return {"TransactItems": [{"Update": update}], "ClientRequestToken": "a token"}


def test_tables_items_and_tokens_survive_a_restart(tmp_path: Path, clock: Clock) -> None:
    with Directory(tmp_path) as directory:
        target = Target("file", in_process(Engine(directory.storage, clock)))
        target.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)
        target.put("p", "a", n=1, expires_at=int(clock.now) + 10)
        target.call("TransactWriteItems", **increment(target))

    clock.now += 60
    with Directory(tmp_path) as directory:
        engine = Engine(directory.storage, clock)
        call = in_process(engine)
        call("TransactWriteItems", increment(target))  # a repeat
        found = call("Query", query_of(target))["Items"]
        assert found == [item("p", "a", n=1, expires_at=int(clock.now) - 50), item("p", "counter", n=1)]
        assert engine.sweep() == 1
        clock.now += 600
        call("TransactWriteItems", increment(target))  # remembered no longer, so a new one
        assert call("Query", query_of(target))["Items"] == [item("p", "counter", n=2)]


def query_of(target: Target, pk: str = "p") -> dict[str, Any]:
    return {
        "TableName": target.table,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": pk}},
    }


def test_expired_items_are_visible_until_they_are_swept(engine: Engine, toys: Target, clock: Clock) -> None:
    now = int(clock.now)
    toys.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)
    toys.put("p", "expired", expires_at=now)
    toys.put("p", "later", expires_at=now + 1)
    toys.put("p", "never")
    toys.put("p", "text", expires_at=str(now))
    toys.put("p", "long ago", expires_at=now - 6 * 365 * 24 * 3600)
    assert "expired" in toys.query("p")

    assert engine.sweep() == 1
    assert toys.query("p") == ["later", "long ago", "never", "text"]
    assert engine.sweep() == 0
    clock.now += 1
    assert engine.sweep() == 1


def test_time_to_live_applies_to_items_that_were_there_before(engine: Engine, toys: Target, clock: Clock) -> None:
    toys.put("p", "a", expires_at=int(clock.now) - 1)
    toys.put("p", "b")
    assert engine.sweep() == 0

    toys.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)

    assert engine.sweep() == 1
    assert toys.query("p") == ["b"]


def test_item_whose_time_to_live_was_extended_is_not_swept(engine: Engine, toys: Target, clock: Clock) -> None:
    toys.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)
    toys.put("p", "a", expires_at=int(clock.now))
    toys.put("p", "a", expires_at=int(clock.now) + 100)

    assert engine.sweep() == 0


def test_sweep_deletes_more_than_it_reads_at_once(engine: Engine, toys: Target, clock: Clock) -> None:
    toys.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)
    for number in range(250):
        toys.put("p", f"{number}", expires_at=int(clock.now))

    assert engine.sweep() == 250
    assert toys.query("p") == []


def test_sweep_holds_no_lock_between_two_hundred_items_and_can_be_ended_there(
    engine: Engine, toys: Target, clock: Clock
) -> None:
    toys.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)
    for number in range(250):
        toys.put("p", f"{number}", expires_at=int(clock.now))
    calls = 0

    def proceeds() -> bool:
        nonlocal calls
        calls += 1
        toys.put("q", "a")
        return calls < 2

    assert engine.sweep(proceeds) == 200
    assert len(toys.query("p")) == 50


def test_sweeper_that_is_stopped_does_not_finish_its_sweep(engine: Engine, toys: Target, clock: Clock) -> None:
    toys.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)
    for number in range(5_000):
        toys.put("p", f"{number}", expires_at=int(clock.now))
    swept = threading.Event()
    engine.feed.subscribe(lambda commit: swept.set())

    with Sweeper(engine, seconds=0.001):
        swept.wait()

    assert len(toys.query("p")) > 0


def test_sweeper_sweeps_at_intervals_until_it_is_stopped(engine: Engine, toys: Target, clock: Clock) -> None:
    swept: list[bool] = []
    toys.call("UpdateTimeToLive", TimeToLiveSpecification=EXPIRES)
    toys.put("p", "a", expires_at=int(clock.now))
    engine.feed.subscribe(lambda commit: swept.append(commit.expired))

    with Sweeper(engine, seconds=0.001):
        while not swept:
            pass

    assert swept == [True]
    assert toys.query("p") == []


def test_items_that_were_handed_out_do_not_change(toys: Target) -> None:
    toys.put("p", "a", m={"M": {"x": {"N": "1"}}})
    before = toys.get("p", "a")

    toys.call("UpdateItem", Key=key("p", "a"), UpdateExpression="REMOVE m.x")

    assert before == item("p", "a", m={"M": {"x": {"N": "1"}}})


def test_full_disk_fails_with_a_retryable_error_and_recovers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    with Directory(tmp_path, monotonic=clock) as directory:
        target = Target("file", in_process(Engine(directory.storage)))
        target.put("p", "kept", n=1)
        (pages,) = directory.storage.execute("PRAGMA page_count")
        directory.storage.execute(f"PRAGMA max_page_count = {pages + 4}")
        acknowledged, failures = fill(target)

        assert acknowledged
        assert len(failures) == 3
        assert {(error.code, error.message) for error in failures} == {
            ("InternalServerError", "Internal server error")
        }
        assert target.query("p") == sorted([*acknowledged, "kept"])
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert "is full" in caplog.text

        directory.storage.execute("PRAGMA max_page_count = 1000000")
        target.put("p", "again")
        assert len(caplog.records) == 1  # small writes succeed at times on a disk that is full

        clock.now += QUIET_SECONDS
        target.put("p", "and again")

        assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    with Directory(tmp_path) as directory:
        call = in_process(Engine(directory.storage))
        found = [each["sk"]["S"] for each in call("Query", query_of(target))["Items"]]
        assert found == sorted([*acknowledged, "kept", "again", "and again"])


def fill(target: Target) -> tuple[list[str], list[OperationFailed]]:
    """Write until the disk is full, and a little longer; return acknowledged keys and failures."""
    acknowledged: list[str] = []
    failures: list[OperationFailed] = []
    number = 0
    while len(failures) < 3:
        number += 1
        sk = f"{number:04}"
        put = {"Put": {"TableName": target.table, "Item": item("p", sk, text="x" * 3000)}}
        try:
            target.call("TransactWriteItems", TransactItems=[put])
            acknowledged.append(sk)
        except OperationFailed as error:
            failures.append(error)
    return acknowledged, failures
