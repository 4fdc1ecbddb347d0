"""The messages that have notify lists, and the sizes and costs of the lists."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.actors import Service
from chalicelib.core.model.notify import (
    MAX_NOTIFIED,
    NOTIFY_WITHIN,
    NotifiedMember,
    NotifyList,
    first_beyond,
)
from chalicelib.core.model.published import content_of
from chalicelib.core.protocol.requests import (
    EditMessage,
    SendSystemMessage,
)
from local.faults.engine import MemoryEngine
from tests.support.app_harness import principal
from tests.unit.core.publishing.notify_room import (
    ONLY_MESSAGES,
    Room,
    entry,
)


def test_other_events_and_system_messages_have_no_list() -> None:
    room = Room(types=frozenset())
    message = room.send()
    room.chat.messaging.updates.edit(principal("alice"), room.id, message, EditMessage(content="edited"))
    room.harness.add("alice", room.id, "dave")
    system = SendSystemMessage(content="Shipped", client_message_id="1")
    room.chat.messaging.sender.send(Service("shop").as_principal(), room.id, system)
    assert [found["sequence_id"] for found in room.publish()] == [message]
    assert len(room.data()["events"]) == 5


def test_message_that_was_deleted_has_no_list() -> None:
    room = Room()
    message, kept = room.send(), room.send()
    room.chat.messaging.updates.delete(principal("alice"), room.id, message)
    assert [found["sequence_id"] for found in room.publish()] == [kept]


@pytest.mark.parametrize(("age", "is_listed"), [(NOTIFY_WITHIN, True), (NOTIFY_WITHIN + 1, False)])
def test_stale_message_has_no_list(age: float, is_listed: bool) -> None:
    room = Room()
    room.send()
    room.harness.clock.advance(age)
    room.publish()
    assert ("notify" in room.data()) is is_listed


def test_catch_up_has_lists_for_recent_messages_only() -> None:
    room = Room(start="beginning")
    for _ in range(3):
        room.send()
    room.harness.clock.advance(NOTIFY_WITHIN + 1)
    recent = room.send()
    assert [found["sequence_id"] for found in room.publish()] == [recent]
    assert len(room.data()["events"]) == 4


def test_message_without_anyone_to_notify_has_an_empty_list() -> None:
    room = Room()
    room.connect("bob", room.id)
    message = room.send()
    assert room.publish() == [{"sequence_id": message, "members": []}]


def test_thin_delivery_has_lists_with_mentions() -> None:
    room = Room(is_thin=True)
    room.send("bob")
    assert room.publish_one() == [entry(mentioned=True)]
    assert "content" not in room.data()["events"][0]


def test_deleted_conversation_has_no_lists() -> None:
    room = Room()
    room.send()
    room.chat.conversations.lifecycle.delete(principal("alice"), room.id)
    room.publish()
    assert "notify" not in room.data()


def test_deployment_log_has_no_lists() -> None:
    room = Room(types=frozenset())
    room.chat.backend.suspensions.suspend("carol")
    room.harness.publish("deployment")
    assert "notify" not in room.data()


def test_endpoint_without_the_option_costs_no_read_more() -> None:
    class Counting(MemoryEngine):
        reads = 0

        def query(self, **arguments: Any) -> Any:
            self.reads += 1
            return super().query(**arguments)

        def batch_get_item(self, **arguments: Any) -> Any:
            self.reads += 1
            return super().batch_get_item(**arguments)

    def reads(*, notify: bool, types: frozenset[str] = ONLY_MESSAGES) -> int:
        room = Room("carol", engine=Counting, notify=notify, types=types)
        room.harness.publish(room.id)
        room.send()
        store = room.harness.store
        assert isinstance(store, Counting)
        store.reads = 0
        room.harness.publish(room.id)
        assert ("notify" in room.data()) is (notify and types == ONLY_MESSAGES)
        return store.reads

    # The roster, subscriptions, memberships with rules, connections of two.
    assert reads(notify=True) == reads(notify=False) + 6
    others = frozenset({"conversation_created", "message_edited"})
    assert reads(notify=True, types=others) == reads(notify=False, types=others)


def of_length(sequence_id: int, count: int) -> NotifyList:
    member = NotifiedMember("bob", mentioned=False, muted=False, reason="offline")
    return NotifyList(sequence_id, [member] * count)


@pytest.mark.parametrize(
    ("counts", "beyond"),
    [
        ([], None),
        ([MAX_NOTIFIED], None),
        ([MAX_NOTIFIED + 1], None),
        ([0, MAX_NOTIFIED + 1], None),
        ([MAX_NOTIFIED, 0], None),
        ([MAX_NOTIFIED, 1], 2),
        ([1, MAX_NOTIFIED], 2),
        ([99] * 11, 11),
    ],
)
def test_lists_of_a_delivery_have_a_thousand_entries_or_are_one(counts: list[int], beyond: int | None) -> None:
    assert first_beyond(of_length(number, count) for number, count in enumerate(counts, 1)) == beyond


def test_delivery_ends_before_lists_that_are_too_long() -> None:
    people = [f"member_{number}" for number in range(30)]
    room = Room(*people)
    count = MAX_NOTIFIED // 31 + 1
    messages = []
    for number in range(count):
        messages.append(room.send())
        if number == count - 2:
            # The last event before the next delivery is not one that the endpoint receives.
            room.chat.messaging.updates.edit(principal("alice"), room.id, messages[0], EditMessage(content="x"))
    room.publish()
    assert room.harness.sink.received("end_1", room.id) == messages
    sent = [content_of(delivery)["data"] for delivery in room.harness.sink.attempts]
    assert [len(data["events"]) for data in sent] == [count - 1, 1]
    assert all(len(found["members"]) == 31 for data in sent for found in data["notify"])
