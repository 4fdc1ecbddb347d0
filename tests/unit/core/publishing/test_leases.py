"""Wake-ups, and the leases of cursors: nothing is missed, and nothing is sent twice at a time."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.publishing import Delivery, DeliveryResult
from local.faults.engine import MemoryEngine
from tests.support.publishing import ACKNOWLEDGED, PublishingHarness


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def leased(harness: PublishingHarness) -> str:
    """Create a conversation whose job has crashed with its lease, and return it."""
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publishing.wake_ups.wake([chat])
    now = int(harness.clock.now() * 1000)
    assert harness.publishing.cursors.acquire(chat, "end_1", "crashed", now, now + 45_000)
    return chat


def test_every_enabled_endpoint_is_woken_and_has_a_cursor_of_its_own(harness: PublishingHarness) -> None:
    harness.add_endpoint("end_1")
    harness.add_endpoint("end_2")
    harness.add_endpoint("off", disabled_at=1)
    chat = harness.create_conversation("alice")
    harness.publishing.wake_ups.wake([chat, chat])
    assert sorted(harness.deliveries.sent) == [("end_1", chat, 0.0), ("end_2", chat, 0.0)]
    harness.run_due()
    assert [cursor.endpoint_id for cursor in harness.publishing.cursors.cursors(chat)] == ["end_1", "end_2"]
    assert harness.sink.received("end_2", chat) == [1]


def test_without_endpoints_a_wake_up_writes_nothing(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice")
    harness.publish(chat)
    assert harness.publishing.cursors.cursors(chat) == []


def test_counters_are_durable_before_the_queue_is_used(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    harness.deliveries.is_down = True
    with pytest.raises(Unavailable):
        harness.publishing.wake_ups.wake([chat])
    assert harness.cursor(chat).wake_ups == 1


def test_wake_up_during_the_attempt_makes_the_holder_read_again(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")

    def send_another(_delivery: Delivery) -> DeliveryResult:
        if len(harness.sink.attempts) == 1:
            harness.send_message("alice", chat)
            harness.publishing.wake_ups.wake([chat])
        return ACKNOWLEDGED

    harness.sink.answer = send_another
    harness.publishing.wake_ups.wake([chat])
    harness.run(chat)
    assert harness.sink.received("end_1", chat) == [1, 2]


def test_wake_up_after_the_last_read_keeps_the_lease(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    cursors, now = harness.publishing.cursors, int(harness.clock.now() * 1000)
    cursor = cursors.acquire(chat, "end_1", "holder", now, now + 1000)
    assert cursor is not None
    cursors.wake(chat, "end_1")
    assert not cursors.release(cursor)
    again = cursors.acquire(chat, "end_1", "holder", now, now + 1000)
    assert again is not None
    assert cursors.release(again)


def test_job_during_the_lease_of_another_queues_one_check_for_after_it(harness: PublishingHarness) -> None:
    chat = leased(harness)
    harness.deliveries.sent.clear()
    for _ in range(3):
        harness.run(chat)
    ((_, _, delay),) = harness.deliveries.sent
    assert delay >= 45
    assert harness.sink.attempts == []
    harness.wait(delay)
    assert harness.sink.received("end_1", chat) == [1]


def test_busy_conversation_gets_no_message_for_each_event(harness: PublishingHarness) -> None:
    chat = leased(harness)
    messages = 0
    for _ in range(50):
        harness.send_message("alice", chat)
        harness.publishing.wake_ups.wake([chat])
        messages += harness.run_due()
        harness.clock.advance(0.5)
    assert messages <= 2
    ((_, _, delay),) = harness.deliveries.sent
    harness.wait(delay)
    assert harness.sink.received("end_1", chat) == list(range(1, 52))
    harness.send_message("alice", chat)
    harness.publish(chat)
    assert harness.sink.received("end_1", chat)[-1] == 52


def test_wake_up_of_a_lease_without_a_check_sends_a_message(harness: PublishingHarness) -> None:
    chat = leased(harness)
    harness.deliveries.sent.clear()
    harness.publishing.wake_ups.wake([chat])
    assert harness.deliveries.sent == [("end_1", chat, 0.0)]


def test_job_that_fails_leaves_a_lag_note(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")

    def broken(_delivery: Delivery) -> DeliveryResult:
        raise Unavailable

    harness.sink.answer = broken
    with pytest.raises(Unavailable):
        harness.publish(chat)
    assert harness.publishing.lags.lagging("end_1", None, 10) == [chat]
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.clock.advance(3600)
    harness.publishing.sweep.run(30)
    harness.run_due()
    assert harness.sink.received("end_1", chat) == [1]
    assert harness.publishing.lags.lagging("end_1", None, 10) == []


def test_run_that_takes_longer_than_it_may_continues_in_another_job(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    for _ in range(60):
        harness.send_message("alice", chat, "x" * 1000)

    def slow(_delivery: Delivery) -> DeliveryResult:
        harness.clock.advance(10)
        return ACKNOWLEDGED

    harness.sink.answer = slow
    harness.publishing.wake_ups.wake([chat])
    harness.deliveries.sent.clear()
    harness.run(chat, seconds=15)
    assert harness.deliveries.sent == [("end_1", chat, 0.0)]
    assert len(harness.sink.attempts) == 2
    harness.run_due()
    assert harness.sink.received("end_1", chat) == list(range(1, 62))


def test_lease_is_extended_before_an_attempt_that_could_outlast_it(harness: PublishingHarness) -> None:
    class SlowStore(MemoryEngine):
        """Each query of the log takes half a minute."""

        def query(self, **arguments: Any) -> Any:
            if arguments["ExpressionAttributeValues"][":pk"]["S"].startswith("C#"):
                harness.clock.advance(30)
            return super().query(**arguments)

    left = []

    def look(_delivery: Delivery) -> DeliveryResult:
        left.append(harness.cursor(chat).lease_until / 1000 - harness.clock.now())
        return ACKNOWLEDGED

    harness = PublishingHarness(engine=SlowStore)
    harness.add_endpoint(start="beginning")
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = look
    harness.publish(chat)
    assert len(left) == 1
    assert left[0] >= 20


def test_attempt_is_not_made_without_the_lease(harness: PublishingHarness) -> None:
    class OvertakenStore(MemoryEngine):
        """During the query of the log, the lease ends, and another job takes it."""

        def query(self, **arguments: Any) -> Any:
            if arguments["ExpressionAttributeValues"][":pk"]["S"].startswith("C#") and not overtaken:
                overtaken.append(1)
                harness.clock.advance(50)
                now = int(harness.clock.now() * 1000)
                assert harness.publishing.cursors.acquire(chat, "end_1", "another", now, now + 45_000)
            return super().query(**arguments)

    overtaken: list[int] = []
    harness = PublishingHarness(engine=OvertakenStore)
    harness.add_endpoint(start="beginning")
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    assert overtaken
    assert harness.sink.attempts == []
    assert harness.cursor(chat).lease == "another"


class LostResponses(MemoryEngine):
    """An engine of which the client gets no response to a write of a position, and repeats it."""

    def update_item(self, **request: Any) -> Any:
        if "#position = :position" in request["UpdateExpression"]:
            super().update_item(**request)
        return super().update_item(**request)


def test_position_whose_first_response_was_lost_is_moved() -> None:
    harness = PublishingHarness(engine=LostResponses)
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    for _ in range(60):
        harness.send_message("alice", chat, "x" * 1000)
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == list(range(1, 62))
    assert harness.cursor(chat).lease is None


def test_position_is_not_moved_without_the_lease() -> None:
    harness = PublishingHarness()
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    cursors, now = harness.publishing.cursors, int(harness.clock.now() * 1000)
    cursor = cursors.acquire(chat, "end_1", "holder", now, now + 1000)
    assert cursor is not None
    assert cursors.acquire(chat, "end_1", "another", now + 1000, now + 2000)
    assert not cursors.advance(cursor, 1, 1)
    assert not cursors.advance(cursor, 2, 2)
