"""The walk, the heartbeat, and the sweep that runs them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.publishing import DynamoProgress
from chalicelib.aws.dynamodb.publishing_keys import HEARTBEAT, heartbeat_time, streamed_id
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.publishing import DEPLOYMENT_LOG
from chalicelib.core.publishing.walk import PAGE
from local.faults.engine import MemoryEngine
from tests.support.publishing import FAILED, START, PublishingHarness

HOUR = 3600.0


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def progress(harness: PublishingHarness) -> DynamoProgress:
    return DynamoProgress(Dynamo(harness.store, harness.clock), "conversations")


def walked(harness: PublishingHarness) -> list[str]:
    """Return the conversations that a walk wakes."""
    harness.deliveries.sent.clear()
    assert harness.publishing.walk.run("") == ""
    return sorted(queued(harness))


def queued(harness: PublishingHarness) -> list[str]:
    """Return the conversations with a queued attempt, without the deployment log, which each walk wakes."""
    return [name for _, name, _ in harness.deliveries.sent if name != DEPLOYMENT_LOG]


def test_walk_wakes_conversations_that_lag(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    published, lagging, unknown = sorted(harness.create_conversation("alice") for _ in range(3))
    harness.publish(published, lagging)
    harness.send_message("alice", lagging)
    assert walked(harness) == [lagging, unknown]
    harness.run_due()
    assert harness.sink.received("end_1", lagging) == [1, 2]
    assert walked(harness) == []


def test_walk_leaves_conversations_from_before_the_endpoint(harness: PublishingHarness) -> None:
    old = harness.create_conversation("alice")
    harness.clock.advance(3 * 60)
    new = harness.create_conversation("alice")
    harness.clock.advance(59)
    harness.add_endpoint()
    assert walked(harness) == [new]
    harness.add_endpoint("end_2", start="beginning")
    assert walked(harness) == [old, new, new]


def test_walk_leaves_parked_conversations_and_disabled_endpoints(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.add_endpoint("end_2", disabled_at=1)
    chat = harness.create_conversation("alice")
    harness.publishing.wake_ups.wake([chat])
    cursors = harness.publishing.cursors
    cursor = cursors.acquire(chat, "end_1", "holder", START, START + 1)
    assert cursor is not None
    assert cursors.note_failure(cursor, failures=20, retry_at=0, parked_at=5)
    assert walked(harness) == []


def test_walk_deletes_cursors_and_notes_of_deleted_endpoints(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.add_endpoint("end_2")
    chat = harness.create_conversation("alice")
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(chat)
    harness.publishing.endpoints.delete("end_1")
    harness.publishing.sweep.run(60)
    assert [cursor.endpoint_id for cursor in harness.publishing.cursors.cursors(chat)] == ["end_2"]
    assert harness.publishing.lags.lagging("end_1", None, 10) == []
    assert harness.publishing.lags.lagging("end_2", None, 10) == [chat]


def test_walk_deletes_the_position_of_a_deleted_endpoint_in_the_deployment_log(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.publishing.wake_ups.wake([DEPLOYMENT_LOG])
    harness.publishing.endpoints.delete("end_1")
    harness.publishing.sweep.run(60)
    assert harness.publishing.cursors.cursors(DEPLOYMENT_LOG) == []


def test_function_with_older_settings_forgets_nothing_of_a_new_endpoint(harness: PublishingHarness) -> None:
    setting = '[{"event_bus": "product", "start": "beginning"}]'
    new = PublishingHarness({"CHAT_ENDPOINTS": setting}, engine=lambda *_args, **_more: harness.store)
    (endpoint,) = new.publishing.endpoints.endpoints()
    chat = new.create_conversation("alice")
    new.publishing.wake_ups.wake([chat])
    harness.run(chat, endpoint.endpoint_id)
    assert walked(harness) == []
    assert new.cursor(chat, endpoint.endpoint_id).wake_ups == 1
    new.publishing.sweep.run(60)
    new.run_due()
    assert new.sink.received(endpoint.endpoint_id, chat) == [1]


def test_walk_goes_on_after_its_time_is_over(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.publishing.walk.request_walk()
    chats = sorted(harness.create_conversation(f"person {number // 50}") for number in range(2 * PAGE + 1))
    position, steps = "", 0
    while position or not steps:
        position = harness.publishing.walk.run(position)
        steps += 1
        assert steps < 10
    assert steps == 3
    assert queued(harness) == chats
    harness.deliveries.sent.clear()
    while progress(harness).walk().is_due:
        harness.publishing.walk.resume(0)
        steps += 1
    assert steps == 6
    assert queued(harness) == chats


def test_rest_of_a_walk_follows_in_jobs(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chats = sorted(harness.create_conversation(f"person {number // 50}") for number in range(2 * PAGE + 1))
    harness.publishing.walk.request_walk()
    jobs = 0
    harness.publishing.walk.run_job(0)
    while jobs < harness.deliveries.walks:
        jobs += 1
        harness.publishing.walk.run_job(0)
    assert jobs == 2
    assert queued(harness) == chats


def test_request_during_a_walk_is_followed_by_another_one(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.publishing.walk.request_walk()
    for _ in range(PAGE):
        harness.create_conversation("alice")
    harness.publishing.walk.resume(0)
    assert progress(harness).walk().position
    harness.publishing.walk.request_walk()
    harness.publishing.walk.resume(0)
    assert progress(harness).walk().is_due
    assert not progress(harness).walk().position
    harness.publishing.walk.resume(60)
    assert not progress(harness).walk().is_due
    harness.deliveries.sent.clear()
    harness.publishing.walk.resume(60)
    assert harness.deliveries.sent == []


def test_first_of_many_requests_walks_at_once_and_the_others_are_covered(harness: PublishingHarness) -> None:
    def woken() -> list[str]:
        return [other for _, other, _ in harness.deliveries.sent if other != DEPLOYMENT_LOG]

    harness.add_endpoint()
    chats = sorted(harness.create_conversation("alice") for _ in range(PAGE + 1))
    harness.publishing.walk.resume(60)
    harness.deliveries.sent.clear()
    harness.publishing.walk.request_now(0)
    assert len(woken()) == PAGE
    for _ in range(3):
        harness.publishing.walk.request_now(60)
    assert len(woken()) == PAGE, "the process that began it walks for all of them"
    harness.publishing.walk.resume(60)
    assert woken() == [*chats, *chats]
    assert not progress(harness).walk().is_due


def test_page_that_fails_is_walked_again(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.publishing.walk.request_walk()
    chat = harness.create_conversation("alice")
    harness.deliveries.is_down = True
    with pytest.raises(Unavailable):
        harness.publishing.walk.resume(60)
    harness.deliveries.is_down = False
    harness.publishing.walk.resume(60)
    assert queued(harness) == [chat]


def test_endpoint_is_saved_with_the_request_for_a_walk_or_without(harness: PublishingHarness) -> None:
    endpoint, save = harness.add_endpoint(), harness.publishing.endpoints.save
    assert save(endpoint._replace(description="x"))
    assert progress(harness).walk().requested == 0
    assert not save(endpoint, walks=True), "the version is an old one"
    assert progress(harness).walk().requested == 0
    assert save(harness.endpoint(), walks=True)
    assert progress(harness).walk().requested == 1


@pytest.mark.parametrize(("start", "requests"), [("now", 0), ("beginning", 1)])
def test_endpoint_of_the_settings_that_begins_at_the_beginning_requests_a_walk(start: str, requests: int) -> None:
    entry = {"url": "https://x.example/", "secret_parameter": "/chat/hook", "start": start}
    harness = PublishingHarness({"CHAT_ENDPOINTS": json.dumps([entry])})
    assert len(harness.publishing.endpoints.endpoints()) == 1
    assert progress(harness).walk().requested == requests


# ---- heartbeat -----------------------------------------------------------------------------------------


def test_heartbeat_is_a_row_that_the_stream_shows(harness: PublishingHarness) -> None:
    harness.publishing.heartbeat.beat()
    keys = [(item["pk"]["S"], item["sk"]["S"]) for item in harness.store.items("conversations")]
    ((pk, sk),) = [key for key in keys if streamed_id(key[0]) == HEARTBEAT]
    assert sk.startswith("E#")
    assert heartbeat_time(sk) == START
    assert streamed_id("C#conv_1") == "conv_1"
    assert pk != f"C#{HEARTBEAT}"


def test_heartbeat_is_stale_after_twenty_hours(harness: PublishingHarness) -> None:
    heartbeat = harness.publishing.heartbeat
    assert heartbeat.is_stale(), "none has come back yet"
    heartbeat.received(START)
    heartbeat.received(START - 5000)
    harness.clock.advance(20 * HOUR - 1)
    assert not heartbeat.is_stale()
    harness.clock.advance(1)
    assert heartbeat.is_stale()


@pytest.mark.parametrize(
    "changed", [{"CHAT_HISTORY_ID": "7.restored"}, {"CHAT_DELIVERY_QUEUE": "https://sqs.test/1/other"}]
)
def test_heartbeat_of_another_history_or_stream_counts_for_nothing(changed: dict[str, str]) -> None:
    harness = PublishingHarness()
    harness.publishing.heartbeat.received(START)
    other = PublishingHarness(changed, engine=lambda *_args, **_more: harness.store).publishing.heartbeat
    assert other.is_stale()
    other.received(START - 1)
    assert not other.is_stale() and harness.publishing.heartbeat.is_stale()


def test_sweep_walks_when_the_stream_has_stopped(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.publishing.heartbeat.received(START)
    harness.publishing.sweep.run(30)
    chat = harness.create_conversation("alice")
    for hours, woken in ((19, []), (2, [chat])):
        harness.clock.advance(hours * HOUR)
        harness.publishing.sweep.run(30)
        assert queued(harness) == woken
    requests = progress(harness).walk().requested
    harness.publishing.heartbeat.received(START + 21 * 3600 * 1000)
    harness.publishing.sweep.run(30)
    assert progress(harness).walk().requested == requests


def test_heartbeat_that_comes_back_at_once_does_not_hide_a_stream_that_was_stopped() -> None:
    class QuickStream(MemoryEngine):
        def put_item(self, **arguments: Any) -> Any:
            written = super().put_item(**arguments)
            if streamed_id(arguments["Item"]["pk"]["S"]) == HEARTBEAT:
                quick.publishing.heartbeat.received(heartbeat_time(arguments["Item"]["sk"]["S"]))
            return written

    quick = PublishingHarness(engine=QuickStream)
    quick.add_endpoint()
    chat = quick.create_conversation("alice")
    quick.publishing.sweep.run(30)
    assert not quick.publishing.heartbeat.is_stale()
    assert queued(quick) == [chat]


def test_without_an_enabled_endpoint_no_walk_is_requested(harness: PublishingHarness) -> None:
    harness.add_endpoint(disabled_at=START)
    harness.publishing.sweep.run(30)
    assert progress(harness).walk().requested == 0


def test_failure_of_a_part_of_the_sweep_does_not_prevent_the_others(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.publishing.lags.note("end_1", chat)
    harness.deliveries.is_down = True
    with pytest.raises(Unavailable):
        harness.publishing.sweep.run(30)
    assert harness.cursor(DEPLOYMENT_LOG).wake_ups == 1, "the walk came as far as the queue"


# ---- function ------------------------------------------------------------------------------------------


def test_without_events_the_sweep_needs_no_queue_of_deliveries() -> None:
    harness = PublishingHarness({"CHAT_EVENTS": "off"})
    with pytest.raises(ValueError, match="CHAT_EVENTS"):
        harness.chat.build_publishing()
