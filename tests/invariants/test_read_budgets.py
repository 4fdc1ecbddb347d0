"""The bytes that a request reads of a log: at most twice what it answers and 256 KB, whatever the sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.protocol import queries, requests
from local.dynamodb.sizes import item_size
from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import Act
from tests.invariants.process import Process
from tests.invariants.tables import Tables

LONG = "語" * 8_000
"""A text of 24,000 bytes, the most that is allowed."""
FIXED = 256 * 1024
ALICE = Setup(members=("alice", "bob"), sockets=("alice",), subscribed=("alice",))


class EventReads(Layer):
    """Sums the bytes of the events that calls read, and counts the queries that read some."""

    def __init__(self, inner: DynamoClient) -> None:
        super().__init__(inner)
        self.bytes = self.queries = 0

    def call(self, call: Call) -> Any:
        answer = self.forward(call)
        items = answer.get("Items", []) if call.operation == "query" else [answer.get("Item", {})]
        sizes = [item_size(item) for item in items if "event" in item]
        self.bytes += sum(sizes)
        self.queries += bool(sizes) and call.operation == "query"
        return answer


def says(harness: Harness, *texts: str) -> None:
    for number, text in enumerate(texts):
        harness.process().post_message("alice", text, f"{number}-{len(text)}")


def short(harness: Harness) -> None:
    says(harness, *["x" * 500] * 120)


def long(harness: Harness) -> None:
    says(harness, *[LONG] * 110)


def long_at_first(harness: Harness) -> None:
    says(harness, LONG, *["x" * 500] * 150)


def alternating(harness: Harness) -> None:
    says(harness, *[LONG, "y", "z"] * 40)


def edited(harness: Harness) -> None:
    says(harness, *["x"] * 60)
    for target in range(2, 62):
        harness.process().edit_message("alice", target, LONG)


def edited_often(harness: Harness) -> None:
    says(harness, "x")
    for number in range(50):
        harness.process().edit_message("alice", 2, f"{number:03}{LONG[3:]}")


def edited_after_the_window(harness: Harness) -> None:
    says(harness, *["x"] * 160)
    for target in range(2, 40):
        harness.process().edit_message("alice", target, LONG)


LOGS = [short, long, long_at_first, alternating, edited, edited_often, edited_after_the_window]


def sync(after: int) -> Act:
    return lambda process: process.send_frame("alice", "sync", after=after)


def hello(process: Process) -> object:
    return process.send_frame("alice", "hello", subscribe=[{"conversation_id": process.harness.conversation}])


def export(process: Process) -> object:
    return process.app.privacy.export.page(process.principal("bob"), queries.ExportQuery())


READS: dict[str, Act] = {
    "sync from the beginning": sync(0),
    "sync from the middle": sync(40),
    "subscribe": lambda process: process.send_frame("alice", "subscribe"),
    "subscribe after an event": lambda process: process.send_frame("alice", "subscribe", after=1),
    "hello": hello,
    "events": lambda process: process.list_events("alice"),
    "messages": lambda process: process.list_messages("alice", limit=100),
    "one message": lambda process: process.list_messages("alice", limit=1),
    "messages after": lambda process: process.list_messages("alice", after=1, limit=100),
    "conversation": lambda process: process.get_conversation("alice"),
    "export": export,
}


@pytest.mark.parametrize("log", LOGS)
def test_read_ends_at_the_byte_budget(tables: Tables, log: Callable[[Harness], None]) -> None:
    harness = tables.with_limits(message_burst=10_000).harness(ALICE)
    log(harness)
    for name, act in READS.items():
        reads = EventReads(harness.tables.engine)
        answered = len(json.dumps(act(harness.process(reads)), ensure_ascii=False).encode())
        assert reads.bytes <= 2 * answered + FIXED, (name, reads.bytes, answered)


@pytest.mark.parametrize("log", LOGS)
def test_short_pages_lead_to_every_event(tables: Tables, log: Callable[[Harness], None]) -> None:
    harness = tables.with_limits(message_burst=10_000).harness(ALICE)
    log(harness)
    process = harness.process()
    head = process.app.stores.event_log.head(harness.conversation)
    assert head is not None
    everything = [*range(1, head.sequence_id + 1)]
    messages = [
        stored.event["sequence_id"]
        for stored in process.app.stores.event_log.events(harness.conversation, 1, head.sequence_id)
        if stored.event["type"] == "message"
    ]
    assert follow(lambda after: process.list_events("alice", after), "next_after", "events", 0) == everything
    assert (
        follow(lambda after: process.list_messages("alice", after=after), "next_after", "messages", 0) == messages
    )
    older = follow(lambda before: process.list_messages("alice", before=before), "next_before", "messages", None)
    assert sorted(older) == messages
    synced: list[int] = []
    while True:
        (frame,) = process.send_frame("alice", "sync", after=len(synced))
        synced += [event["sequence_id"] for event in frame["events"]]
        if not frame["has_more"]:
            break
        assert frame["events"]
    assert synced == everything


def follow(page: Callable[[Any], Any], pointer: str, name: str, start: Any) -> list[int]:
    """Return the ids of all pages: one has `pointer` if, and only if, there are more."""
    found: list[int] = []
    while True:
        answer = page(start)
        found += [event["sequence_id"] for event in answer[name]]
        assert answer["has_more"] == (pointer in answer)
        if not answer["has_more"]:
            return found
        assert answer[pointer] != start
        start = answer[pointer]


@pytest.mark.parametrize("name", READS)
def test_events_of_usual_sizes_need_one_query(tables: Tables, name: str) -> None:
    harness = tables.with_limits(message_burst=10_000).harness(ALICE)
    short(harness)
    reads = EventReads(harness.tables.engine)
    READS[name](harness.process(reads))
    assert reads.queries == 1


def test_newest_events_need_one_query_after_a_long_message(tables: Tables) -> None:
    harness = tables.with_limits(message_burst=10_000).harness(ALICE)
    long_at_first(harness)
    reads = EventReads(harness.tables.engine)
    (frame,) = sync(60)(harness.process(reads))
    assert (len(frame["events"]), reads.queries) == (92, 1)


def test_hello_with_many_conversations_shares_the_budget(tables: Tables) -> None:
    """Each is read from its beginning: short messages, of which the edits are long."""
    harness = tables.with_limits(message_burst=10_000).harness(ALICE)
    process = harness.process()
    chats = [process.create_conversation("alice")["conversation_id"] for _ in range(10)]
    for chat in chats:
        for number in range(10):
            message = {
                "type": "message",
                "conversation_id": chat,
                "client_message_id": f"{number}",
                "content": "x",
            }
            assert process.send_batch("alice", message)[0]["type"] == "message_ack"
        for target in range(2, 12):
            process.app.messaging.updates.edit(
                process.principal("alice"), chat, target, requests.EditMessage(content=LONG)
            )
    reads = EventReads(harness.tables.engine)
    wanted = [{"conversation_id": chat, "after": 1} for chat in chats]
    frames = harness.process(reads).send_frame("alice", "hello", subscribe=wanted)
    answered = len(json.dumps(frames, ensure_ascii=False).encode())
    assert reads.bytes <= 2 * answered + FIXED, (reads.bytes, answered)
    for frame, chat in zip(frames[1:], chats, strict=True):
        assert (frame["type"], frame["conversation_id"], frame["has_more"]) == ("subscribed", chat, True)
        assert frame["first_sequence_id"] == 2


def test_snapshot_of_a_large_hello_is_empty_only_after_a_position(tables: Tables) -> None:
    """The message has a long state, so that no share of the budget suffices for it."""
    harness = tables.with_limits(message_burst=10_000, change_burst=100).harness(ALICE)
    process = harness.process()
    chats = [process.create_conversation("alice")["conversation_id"] for _ in range(60)]
    for chat in chats:
        said = {"type": "message", "conversation_id": chat, "client_message_id": "k", "content": "x"}
        process.send_batch("alice", said)
        for content in (LONG, "y"):
            process.app.messaging.updates.edit(
                process.principal("alice"), chat, 2, requests.EditMessage(content=content)
            )
    for position, events in ({"after": 1}, []), ({}, [3, 4]):
        wanted = [{"conversation_id": chat, **position} for chat in chats]
        frames = harness.process().send_frame("alice", "hello", subscribe=wanted)[1:]
        assert [frame["conversation_id"] for frame in frames] == chats
        for frame in frames:
            assert [event["sequence_id"] for event in frame["events"]] == events
            assert frame["first_sequence_id"] == (events[0] if events else 2)
            assert (frame["head"], frame["has_more"]) == (4, True)
        (synced,) = process.send_frame("alice", "sync", conversation_id=chats[0], after=1)
        assert [event["sequence_id"] for event in synced["events"]] == [2, 3, 4]
