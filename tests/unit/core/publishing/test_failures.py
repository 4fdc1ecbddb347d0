"""Failures of one conversation: repeats, parking, and lag notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.model.publishing import Delivery, DeliveryResult, Outcome
from local.faults.engine import MemoryEngine
from tests.support.publishing import ACKNOWLEDGED, FAILED, START, PublishingHarness

HOUR, DAY = 3600.0, 24 * 3600.0


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def failing_for(*conversation_ids: str) -> Callable[[Delivery], DeliveryResult]:
    return lambda delivery: FAILED if delivery.conversation_id in conversation_ids else ACKNOWLEDGED


def test_failed_attempt_is_repeated_with_a_note_until_it_succeeds(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: FAILED if delivery.attempt == 1 else ACKNOWLEDGED
    harness.publishing.wake_ups.wake([chat])
    harness.wait(0)
    assert harness.publishing.lags.lagging("end_1", None, 10) == [chat]
    cursor = harness.cursor(chat)
    assert (cursor.failures, cursor.lease, cursor.failing_since) == (1, None, START)
    assert cursor.retry_at <= START + 5000
    harness.wait(10)
    assert harness.sink.received("end_1", chat) == [1]
    assert harness.publishing.lags.lagging("end_1", None, 10) == []
    cursor = harness.cursor(chat)
    assert (cursor.failures, cursor.retry_at, cursor.failing_since, cursor.is_noted) == (0, 0, 0, False)


def test_wake_up_does_not_hasten_the_next_attempt(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: DeliveryResult(Outcome.FAILED, "503", retry_after=2 * HOUR)
    harness.publishing.wake_ups.wake([chat])
    harness.wait(0)
    for _ in range(20):
        harness.send_message("alice", chat)
        harness.publishing.wake_ups.wake([chat])
    harness.wait(HOUR)
    assert len(harness.sink.attempts) == 1
    assert len(harness.deliveries.sent) == 1, "one message is under way, however many wake-ups came"
    harness.wait(1.01 * HOUR)
    assert len(harness.sink.attempts) == 2


def test_attempt_that_the_queue_does_not_take_is_found_by_the_sweep(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publishing.wake_ups.wake([chat])
    harness.sink.answer = lambda delivery: FAILED
    harness.deliveries.sent.clear()
    harness.deliveries.is_down = True
    harness.run(chat)
    harness.deliveries.is_down = False
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.clock.advance(60)
    harness.publishing.heartbeat.received(START)
    harness.publishing.sweep.run(30)
    harness.run_due()
    assert harness.sink.received("end_1", chat) == [1]


def test_conversation_that_fails_alone_is_parked_and_resumed_by_command(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    bad, good = harness.create_conversation("alice"), harness.create_conversation("bob")
    harness.sink.answer = failing_for(bad)
    harness.publishing.wake_ups.wake([bad])
    while not harness.cursor(bad).parked_at:
        harness.send_message("bob", good)
        harness.publishing.wake_ups.wake([good])
        harness.wait(HOUR / 12 if harness.clock.now() < START / 1000 + HOUR else HOUR)
        assert harness.clock.now() < START / 1000 + 4 * DAY
    attempts = [delivery for delivery in harness.sink.attempts if delivery.conversation_id == bad]
    assert harness.cursor(bad).own_failures == 20
    assert harness.cursor(bad).failures == len(attempts) < 30, "the others came before another success"
    assert harness.endpoint().is_enabled
    harness.send_message("alice", bad)
    harness.publishing.wake_ups.wake([bad])
    harness.publishing.sweep.run(30)
    harness.wait(DAY)
    assert attempts == [delivery for delivery in harness.sink.attempts if delivery.conversation_id == bad]
    assert harness.publishing.lags.lagging("end_1", None, 10) == [bad], "it stays visible"
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.publishing.cursors.resume(bad, "end_1")
    harness.publishing.wake_ups.wake_pairs([(bad, "end_1")])
    harness.wait(0)
    assert harness.sink.received("end_1", bad) == [1, 2]


def test_lag_note_of_a_crashed_job_is_deleted_when_nothing_is_left(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.publish(chat)
    harness.publishing.lags.note("end_1", chat)
    assert not harness.cursor(chat).is_noted
    harness.publishing.sweep.run(30)
    harness.run_due()
    assert harness.publishing.lags.lagging("end_1", None, 10) == []


def test_lag_note_without_a_cursor_is_deleted(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    harness.publishing.lags.note("end_1", "conv_purged")
    harness.publishing.sweep.run(30)
    assert harness.publishing.lags.lagging("end_1", None, 10) == []


def test_sweep_sends_nothing_for_what_is_parked_or_under_way(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.sink.answer = lambda delivery: DeliveryResult(Outcome.FAILED, "503", retry_after=100)
    harness.publish(chat)
    harness.publishing.circuits.resume_all("end_1", 1e12)
    assert len(harness.deliveries.sent) == 1
    harness.clock.advance(200)
    harness.publishing.circuits.resume_all("end_1", 1e12)
    assert len(harness.deliveries.sent) == 2


def test_notes_of_one_endpoint_leave_time_for_those_of_others() -> None:
    class SlowStore(MemoryEngine):
        """Each read of a cursor takes a second."""

        def get_item(self, **arguments: Any) -> Any:
            if arguments["Key"]["pk"]["S"].startswith("O#conv_"):
                slow.clock.advance(1)
            return super().get_item(**arguments)

    slow = PublishingHarness(engine=SlowStore)
    for endpoint_id in ("end_1", "end_2"):
        slow.add_endpoint(endpoint_id)
        for number in range(200):
            slow.publishing.cursors.wake(f"conv_{number}", endpoint_id)
            slow.publishing.lags.note(endpoint_id, f"conv_{number}")
    slow.publishing.heartbeat.received(START)
    slow.publishing.sweep.run(150)
    sent = [endpoint_id for endpoint_id, _, _ in slow.deliveries.sent]
    assert all(50 <= sent.count(endpoint_id) <= 75 for endpoint_id in ("end_1", "end_2"))
