"""The slots of an endpoint: a bounded number of attempts at a time, and the jobs that find none."""

from __future__ import annotations

import pytest

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.endpoints import DynamoEndpoints
from chalicelib.core.model.publishing import Delivery, DeliveryResult, Outcome
from chalicelib.core.publishing import schedule
from tests.support.publishing import ACKNOWLEDGED, START, PublishingHarness


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def test_slow_endpoint_has_a_bounded_number_of_attempts_and_delays_no_other(harness: PublishingHarness) -> None:
    harness = PublishingHarness({"CHAT_LIMIT_SERVICE_DELIVERIES": "2"})
    harness.add_endpoint("end_1")
    harness.add_endpoint("end_2")
    chats = [harness.create_conversation(f"person {number}") for number in range(5)]
    nested: list[int] = []

    def slow(delivery: Delivery) -> DeliveryResult:
        """While it waits for `end_1`, other jobs run."""
        nested.append(1)
        harness.clock.advance(10)
        if delivery.endpoint.endpoint_id == "end_1" and len(nested) < 5:
            harness.run(chats[len(nested)], "end_1")
        nested.pop()
        return ACKNOWLEDGED

    harness.sink.answer = slow
    harness.publishing.wake_ups.wake(chats)
    harness.deliveries.sent.clear()
    harness.run(chats[0], "end_1")
    assert {delivery.conversation_id for delivery in harness.sink.attempts} <= set(chats[:2])
    ((_, put_off, delay),) = harness.deliveries.sent
    assert put_off in chats
    assert 5 <= delay <= 30
    assert harness.publishing.lags.lagging("end_1", None, 10) == [put_off]
    harness.run(chats[4], "end_2")
    assert harness.sink.received("end_2", chats[4]) == [1]
    harness.wait(60)
    assert harness.sink.received("end_1", put_off) == [1]


def test_jobs_without_a_slot_leave_one_message_for_each_conversation(harness: PublishingHarness) -> None:
    harness = PublishingHarness({"CHAT_LIMIT_SERVICE_DELIVERIES": "1"})
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    store = DynamoEndpoints(Dynamo(harness.store, harness.clock), "conversations")
    assert store.take_slot("end_1", 0, "another", START, START + 600_000)
    for _ in range(5):
        harness.publishing.wake_ups.wake([chat])
    harness.run_due()
    assert len(harness.deliveries.sent) == 1
    harness.wait(700)
    assert harness.sink.received("end_1", chat) == [1]


@pytest.mark.parametrize("slow", [0.0, 1.0], ids=["same clock", "a second behind"])
def test_message_that_is_due_is_not_taken_for_one_under_way(harness: PublishingHarness, slow: float) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.sink.answer = lambda delivery: DeliveryResult(Outcome.FAILED, "503", retry_after=100)
    harness.publish(chat)
    ((_, _, delay),) = harness.deliveries.sent
    harness.deliveries.sent.clear()
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.clock.advance(delay - slow)
    harness.run(chat)
    harness.wait(5)
    assert harness.sink.received("end_1", chat) == [1]


def test_slot_of_a_crashed_job_becomes_free(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    store = DynamoEndpoints(Dynamo(harness.store, harness.clock), "conversations")
    assert store.slot_taken_at("end_1", 0) == 0
    assert store.take_slot("end_1", 0, "one", START, START + 1000)
    assert store.slot_taken_at("end_1", 0) == START
    assert not store.take_slot("end_1", 0, "two", START + 999, START + 2000)
    assert store.take_slot("end_1", 0, "two", START + 1000, START + 2000)
    store.free_slot("end_1", 0, "one")
    assert not store.take_slot("end_1", 0, "three", START + 1001, START + 3000)


@pytest.mark.parametrize(
    ("held", "low", "high"), [(0.0, 3, 6), (0.5, 3, 6), (4.0, 4, 24), (5.0, 5, 30), (45.0, 5, 30)]
)
def test_job_without_a_slot_looks_again_sooner_at_a_fast_endpoint(held: float, low: float, high: float) -> None:
    delays = [schedule.slot_delay(held) for _ in range(300)]
    assert low <= min(delays) <= low + (high - low) / 5
    assert high - (high - low) / 5 <= max(delays) <= high


def test_conversation_without_a_slot_of_a_fast_endpoint_waits_for_seconds_only() -> None:
    harness = PublishingHarness({"CHAT_LIMIT_SERVICE_DELIVERIES": "1"})
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    store = DynamoEndpoints(Dynamo(harness.store, harness.clock), "conversations")
    assert store.take_slot("end_1", 0, "another", START, START + 600_000)
    harness.publish(chat)
    store.free_slot("end_1", 0, "another")
    harness.wait(6)
    assert harness.sink.received("end_1", chat) == [1]
