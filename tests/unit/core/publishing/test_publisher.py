"""Publishing on the embedded store: order, batches, filters, and logs that are not settled."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.published import content_of
from chalicelib.core.model.publishing import InFlight
from chalicelib.core.protocol.requests import EditMessage
from chalicelib.core.publishing.logs import range_after
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


@pytest.mark.parametrize("is_repeat", [False, True])
def test_texts_of_a_deleted_conversation_do_not_leave(harness: PublishingHarness, is_repeat: bool) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob", title="Regretted")
    harness.send_message("alice", chat, "regretted")
    harness.sink.answer = lambda delivery: FAILED
    if is_repeat:
        harness.publish(chat)
        assert "regretted" in str(content_of(harness.sink.attempts.pop()))
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    harness.clock.advance(3600)
    harness.publish(chat)
    harness.sink.answer = lambda delivery: ACKNOWLEDGED
    harness.wait(3600)
    assert harness.sink.received("end_1", chat) == [1, 2]
    assert len(harness.sink.attempts) == 2
    for attempt in harness.sink.attempts:
        events = content_of(attempt)["data"]["events"]
        assert [event["type"] for event in events] == ["conversation_created", "message"]
        assert "egretted" not in str(events)
    assert not harness.endpoint().is_thin, "other conversations are sent with their contents"


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
