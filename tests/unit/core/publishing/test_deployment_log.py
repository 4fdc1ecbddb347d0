"""The deployment log: entries are queued with a change, and published in their own sequence. Purges wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.deployment_log import DynamoDeploymentLog
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import event_sk
from chalicelib.aws.dynamodb.publishing_keys import DEPLOYMENT_EVENTS
from chalicelib.core.kernel.ids import digest
from chalicelib.core.model.publishing import DEPLOYMENT_LOG, EndpointStart
from chalicelib.core.ports.commits import WriteConflict
from chalicelib.core.protocol.requests import SetProfile
from chalicelib.core.publishing.deployment_log import APPENDED_AT_ONCE
from local.faults.client import DynamoClient
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with
from tests.support.publishing import FAILED, START, PublishingHarness
from tests.support.stepper import crash_points

HOUR, DAY = 3600.0, 24 * 3600.0


@pytest.fixture
def harness() -> PublishingHarness:
    harness = PublishingHarness({"CHAT_TIME_ERASURE_GRACE": "0"})
    harness.add_endpoint()
    return harness


def log_of(harness: AppHarness) -> DynamoDeploymentLog:
    return DynamoDeploymentLog(Dynamo(harness.store, harness.clock), "conversations")


def queued(harness: AppHarness) -> list[dict[str, Any]]:
    return [event for _, event in log_of(harness).queued(100)]


def published(harness: PublishingHarness) -> list[dict[str, Any]]:
    """Publish the deployment log, and return the events that the endpoint has received of it."""
    harness.publish(DEPLOYMENT_LOG)
    harness.sink.received("end_1", DEPLOYMENT_LOG)
    return received(harness, "end_1")


def received(harness: PublishingHarness, endpoint_id: str) -> list[dict[str, Any]]:
    """Return the events of the deployment log that an endpoint has acknowledged."""
    deliveries = harness.sink.acknowledged[endpoint_id, DEPLOYMENT_LOG]
    return [event for delivery in deliveries for event in delivery.events]


def do_everything(harness: AppHarness) -> str:
    """Make one change of each kind, a second apart; return the conversation."""
    chat = harness.create_conversation("alice", "bob")
    message, services = harness.send_message("alice", chat, "nonsense"), harness.chat.conversations
    changes: list[Callable[[], object]] = [
        lambda: services.reports.report(principal("bob"), chat, message, "spam"),
        lambda: services.profiles.set(principal("bob"), SetProfile(name="Bobby")),
        lambda: harness.chat.backend.suspensions.suspend("bob"),
        lambda: harness.chat.backend.suspensions.suspend("bob"),
        lambda: harness.chat.backend.suspensions.lift("bob"),
        lambda: services.lifecycle.delete(principal("alice"), chat),
        lambda: harness.chat.privacy.jobs.erase(principal("bob")),
        lambda: harness.chat.privacy.jobs.run(f"erasure:{digest('bob')}", 60),
    ]
    for change in changes:
        harness.clock.advance(1)
        change()
    return chat


def test_each_kind_of_change_is_published_once_and_in_order(harness: PublishingHarness) -> None:
    chat = do_everything(harness)
    found = published(harness)
    expected: list[tuple[str, dict[str, Any]]] = [
        ("report_created", {"conversation_id": chat, "target": 2}),
        ("profile_changed", {"participant_id": "bob", "version": 1}),
        ("participant_suspended", {"participant_id": "bob"}),
        ("participant_unsuspended", {"participant_id": "bob"}),
        ("conversation_deleted", {"conversation_id": chat}),
        ("participant_erased", {"erasure_id": digest("bob")}),
    ]
    assert found == [
        {"type": event_type, **fields, "sequence_id": number, "created_at": event["created_at"]}
        for number, (event, (event_type, fields)) in enumerate(zip(found, expected, strict=True), start=1)
    ]
    assert queued(harness) == []


def test_without_events_nothing_is_queued() -> None:
    harness = AppHarness({"CHAT_TIME_ERASURE_GRACE": "0"})
    do_everything(harness)
    assert queued(harness) == []
    assert not [item for item in harness.store.items("conversations") if item["pk"]["S"].startswith("W#")]


def test_entry_that_names_a_participant_expires_and_is_skipped(harness: PublishingHarness) -> None:
    harness.chat.backend.suspensions.suspend("bob")
    chat = harness.create_conversation("alice")
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(DEPLOYMENT_LOG)
    harness.clock.advance(31 * DAY)
    harness.publishing.cursors.delete(DEPLOYMENT_LOG)
    harness.add_endpoint("end_2", start="beginning")
    harness.sink.answer = PublishingHarness().sink.answer
    harness.publishing.wake_ups.wake([DEPLOYMENT_LOG])
    harness.run(DEPLOYMENT_LOG, "end_2")
    events = received(harness, "end_2")
    assert [event["type"] for event in events] == ["conversation_deleted"]


def test_entries_that_have_expired_in_the_queue_do_not_hide_later_ones(harness: PublishingHarness) -> None:
    for number in range(APPENDED_AT_ONCE + 1):
        harness.chat.conversations.profiles.set(principal("bob"), SetProfile(name=f"Bob {number}"))
        harness.clock.advance(0.01)
    harness.clock.advance(31 * DAY)
    chat = harness.create_conversation("alice")
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    assert [event["type"] for event in published(harness)] == ["conversation_deleted"]


class LateQueries(MemoryEngine):
    """An engine whose next query of the deployment log finds none of these events: their transaction is ending."""

    def __init__(self, *tables: str) -> None:
        super().__init__(*tables)
        self.hidden: set[str] = set()

    def query(self, **request: Any) -> Any:
        page = super().query(**request)
        if request["ExpressionAttributeValues"][":pk"] == {"S": DEPLOYMENT_EVENTS}:
            page["Items"] = [item for item in page["Items"] if item["sk"]["S"] not in self.hidden]
            self.hidden = set()
        return page


@pytest.mark.parametrize("hidden", [{1}, {2}, {3}, {2, 3}, {1, 2, 3}])
@pytest.mark.parametrize("start", ["now", "beginning"])
def test_event_that_a_query_does_not_show_yet_is_not_taken_for_an_expired_one(
    hidden: set[int], start: EndpointStart
) -> None:
    """Another process, which publishes to another endpoint, has just appended these entries."""
    harness = PublishingHarness(engine=LateQueries)
    harness.add_endpoint(start=start)
    for name in ("bob", "carol", "dave"):
        harness.chat.backend.suspensions.suspend(name)
        harness.clock.advance(0.01)
    log = log_of(harness)
    log.append(log.queued(10))
    assert isinstance(harness.store, LateQueries)
    harness.store.hidden = {event_sk(number) for number in hidden}
    assert [event["participant_id"] for event in published(harness)] == ["bob", "carol", "dave"]


def test_more_entries_than_fit_into_a_transaction_are_appended(harness: PublishingHarness) -> None:
    for number in range(95):
        harness.chat.conversations.profiles.set(principal("bob"), SetProfile(name=f"Bob {number}"))
        harness.clock.advance(0.01)
    assert [event["version"] for event in published(harness)] == list(range(1, 96))


def test_entry_is_appended_once_by_two_processes(harness: PublishingHarness) -> None:
    harness.chat.backend.suspensions.suspend("bob")
    log = log_of(harness)
    entries = log.queued(10)
    log.append(entries)
    with pytest.raises(WriteConflict):
        log.append(entries)
    assert log.head() == 1


def test_crash_while_entries_are_appended_loses_and_doubles_none(harness: PublishingHarness) -> None:
    numbers: list[int] = []

    def begin() -> None:
        harness.chat.backend.suspensions.suspend(f"person {len(numbers)}")
        numbers.append(1)

    def append(_world: None, client: DynamoClient) -> None:
        log = DynamoDeploymentLog(Dynamo(client, harness.clock), "conversations")
        log.append(log.queued(10))

    for point in crash_points(harness.store, begin, append):
        with point:
            found = published(harness)
            assert [event["participant_id"] for event in found] == [f"person {n}" for n in range(len(numbers))]


def test_new_endpoint_receives_entries_from_now_on(harness: PublishingHarness) -> None:
    harness.chat.backend.suspensions.suspend("bob")
    published(harness)
    harness.clock.advance(120)
    harness.add_endpoint("end_2")
    harness.chat.backend.suspensions.lift("bob")
    harness.publish(DEPLOYMENT_LOG)
    events = received(harness, "end_2")
    assert [event["type"] for event in events] == ["participant_unsuspended"]


def test_walk_wakes_the_deployment_log(harness: PublishingHarness) -> None:
    harness.chat.backend.suspensions.suspend("bob")
    harness.publishing.sweep.run(30)
    harness.run_due()
    assert harness.sink.received("end_1", DEPLOYMENT_LOG) == [1]


# ---- purges --------------------------------------------------------------------------------------------


def test_purge_waits_until_all_is_published(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.send_message("alice", chat, "a last word")
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    purge_due = harness.chat.conversations.lifecycle.purge_due
    assert purge_due(60) == 0
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == [1, 2]
    assert purge_due(60) == 0, "it is looked at again in an hour"
    harness.clock.advance(HOUR)
    assert purge_due(60) == 1
    assert harness.publishing.cursors.cursors(chat) == []
    assert [event["type"] for event in published(harness)] == ["conversation_deleted", "conversation_purged"]


def test_purge_waits_for_three_days_at_most(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(chat)
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    purge_due, hours = harness.chat.conversations.lifecycle.purge_due, 0
    while not purge_due(60):
        harness.clock.advance(HOUR)
        hours += 1
    assert hours == 72
    assert harness.publishing.cursors.cursors(chat) == []
    assert harness.publishing.lags.lagging("end_1", None, 10) == []
    left = items_with(harness.store, ("conversations",), chat)
    assert all(any(pk in text for pk in ("W#deployment", "RETENTION")) for text in left)


def test_purge_does_not_wait_for_parked_conversations_and_disabled_endpoints(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.publishing.wake_ups.wake([chat])
    cursor = harness.publishing.cursors.acquire(chat, "end_1", "holder", START, START + 1)
    assert cursor is not None
    assert harness.publishing.cursors.note_failure(cursor, failures=20, retry_at=0, parked_at=START)
    harness.add_endpoint("end_2", disabled_at=START)
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    assert harness.chat.conversations.lifecycle.purge_due(60) == 1


def test_job_for_a_purged_conversation_leaves_nothing(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    assert harness.chat.conversations.lifecycle.purge_due(60) == 1
    harness.publish(chat)
    assert harness.publishing.cursors.cursors(chat) == []


class CountingEngine(MemoryEngine):
    """An engine that counts the items that queries return."""

    read = 0

    def query(self, **request: Any) -> Any:
        page = super().query(**request)
        self.read += len(page["Items"])
        return page


def test_no_more_of_a_long_queue_is_read_than_is_appended() -> None:
    harness = PublishingHarness(engine=CountingEngine)
    for number in range(3 * APPENDED_AT_ONCE):
        harness.chat.backend.suspensions.suspend(f"bob_{number}")
    assert isinstance(harness.store, CountingEngine)
    harness.store.read = 0
    assert len(log_of(harness).queued(APPENDED_AT_ONCE)) == harness.store.read == APPENDED_AT_ONCE
