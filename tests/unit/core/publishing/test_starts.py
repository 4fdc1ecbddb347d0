"""Where a cursor begins, and where it continues after a restore."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.published import content_of
from chalicelib.core.publishing.logs import Chunk, start_of
from tests.support.publishing import ACKNOWLEDGED, FAILED, PublishingHarness


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


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
        is_deleted = False
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
