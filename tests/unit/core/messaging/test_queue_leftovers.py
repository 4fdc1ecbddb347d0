"""Runs that stay in the queue: a leader that is slow, and runs of crashed senders that have expired."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.keys import head_key, queue_pk
from chalicelib.core.messaging.group_commit import MAX_BATCH
from chalicelib.core.messaging.run import idempotency_key
from chalicelib.core.model.messages import DraftMessage, QueuedRun, QueueLease
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal
from tests.support.fakes import FakeClock

HOUR = 3600.0


class SlowQueue(MemoryEngine):
    """An engine that takes `seconds` to return the runs of a queue."""

    clock: FakeClock
    seconds = 0.0

    def query(self, **request: Any) -> Any:
        if request.get("Limit") == MAX_BATCH:
            self.clock.advance(self.seconds)
        return super().query(**request)


def contended(harness: AppHarness, chat: str) -> None:
    """Let all senders use the queue."""
    pk, sk = head_key(chat)
    harness.store.update_item(
        TableName="conversations",
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET contended_until = :late",
        ExpressionAttributeValues={":late": {"N": "9999999999999"}},
    )


def queued_runs(harness: AppHarness, chat: str) -> int:
    return sum(
        item["pk"]["S"] == queue_pk(chat) and item["sk"]["S"] != "#LEASE"
        for item in harness.store.items("conversations")
    )


def abandon(harness: AppHarness, chat: str, count: int) -> None:
    """Leave runs of bob in the queue, as if their process had crashed."""
    bob, member, now = principal("bob"), harness.member(chat, "bob"), int(harness.clock.now() * 1000)
    for number in range(count):
        event = {
            "conversation_id": chat,
            "type": "message",
            "created_at": "2027-01-15T08:00:00.000Z",
            "sender": bob.as_actor(member).as_sender(),
            "message_id": f"msg_{number}",
            "content": "lost",
            "client_message_id": f"lost-{number}",
        }
        draft = DraftMessage(event, idempotency_key(bob, chat, f"lost-{number}"))
        harness.chat.stores.event_log.enqueue(QueuedRun(f"{now:015d}#{number:03d}", now, [draft], member))


def test_leader_appends_its_own_run_however_slowly_it_reads_the_queue() -> None:
    harness = AppHarness(engine=SlowQueue)
    assert isinstance(harness.store, SlowQueue)
    harness.store.clock, harness.store.seconds = harness.clock, 11.0
    chat = harness.create_conversation("alice", "bob")
    harness.chat.messaging.reactions.add(principal("bob"), chat, harness.send_message("alice", chat), "👋")
    contended(harness, chat)
    number = harness.send_message("alice", chat, "slowly")
    head = harness.head(chat)
    assert (number, head.sequence_id, head.last_message, head.message_count) == (4, 4, 4, 2)
    assert queued_runs(harness, chat) == 0


def test_expired_runs_do_not_hide_those_behind_them() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice", "bob")
    abandon(harness, chat, MAX_BATCH + 1)
    harness.clock.advance(2 * HOUR)
    contended(harness, chat)
    assert harness.send_message("alice", chat) == 2
    assert harness.send_message("alice", chat) == 3
    assert queued_runs(harness, chat) == 0
    assert [event.get("content") for event in harness.events(chat)] == [None, "hello", "hello"]


def test_message_behind_an_expired_run_is_queued_once() -> None:
    harness = AppHarness()
    chat = harness.create_conversation("alice", "bob")
    abandon(harness, chat, 1)
    harness.clock.advance(2 * HOUR)
    contended(harness, chat)
    now = int(harness.clock.now() * 1000)
    assert harness.chat.stores.event_log.take_lease(chat, QueueLease("another", now + 60, now), None)
    assert harness.send_message("alice", chat) == 2
    assert queued_runs(harness, chat) == 0
