"""The product's copy of the log: repeats, gaps, resets, deletions and erasures."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from serverless_chat import RefusedError

from chalicelib.core.model.published import thin
from examples.product.mirror import Event, Message, Mirror

CHAT = "conv_1"


class Log:
    """The log of one conversation at the chat."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reads = 0
        self.error: RefusedError | None = None

    def read(self, conversation_id: str, after: int) -> list[Event]:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return [event for event in self.events if event["sequence_id"] > after]

    def append(self, event_type: str, sender: str = "alice", **fields: Any) -> Event:
        event = {
            "conversation_id": CHAT,
            "sequence_id": len(self.events) + 1,
            "type": event_type,
            "sender": {"participant_id": sender, "name": sender.title()},
            **fields,
        }
        self.events.append(event)
        return event


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def mirror(log: Log) -> Iterator[Mirror]:
    found = Mirror(":memory:", log.read)
    yield found
    found.close()


def deliver(mirror: Mirror, events: list[Event], previous: int = 0, history: str = "0.t") -> list[Event]:
    conversation_id = CHAT if "sequence_id" not in events[0] else events[0].get("log", CHAT)
    return mirror.receive(
        {
            "delivery_id": "dlv_x",
            "history_id": history,
            "conversation_id": conversation_id,
            "previous_sequence_id": previous,
            "events": events,
        }
    )


def contents(mirror: Mirror) -> list[str | None]:
    return [message.content for message in mirror.messages(CHAT)]


def test_events_are_applied_in_order_and_repeats_change_nothing(mirror: Mirror, log: Log) -> None:
    log.append("conversation_created", participants=[{"participant_id": "alice"}, {"participant_id": "bob"}])
    log.append("message", content="one")
    log.append("message", "bob", content="two")
    log.append("message_edited", target=2, content="ONE")
    log.append("message_deleted", target=3)
    log.append("reaction_added", target=2, emoji="x")
    assert deliver(mirror, log.events[:2]) == log.events[:2]
    for _ in range(2):
        deliver(mirror, log.events[2:5], 2)
    assert deliver(mirror, log.events[1:3], 1) == []
    assert mirror.messages(CHAT) == [Message(CHAT, 2, "alice", "ONE"), Message(CHAT, 3, "bob", None)]
    assert log.reads == 0


def test_gap_is_read_from_the_chat(mirror: Mirror, log: Log) -> None:
    for number in range(6):
        log.append("message", content=str(number))
    deliver(mirror, log.events[:2])
    assert deliver(mirror, log.events[4:5], 4) == log.events[2:]
    assert contents(mirror) == ["0", "1", "2", "3", "4", "5"]
    assert deliver(mirror, log.events[5:], 5) == []
    assert log.reads == 1


def test_endpoint_that_starts_now_has_no_gap(mirror: Mirror, log: Log) -> None:
    for number in range(6):
        log.append("message", content=str(number))
    deliver(mirror, log.events[4:], 0)
    assert (contents(mirror), log.reads) == (["4", "5"], 0)


def test_reset_drops_what_the_chat_has_lost(mirror: Mirror, log: Log) -> None:
    for number in range(4):
        log.append("message", content=str(number))
    deliver(mirror, log.events)
    del log.events[2:]
    reset = {"type": "log_reset", "conversation_id": CHAT, "history_id": "1.t", "head": 2}
    deliver(mirror, [reset], 4, "1.t")
    deliver(mirror, [reset], 4, "1.t")
    assert contents(mirror) == ["0", "1"]
    log.append("message", content="new 2")
    deliver(mirror, log.events[2:], 2, "1.t")
    assert contents(mirror) == ["0", "1", "new 2"]


def test_reset_undoes_what_lost_events_changed_below_its_head(mirror: Mirror, log: Log) -> None:
    log.append("conversation_created", participants=[{"participant_id": "alice"}, {"participant_id": "bob"}])
    log.append("message", content="first")
    log.append("message_edited", target=2, content="second")
    log.append("participant_left", participant={"participant_id": "bob"})
    deliver(mirror, log.events)
    del log.events[2:]
    for head in (2, 0):
        reset = {"type": "log_reset", "conversation_id": CHAT, "history_id": "1.t", "head": head}
        deliver(mirror, [reset], 4, "1.t")
        expected = (["first"], ["alice", "bob"]) if head else ([], [])
        assert (contents(mirror), mirror.members(CHAT)) == expected


def test_members_follow_the_log(mirror: Mirror, log: Log) -> None:
    log.append("conversation_created", participants=[{"participant_id": "alice"}, {"participant_id": "bob"}])
    log.append("participant_joined", participant={"participant_id": "carol"})
    log.append("participant_left", participant={"participant_id": "bob"})
    deliver(mirror, log.events)
    assert mirror.members(CHAT) == ["alice", "carol"]


def test_expired_and_erased_texts_are_removed(mirror: Mirror, log: Log) -> None:
    log.append("message", content="old")
    log.append("content_expired", "system", up_to=1)
    log.append("message", content="hers")
    log.append("message", "bob", content="his")
    log.append("participant_erased", "alice", participant_id="erased_x")
    deliver(mirror, log.events)
    assert mirror.messages(CHAT) == [
        Message(CHAT, 1, "erased_x", None),
        Message(CHAT, 3, "erased_x", None),
        Message(CHAT, 4, "bob", "his"),
    ]


def test_erasure_that_arrives_late_reads_the_conversation_again(mirror: Mirror, log: Log) -> None:
    log.append("message", content="hers")
    log.append("message", "bob", content="his")
    deliver(mirror, log.events)
    log.append("participant_erased", "erased_x", participant_id="erased_x")
    log.events[0] = {**log.events[0], "sender": {"participant_id": "erased_x"}}
    del log.events[0]["content"]
    deliver(mirror, log.events[2:], 2)
    assert mirror.messages(CHAT) == [Message(CHAT, 1, "erased_x", None), Message(CHAT, 2, "bob", "his")]


def test_deployment_log_is_no_conversation(mirror: Mirror, log: Log) -> None:
    events = [
        {"type": "participant_erased", "erasure_id": "x", "sequence_id": 7, "log": "deployment"},
        {"type": "report_created", "conversation_id": CHAT, "target": 2, "sequence_id": 8},
        {"type": "profile_changed", "participant_id": "bob", "version": 1, "sequence_id": 9},
    ]
    assert deliver(mirror, events, 6) == events
    assert (mirror.messages("deployment"), log.reads) == ([], 0)


def test_deleted_conversation_is_forgotten(mirror: Mirror, log: Log) -> None:
    log.append("message", content="one")
    deliver(mirror, log.events)
    deleted = {"type": "conversation_deleted", "conversation_id": CHAT, "sequence_id": 1, "log": "deployment"}
    deliver(mirror, [deleted])
    assert mirror.messages(CHAT) == []


def test_rest_of_a_deleted_conversation_has_no_contents(mirror: Mirror, log: Log) -> None:
    log.append("conversation_created", participants=[{"participant_id": "alice"}])
    log.append("participant_joined", participant={"participant_id": "bob"})
    message = log.append("message", content="kept")
    log.append("message_edited", target=message["sequence_id"], content="edited")
    log.append("content_expired", "system", up_to=1)
    log.append("participant_left", participant={"participant_id": "bob"})
    rest = [thin(event) for event in log.events]
    assert deliver(mirror, rest) == rest
    assert contents(mirror) == [None]


def test_conversation_that_was_deleted_meanwhile_cannot_be_read_and_refuses_no_delivery(
    mirror: Mirror, log: Log
) -> None:
    """The rest of its events follows without contents, also if this database has missed some before them."""
    log.append("message", content="hers")
    log.append("message", "bob", content="his")
    deliver(mirror, log.events)
    log.append("message", content="missed")
    log.append("message", content="rest")
    log.append("participant_erased", "erased_x", participant_id="erased_x")
    log.error = RefusedError("NOT_FOUND", "deleted", 404)
    rest = [thin(event) for event in log.events[3:]]
    assert deliver(mirror, rest, 3) == rest
    assert contents(mirror) == []
    deliver(mirror, [{"type": "log_reset", "conversation_id": CHAT, "history_id": "1.t", "head": 2}], 5, "1.t")
    assert contents(mirror) == []


def test_log_that_cannot_be_read_refuses_the_delivery(mirror: Mirror, log: Log) -> None:
    log.append("message", content="missed")
    log.append("message", content="rest")
    log.error = RefusedError("FORBIDDEN", "not allowed", 403)
    with pytest.raises(RefusedError):
        deliver(mirror, log.events[1:], 1)
    log.error = None
    deliver(mirror, log.events[1:], 1)
    assert contents(mirror) == ["missed", "rest"]


@pytest.mark.parametrize("seed", range(5))
def test_copy_equals_the_log_after_repeats_and_lost_deliveries(mirror: Mirror, log: Log, seed: int) -> None:
    rng = random.Random(seed)
    expected: dict[int, str | None] = {}
    for number in range(200):
        target = rng.choice([0, *(found for found, text in expected.items() if text is not None)])
        kind = rng.choice(["message", "message_edited", "message_deleted"]) if target else "message"
        fields: dict[str, Any] = {} if kind == "message_deleted" else {"content": str(number)}
        if kind != "message":
            fields["target"] = target
        event = log.append(kind, **fields)
        expected[event["sequence_id"] if kind == "message" else target] = fields.get("content")
    position = 0
    while position < len(log.events):
        size = rng.randint(1, 20)
        lost_by_the_product = rng.random() < 0.1
        for _ in range(0 if lost_by_the_product else rng.randint(1, 2)):
            deliver(mirror, log.events[position : position + size], position)
        position += size
    last = log.append("message", content="last")
    expected[last["sequence_id"]] = "last"
    deliver(mirror, [last], last["sequence_id"] - 1)
    assert {message.sequence_id: message.content for message in mirror.messages(CHAT)} == expected
