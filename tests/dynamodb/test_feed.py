"""The feed of changes: one commit at a time, in order, with the items before and after it."""

from __future__ import annotations

import pytest

from local.dynamodb.engine import Engine
from local.dynamodb.feed import Commit
from local.dynamodb.values import Item
from tests.dynamodb.conftest import Clock
from tests.dynamodb.targets import OperationFailed, Target, item, key


@pytest.fixture
def commits(engine: Engine) -> list[Commit]:
    found: list[Commit] = []
    engine.feed.subscribe(found.append)
    return found


def images(commit: Commit) -> list[tuple[Item | None, Item | None]]:
    return [(change.old, change.new) for change in commit.changes]


def test_feed_has_the_items_before_and_after_each_write(toys: Target, commits: list[Commit]) -> None:
    toys.put("p", "a", n=1)
    toys.put("p", "a", n=2)
    toys.call("DeleteItem", Key=key("p", "a"))
    toys.call("DeleteItem", Key=key("p", "a"))

    first, second = item("p", "a", n=1), item("p", "a", n=2)
    assert [images(commit) for commit in commits] == [[(None, first)], [(first, second)], [(second, None)], []]
    assert [commit.number for commit in commits] == [1, 2, 3, 4]
    assert not any(commit.expired for commit in commits)


def test_transaction_is_one_commit_without_its_checks(toys: Target, commits: list[Commit]) -> None:
    toys.put("p", "there")
    check = {"TableName": toys.table, "Key": key("p", "there"), "ConditionExpression": "attribute_exists(pk)"}
    puts = [{"Put": {"TableName": toys.table, "Item": item("p", sk)}} for sk in "ab"]

    toys.call("TransactWriteItems", TransactItems=[*puts, {"ConditionCheck": check}])

    assert images(commits[-1]) == [(None, item("p", "a")), (None, item("p", "b"))]


def test_failed_write_is_no_commit(toys: Target, commits: list[Commit]) -> None:
    with pytest.raises(OperationFailed):
        toys.call("PutItem", Item=item("p", "a"), ConditionExpression="attribute_exists(pk)")

    assert commits == []


def test_expiry_is_marked(engine: Engine, toys: Target, commits: list[Commit], clock: Clock) -> None:
    expires = {"AttributeName": "expires_at", "Enabled": True}
    toys.call("UpdateTimeToLive", TimeToLiveSpecification=expires)
    toys.put("p", "a", expires_at=int(clock.now))

    engine.sweep()

    assert commits[-1].expired
    assert images(commits[-1]) == [(item("p", "a", expires_at=int(clock.now)), None)]


def test_subscriber_that_left_receives_nothing(engine: Engine, toys: Target) -> None:
    found: list[Commit] = []
    unsubscribe = engine.feed.subscribe(found.append)
    toys.put("p", "a")
    unsubscribe()
    toys.put("p", "b")

    assert len(found) == 1


def test_subscriber_that_fails_harms_neither_the_write_nor_the_others(
    engine: Engine, toys: Target, caplog: pytest.LogCaptureFixture
) -> None:
    found: list[Commit] = []

    def fail(commit: Commit) -> None:
        raise ValueError(f"commit {commit.number}")

    engine.feed.subscribe(fail)
    engine.feed.subscribe(found.append)

    toys.put("p", "a")

    assert toys.query("p") == ["a"]
    assert len(found) == 1
    assert "a subscriber of the change feed failed" in caplog.text
