"""The notify lists of repeats: those of the first attempt, as far as they apply."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.app_harness import ENVIRONMENT, principal
from tests.support.publishing import ACKNOWLEDGED, FAILED
from tests.unit.core.conversations.test_directs import erase
from tests.unit.core.publishing.notify_room import (
    NOT_SUBSCRIBED,
    Act,
    Room,
    entry,
    is_back,
    is_suspended,
    nothing,
)


def failed_once(room: Room) -> list[dict[str, Any]]:
    """Let the first attempt fail, and the next ones succeed; return its lists."""
    room.harness.sink.answer = lambda delivery: FAILED
    first = room.publish()
    assert room.harness.cursor(room.id).in_flight is not None
    room.harness.sink.answer = lambda delivery: ACKNOWLEDGED
    return first


def repeated(room: Room, after: float = 60) -> list[dict[str, Any]]:
    """Return the lists of the second attempt."""
    room.harness.clock.advance(after)
    room.harness.run(room.id)
    first, second, *_ = room.harness.sink.attempts[-2:]
    assert first.delivery_id == second.delivery_id
    return room.notify()


@pytest.mark.parametrize(
    "change",
    [
        nothing,
        lambda room: room.connect("bob", room.id),
        lambda room: room.set_state(notifications_muted=True),
        lambda room: room.read(room.harness.head(room.id).sequence_id),
        lambda room: room.join("dave"),
    ],
)
def test_repeat_has_the_lists_of_the_first_attempt(change: Act) -> None:
    room = Room("carol")
    room.connect("carol")
    room.send("carol")
    first = failed_once(room)
    change(room)
    assert first[0]["members"] == [entry(), entry("carol", mentioned=True, **NOT_SUBSCRIBED)]
    assert repeated(room) == first


def test_lists_of_a_repeat_do_not_become_stale() -> None:
    room = Room()
    room.send()
    first = failed_once(room)
    assert first
    assert repeated(room, after=2 * 24 * 3600) == first


@pytest.mark.parametrize(
    "change",
    [
        Room.leave,
        is_back,
        lambda room: room.chat.conversations.members.remove(principal("alice"), room.id, "bob"),
        lambda room: erase(room.harness, "bob"),
        is_suspended,
    ],
)
def test_repeat_does_not_list_members_who_have_left_or_were_suspended(change: Act) -> None:
    room = Room("carol")
    room.send()
    failed_once(room)
    change(room)
    (after,) = repeated(room)
    assert after["members"] == [entry("carol")]


def test_repeat_has_no_list_of_a_message_that_was_deleted() -> None:
    room = Room()
    message = room.send()
    failed_once(room)
    room.chat.messaging.updates.delete(principal("alice"), room.id, message)
    assert repeated(room) == []
    assert "notify" not in room.data()


def test_option_that_was_turned_off_ends_the_lists_of_a_repeat_and_turned_on_begins_none() -> None:
    room = Room()
    for is_on in (False, True):
        room.send()
        failed_once(room)
        endpoint = room.harness.endpoint()
        assert room.harness.publishing.endpoints.save(endpoint._replace(notify=is_on))
        assert repeated(room) == []


def test_stored_decision_names_no_participant_and_ends_with_the_delivery() -> None:
    room = Room("carol")
    room.send()

    def row() -> str:
        table, pk = ENVIRONMENT["CHAT_CONVERSATIONS_TABLE"], f"O#{room.id}"
        (item,) = room.harness.store.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )["Items"]
        return str(item)

    failed_once(room)
    in_flight = room.harness.cursor(room.id).in_flight
    assert in_flight is not None
    assert in_flight.notify is not None
    assert len(in_flight.notify.absent) == 2
    assert "bob" not in row()
    assert "carol" not in row()
    assert all(digest in row() for digest in in_flight.notify.absent)
    repeated(room)
    assert not any(digest in row() for digest in in_flight.notify.absent)
