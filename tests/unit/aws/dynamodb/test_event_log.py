"""The requests of the log's adapter."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.event_log import (
    REACTION_BATCH,
    DynamoEventLog,
    delete_all_reactions,
    delete_reactions,
)
from chalicelib.aws.dynamodb.keys import reaction_prefix
from chalicelib.aws.dynamodb.log_items import reaction_to_item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import marshal_item
from chalicelib.core.kernel.concurrency import run_parallel
from chalicelib.core.model.messages import QueueFront, QueueLease
from local.faults.engine import MemoryEngine
from tests.support.fakes import FakeClock
from tests.unit.aws.dynamodb.fakes import ScriptedClient, service_error
from tests.unit.aws.dynamodb.samples import CONVERSATION, QUEUED, REACTION


def reactions(count: int) -> dict[str, Any]:
    return {"Items": [{"pk": {"S": "p"}, "sk": {"S": f"{reaction_prefix(6)}{n}"}} for n in range(count)]}


def table(client: ScriptedClient) -> Table:
    return Table(Dynamo(client, FakeClock()), "t")


def log(client: ScriptedClient) -> DynamoEventLog:
    return DynamoEventLog(Dynamo(client, FakeClock()), "t", run_parallel)


@pytest.mark.parametrize(("found", "is_done"), [(0, True), (2, True), (3, False)])
def test_reactions_are_deleted_up_to_the_limit(found: int, is_done: bool) -> None:
    client = ScriptedClient(reactions(found), {})
    assert delete_reactions(table(client), CONVERSATION, 6, 3) is is_done
    query, *deletes = client.calls
    assert query["Limit"] == 3
    assert sum(len(call["RequestItems"]["t"]) for call in deletes) == found


def test_all_reactions_are_deleted_batch_by_batch() -> None:
    client = ScriptedClient(reactions(REACTION_BATCH), *[{}] * 4, reactions(7), {})
    delete_all_reactions(table(client), CONVERSATION, 6)
    deletes = [call for call in client.calls if call["method"] == "batch_write_item"]
    assert sum(len(call["RequestItems"]["t"]) for call in deletes) == REACTION_BATCH + 7
    assert not client.script


def test_page_of_reactions_has_the_key_after_which_the_next_one_begins() -> None:
    item = marshal_item(reaction_to_item(CONVERSATION, REACTION))
    client = ScriptedClient({"Items": [item, item]})
    page, after = log(client).reactions(CONVERSATION, 6, emoji=None, after=None, limit=1)
    assert page == [REACTION]
    assert after == item["sk"]["S"].removeprefix(reaction_prefix(6))


def test_last_page_of_reactions_has_no_next_one() -> None:
    client = ScriptedClient({"Items": [marshal_item(reaction_to_item(CONVERSATION, REACTION))]})
    assert log(client).reactions(CONVERSATION, 6, emoji="👋", after=None, limit=1) == ([REACTION], None)


def test_page_after_all_reactions_with_an_emoji_is_empty_without_a_request() -> None:
    assert log(ScriptedClient()).reactions(CONVERSATION, 6, emoji="👋", after="~", limit=1) == ([], None)


def test_empty_range_of_events_is_not_requested() -> None:
    assert list(log(ScriptedClient()).events(CONVERSATION, 5, 4)) == []


def test_departed_member_that_was_replaced_is_not_removed_from_the_head() -> None:
    client = ScriptedClient(service_error("ConditionalCheckFailedException"))
    log(client).clear_departed(CONVERSATION, "bob", 5)
    assert client.calls[0]["ExpressionAttributeValues"] == {":event": {"N": "5"}}


# ---- the queue -----------------------------------------------------------------------------------------


def queue_on_engine(clock: FakeClock) -> DynamoEventLog:
    return DynamoEventLog(Dynamo(MemoryEngine("toys"), clock), "toys", run_parallel)


def lease(holder: str, until: int) -> QueueLease:
    return QueueLease(holder, until, until)


def test_lease_is_taken_by_one_of_those_that_saw_it_free() -> None:
    clock = FakeClock()
    log, now = queue_on_engine(clock), int(clock.now() * 1000)
    first, second, third = lease("a", now + 24), lease("b", now + 25), lease("c", now + 50)
    assert log.take_lease(CONVERSATION, first, None)
    assert not log.take_lease(CONVERSATION, second, None)
    assert log.queue_front(CONVERSATION) == QueueFront(first, None)
    assert log.take_lease(CONVERSATION, third, first)
    assert not log.take_lease(CONVERSATION, second, first)
    assert log.queue_front(CONVERSATION) == QueueFront(third, None)


def test_lease_that_has_expired_for_good_is_no_obstacle() -> None:
    clock = FakeClock()
    log, now = queue_on_engine(clock), int(clock.now() * 1000)
    assert log.take_lease(CONVERSATION, lease("a", now), None)
    clock.advance(4000)
    assert log.queue_front(CONVERSATION) == QueueFront(None, None)
    assert log.take_lease(CONVERSATION, lease("b", now + 4_000_024), None)


def test_lease_is_not_among_the_queued_runs() -> None:
    clock = FakeClock(QUEUED.queued_at / 1000)
    log = queue_on_engine(clock)
    held = lease("a", QUEUED.queued_at + 24)
    log.take_lease(CONVERSATION, held, None)
    log.enqueue(QUEUED)
    assert log.queued_runs(CONVERSATION, 1) == [QUEUED]
    assert log.queue_front(CONVERSATION) == QueueFront(held, QUEUED.queue_id, QUEUED.queued_at)
