"""Publishing on the embedded store: batches, filters, starts, histories, and leases."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.published import content_of
from chalicelib.core.model.publishing import Delivery, DeliveryResult, InFlight
from chalicelib.core.protocol.requests import EditMessage
from chalicelib.core.publishing.logs import Chunk, range_after, start_of
from local.faults.engine import MemoryEngine
from tests.support.app_harness import principal
from tests.support.publishing import ACKNOWLEDGED, FAILED, PublishingHarness


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def test_each_event_is_delivered_once_and_in_order(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    for number in range(3):
        harness.send_message("alice", chat, f"message {number}")
        harness.publish(chat)
    assert harness.sink.received("end_1", chat) == [1, 2, 3, 4]
    assert len(harness.sink.attempts) == 4
    assert harness.sink.attempts[-1].events == harness.events(chat)[-1:]
    cursor = harness.cursor(chat)
    assert (cursor.position, cursor.sent, cursor.in_flight, cursor.lease) == (4, 4, None, None)


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


@pytest.mark.parametrize(
    ("count", "content", "sizes"),
    [(4, "x" * 9_500, [3, 2]), (2, "y" * 9_900, [2, 1]), (3, "€" * 7_900, [1, 1, 1, 1])],
)
def test_batch_has_20_kb_or_one_event(
    harness: PublishingHarness, count: int, content: str, sizes: list[int]
) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice")
    for _ in range(count):
        harness.send_message("alice", chat, content)
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == list(range(1, count + 2))
    assert [len(delivery.events) for delivery in harness.sink.attempts] == sizes


def test_batch_of_small_events_has_a_hundred(harness: PublishingHarness) -> None:
    events: list[dict[str, Any]] = [{"sequence_id": number, "type": "m"} for number in range(1, 151)]
    assert range_after(events, harness.add_endpoint(), 7) == InFlight(1, 100, 7)


def test_other_types_are_skipped_and_the_chain_has_no_gap(harness: PublishingHarness) -> None:
    harness.add_endpoint(types=frozenset({"message"}))
    chat = harness.create_conversation("alice", "bob")
    first = harness.send_message("alice", chat)
    harness.add("alice", chat, "carol")
    second = harness.send_message("alice", chat)
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == [first, second]
    harness.add("alice", chat, "dave")
    harness.publish(chat)
    assert harness.cursor(chat).position == second + 1
    assert harness.cursor(chat).sent == second
    third = harness.send_message("alice", chat)
    harness.publish(chat)
    assert harness.sink.attempts[-1].previous_sequence_id == second
    assert harness.sink.received("end_1", chat) == [first, second, third]


def test_range_in_flight_stays_although_the_log_goes_on(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(chat)
    assert harness.cursor(chat).in_flight == InFlight(1, 1, 0)
    harness.send_message("alice", chat)
    harness.clock.advance(3600)
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.run(chat)
    assert harness.sink.received("end_1", chat) == [1, 2]
    assert [delivery.attempt for delivery in harness.sink.attempts] == [1, 2, 1]


def test_deleted_content_is_not_in_a_repeat(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    message = harness.send_message("alice", chat, "regretted")
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(chat)
    head = harness.chat.messaging.updates
    head.edit(principal("alice"), chat, message, EditMessage(content="also regretted"))
    head.delete(principal("alice"), chat, message)
    harness.clock.advance(3600)
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.run(chat)
    assert harness.sink.received("end_1", chat) == [1, 2, 3, 4]
    texts = str([delivery.events for delivery in harness.sink.attempts[1:]])
    assert "regretted" not in texts
    assert harness.sink.attempts[0].delivery_id == harness.sink.attempts[1].delivery_id


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
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publishing.wake_ups.wake([chat])
    harness.deliveries.sent.clear()
    now = int(harness.clock.now() * 1000)
    assert harness.publishing.cursors.acquire(chat, "end_1", "crashed", now, now + 45_000)
    for _ in range(3):
        harness.run(chat)
    ((_, _, delay),) = harness.deliveries.sent
    assert delay >= 45
    assert harness.sink.attempts == []
    harness.wait(delay)
    assert harness.sink.received("end_1", chat) == [1]


def test_busy_conversation_gets_no_message_for_each_event(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publishing.wake_ups.wake([chat])
    now = int(harness.clock.now() * 1000)
    assert harness.publishing.cursors.acquire(chat, "end_1", "crashes", now, now + 45_000)
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
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publishing.wake_ups.wake([chat])
    harness.deliveries.sent.clear()
    now = int(harness.clock.now() * 1000)
    assert harness.publishing.cursors.acquire(chat, "end_1", "crashes", now, now + 45_000)
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


def test_large_events_are_not_read_again_for_each_delivery() -> None:
    class CountingEngine(MemoryEngine):
        read = 0

        def query(self, **arguments: Any) -> Any:
            page = super().query(**arguments)
            if arguments["ExpressionAttributeValues"][":pk"]["S"].startswith("C#"):
                self.read += page["Count"]
            return page

    harness = PublishingHarness(engine=CountingEngine)
    store = harness.store
    assert isinstance(store, CountingEngine)
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    for _ in range(40):
        harness.send_message("alice", chat, "x" * 9_500)
    store.read = 0
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == list(range(1, 42))
    assert store.read <= 6 * len(harness.sink.attempts)


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


def test_endpoint_that_was_deleted_leaves_no_cursor(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    harness.publishing.endpoints.delete("end_1")
    harness.run(chat)
    assert harness.publishing.cursors.cursors(chat) == []


def test_disabled_endpoint_receives_nothing_and_resumes_from_its_cursor(harness: PublishingHarness) -> None:
    endpoint = harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    assert harness.publishing.endpoints.save(endpoint._replace(disabled_at=5, disabled_reason="by hand"))
    harness.send_message("alice", chat)
    harness.publish(chat)
    harness.run(chat)
    assert harness.sink.received("end_1", chat) == [1]
    disabled = harness.endpoint()
    assert disabled.disabled_reason == "by hand"
    assert harness.publishing.endpoints.save(disabled._replace(disabled_at=0, disabled_reason=""))
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == [1, 2]


# ---- where a cursor begins -----------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(0, 3), (1, 1), (5, 4), (40, 30), (3, 0)])
def test_now_starts_a_minute_before_the_endpoint(harness: PublishingHarness, old: int, new: int) -> None:
    chat = harness.create_conversation("alice", "bob")
    for _ in range(old):
        harness.send_message("alice", chat)
    harness.clock.advance(90)
    for _ in range(new):
        harness.send_message("alice", chat)
    harness.clock.advance(30)
    harness.add_endpoint()
    harness.publish(chat)
    ids = [event["sequence_id"] for delivery in harness.sink.attempts for event in delivery.events]
    assert ids == list(range(old + 2, old + new + 2))
    later = harness.send_message("alice", chat)
    harness.publish(chat)
    assert harness.sink.attempts[-1].events[-1]["sequence_id"] == later


def test_start_is_found_with_few_reads(harness: PublishingHarness) -> None:
    class LongLog:
        head = 1_000_000
        conversation = None
        reads = 0

        def event(self, sequence_id: int) -> dict[str, Any]:
            self.reads += 1
            return {"created_at": f"{2026 if sequence_id < 999_000 else 2028}-01-01T00:00:00.000Z"}

        def after(self, position: int, limit: int) -> Chunk:
            raise AssertionError((position, limit))

    log = LongLog()
    assert start_of(log, harness.add_endpoint()) == 998_999
    assert log.reads < 30


def test_beginning_starts_at_the_first_event(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.send_message("alice", chat)
    harness.clock.advance(10_000)
    harness.add_endpoint(start="beginning")
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == [1, 2]


# ---- logs that are not settled -------------------------------------------------------------------------


class HidingEngine(MemoryEngine):
    """An engine whose queries do not show some events, as while a transaction is being committed."""

    hidden: frozenset[str] = frozenset()

    def query(self, **arguments: Any) -> Any:
        """Leave hidden items out."""
        page = super().query(**arguments)
        shown = [item for item in page["Items"] if item["sk"]["S"] not in self.hidden]
        return {**page, "Items": shown, "Count": len(shown)}


def test_events_above_a_gap_wait_for_it(harness: PublishingHarness) -> None:
    harness = PublishingHarness(engine=HidingEngine)
    store = harness.store
    assert isinstance(store, HidingEngine)
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    for _ in range(3):
        harness.send_message("alice", chat)
    store.hidden = frozenset({f"E#{3:016d}"})
    harness.publishing.wake_ups.wake([chat])
    harness.run_due()
    assert harness.sink.received("end_1", chat) == [1, 2]
    assert harness.cursor(chat).lease is None
    assert [delay for _, _, delay in harness.deliveries.sent] == [1.0]
    store.hidden = frozenset()
    harness.wait(1)
    assert harness.sink.received("end_1", chat) == [1, 2, 3, 4]


def test_range_in_flight_that_is_not_readable_waits(harness: PublishingHarness) -> None:
    harness = PublishingHarness(engine=HidingEngine)
    store = harness.store
    assert isinstance(store, HidingEngine)
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(chat)
    harness.clock.advance(60)
    store.hidden = frozenset({f"E#{1:016d}"})
    harness.deliveries.sent.clear()
    harness.run(chat)
    assert len(harness.sink.attempts) == 1
    assert [delay for _, _, delay in harness.deliveries.sent] == [1.0]


def test_provisional_conversation_is_finalized_first(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    expires_at = {"N": str(int(harness.clock.now()) + 24 * 3600)}
    for item in harness.store.items("conversations"):
        if item["pk"]["S"] == f"C#{chat}" and item["sk"]["S"] in ("HEAD", "INFO"):
            harness.store.put_item(TableName="conversations", Item={**item, "expires_at": expires_at})
    assert harness.head(chat).is_provisional
    harness.publish(chat)
    assert not harness.head(chat).is_provisional
    assert harness.sink.received("end_1", chat) == [1]


def test_filter_that_excludes_the_range_in_flight_skips_it(harness: PublishingHarness) -> None:
    endpoint = harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(chat)
    assert harness.publishing.endpoints.save(endpoint._replace(types=frozenset({"message"})))
    harness.clock.advance(60)
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    message = harness.send_message("alice", chat)
    harness.publish(chat)
    assert harness.sink.received("end_1", chat) == [message]


# ---- restores ------------------------------------------------------------------------------------------


def restored(harness: PublishingHarness) -> PublishingHarness:
    """Return the same data in a history that begins a minute from now."""
    number = int(harness.clock.now()) + 60
    found = PublishingHarness(
        {"CHAT_HISTORY_ID": f"{number}.restored"}, engine=lambda *_args, **_more: harness.store
    )
    found.clock.set(number + 60)
    return found


def test_conversation_whose_cursor_the_backup_does_not_have_is_reset(harness: PublishingHarness) -> None:
    harness.add_endpoint(types=frozenset({"message"}))
    chat = harness.create_conversation("alice", "bob")
    message = harness.send_message("alice", chat)
    after = restored(harness)
    after.publish(chat)
    reset, then = after.sink.attempts
    assert (reset.events[0]["type"], reset.events[0]["head"]) == ("log_reset", 0)
    assert [event["sequence_id"] for event in then.events] == [message]
    fresh = after.create_conversation("alice", "bob")
    after.send_message("alice", fresh)
    after.publish(fresh)
    after.add_endpoint("end_2")
    after.publish(chat)
    assert [one.events[0]["type"] for one in after.sink.attempts[2:]] == ["message"]


def test_repeat_of_a_reset_is_the_same(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    after = restored(harness)
    after.sink.answer = lambda delivery: FAILED if delivery.attempt < 3 else ACKNOWLEDGED
    after.publish(chat)
    after.wait(60)
    contents = [content_of(delivery) for delivery in after.sink.attempts]
    assert len(contents) == 3
    assert contents[0] == contents[1] == contents[2]
