"""Runs that a crash has left in a queue, and that have expired since, but are not deleted."""

from __future__ import annotations

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.messaging.run import idempotency_key
from chalicelib.core.model.events import new_event
from chalicelib.core.model.messages import DraftMessage, QueuedRun
from tests.support.app_harness import AppHarness, principal

HOUR = 3600


def leave_a_run(harness: AppHarness, conversation: str) -> QueuedRun:
    """Queue a message of bob, as a process does that then crashes."""
    now, bob = milliseconds(harness.clock), principal("bob")
    member = harness.member(conversation, "bob")
    event = new_event(
        conversation, None, "message", sender=bob.as_actor(member), now=now, message_id="msg_x", content="lost"
    )
    draft = DraftMessage(event, idempotency_key(bob, conversation, "\0msg_x"), None)
    queued = QueuedRun(f"{now:015d}#x", now, [draft], member)
    harness.chat.stores.event_log.enqueue(queued)
    return queued


def queued_ids(harness: AppHarness) -> list[str]:
    rows = harness.store.items("conversations")
    return [row["sk"]["S"] for row in rows if row["pk"]["S"].startswith("Q#") and row["sk"]["S"] != "#LEASE"]


def test_next_leader_removes_a_run_however_old_it_is() -> None:
    for age in (HOUR - 1, HOUR + 1):
        harness = AppHarness()
        conversation = harness.create_conversation("alice", "bob")
        leave_a_run(harness, conversation)
        harness.clock.advance(age)
        for number in range(2):  # at the same time, so the second one is queued
            harness.send_message("alice", conversation, f"{number}")
        assert queued_ids(harness) == []
        contents = [event.get("content") for event in harness.events(conversation)[1:]]
        assert contents == ["0", "1"]


def test_senders_see_the_runs_behind_an_old_one() -> None:
    harness = AppHarness()
    conversation = harness.create_conversation("alice", "bob")
    old = leave_a_run(harness, conversation)
    harness.clock.advance(HOUR + 1)
    new = leave_a_run(harness, conversation)
    log = harness.chat.stores.event_log
    assert log.queue_front(conversation).oldest_id == old.queue_id
    assert [run.queue_id for run in log.queued_runs(conversation, 2)] == [old.queue_id, new.queue_id]
