"""Reading the log: messages, events, and the pages of the socket, at every boundary.

The conversation of these tests has twelve events: its creation, updates of the title as events 4 and 12, and
messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.conftest import MakeClients, client_factory
from tests.support.client import ChatEndpoint, HttpClient, TestClient

HEAD = 12
MESSAGES = [2, 3, 5, 6, 7, 8, 9, 10, 11]


@dataclass
class LogReader:
    """A client and its conversation."""

    alice: TestClient
    chat: str

    def history(self, **query: Any) -> tuple[list[int], bool]:
        """Return the ids of a page of messages, and whether there are more."""
        page = self.alice.get(f"/conversations/{self.chat}/messages", **query).expect(200)
        return [event["sequence_id"] for event in page["messages"]], page["has_more"]

    def events(self, **query: Any) -> tuple[list[int], int, bool]:
        """Return the ids of a page of events, the head, and whether there are more."""
        page = self.alice.get(f"/conversations/{self.chat}/events", **query).expect(200)
        return [event["sequence_id"] for event in page["events"]], page["head"], page["has_more"]


@pytest.fixture(scope="module")
def reader(endpoint: ChatEndpoint, http: HttpClient) -> Iterator[LogReader]:
    """Return the conversation, for tests that only read it."""
    with client_factory(endpoint, http) as clients:
        (alice,) = clients("alice")
        chat = alice.create_conversation("Chat")
        for number in range(2, HEAD + 1):
            if number in MESSAGES:
                alice.post_message(chat, f"message {number}")
            else:
                alice.update_conversation(chat, title=f"title {number}")
        yield LogReader(alice, chat)


def test_history_returns_messages_in_ascending_order(reader: LogReader) -> None:
    assert reader.history() == (MESSAGES, False)
    assert reader.history(limit=100) == (MESSAGES, False)
    assert reader.history(limit=9) == (MESSAGES, False)
    assert reader.history(limit=8) == (MESSAGES[1:], True)
    assert reader.history(limit=1) == ([11], True)


def test_before_is_exclusive_and_returns_older_messages(reader: LogReader) -> None:
    assert reader.history(before=12) == (MESSAGES, False)
    assert reader.history(before=11) == (MESSAGES[:-1], False)
    assert reader.history(before=6, limit=2) == ([3, 5], True)
    assert reader.history(before=5, limit=2) == ([2, 3], False)
    assert reader.history(before=4, limit=1) == ([3], True)
    assert reader.history(before=3) == ([2], False)
    for nothing_before in (0, 1, 2):
        assert reader.history(before=nothing_before) == ([], False)
    assert reader.history(before=10**6, limit=3) == ([9, 10, 11], True)


def test_after_is_exclusive_and_returns_newer_messages(reader: LogReader) -> None:
    assert reader.history(after=0) == (MESSAGES, False)
    assert reader.history(after=0, limit=2) == ([2, 3], True)
    assert reader.history(after=3, limit=1) == ([5], True)
    assert reader.history(after=4, limit=1) == ([5], True)
    assert reader.history(after=9, limit=2) == ([10, 11], False)
    assert reader.history(after=10) == ([11], False)
    for at_the_end in (11, 12):
        assert reader.history(after=at_the_end) == ([], False)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 10, 100])
def test_paging_in_either_direction_returns_every_message_once(reader: LogReader, limit: int) -> None:
    newer: list[int] = []
    more, after = True, 0
    while more:
        page, more = reader.history(after=after, limit=limit)
        assert page[0] > after
        newer += page
        after = page[-1]
    older: list[int] = []
    more, before = True, HEAD + 1
    while more:
        page, more = reader.history(before=before, limit=limit)
        assert page[-1] < before
        older = page + older
        before = page[0]
    assert newer == older == MESSAGES


def test_events_returns_the_log_after_a_bound_and_the_head(reader: LogReader) -> None:
    everything = list(range(1, HEAD + 1))
    assert reader.events() == (everything, HEAD, False)
    assert reader.events(after=0, limit=12) == (everything, HEAD, False)
    assert reader.events(after=0, limit=11) == (everything[:-1], HEAD, True)
    assert reader.events(after=3, limit=2) == ([4, 5], HEAD, True)
    assert reader.events(after=10, limit=2) == ([11, 12], HEAD, False)
    assert reader.events(after=12) == ([], HEAD, False)


@pytest.mark.parametrize("beyond", [13, 10**6, 2**53 - 1])
@pytest.mark.parametrize("path", ["events", "messages"])
def test_bound_beyond_the_head_is_rejected(reader: LogReader, path: str, beyond: int) -> None:
    reader.alice.get(f"/conversations/{reader.chat}/{path}", after=beyond).expect(409, "POSITION_UNKNOWN")


def test_sync_returns_the_same_as_events(reader: LogReader) -> None:
    alice, chat = reader.alice, reader.chat
    alice.connect()
    for after in (0, 1, 11, 12):
        synced = alice.sync(chat, after=after)
        assert synced["events"] == alice.list_events(chat, after=after)
        assert (synced["head"], synced["has_more"]) == (HEAD, False)
        assert [participant["participant_id"] for participant in synced["participants"]] == [alice.id]


def test_subscription_starts_after_the_bound_or_at_the_head(reader: LogReader) -> None:
    alice, chat = reader.alice, reader.chat
    alice.connect()
    for bound, expected in (({}, 1), ({"after": 0}, 1), ({"after": 1}, 2), ({"after": 11}, 12)):
        snapshot = alice.subscribe(chat, **bound)
        assert snapshot["first_sequence_id"] == expected
        assert [event["sequence_id"] for event in snapshot["events"]] == list(range(expected, HEAD + 1))
        assert (snapshot["head"], snapshot["has_more"]) == (HEAD, False)
    snapshot = alice.subscribe(chat, after=12)
    assert (snapshot["first_sequence_id"], snapshot["events"]) == (HEAD + 1, [])
    assert (snapshot["head"], snapshot["has_more"]) == (HEAD, False)
    for beyond in (13, 10**6):
        snapshot = alice.subscribe(chat, after=beyond)
        assert (snapshot["first_sequence_id"], len(snapshot["events"]), snapshot["reset"]) == (1, HEAD, True)


def test_subscription_beyond_the_head_receives_the_next_event(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    alice.connect()
    assert alice.subscribe(chat, after=1000)["reset"] is True
    alice.send_message(chat, "next")
    assert alice.expect_message("next")["sequence_id"] == 2


def test_subscription_without_a_bound_returns_the_newest_fifty_events(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    for number in range(2, 53):
        alice.post_message(chat, f"message {number}")
    alice.connect()
    snapshot = alice.subscribe(chat)
    assert (snapshot["first_sequence_id"], snapshot["head"]) == (3, 52)
    assert [event["sequence_id"] for event in snapshot["events"]] == list(range(3, 53))
    assert snapshot["has_more"] is True
    view = alice.get_conversation(chat)
    assert [event["sequence_id"] for event in view["messages"]] == list(range(3, 53))
    assert view["last_message"] == view["messages"][-1]


def test_before_and_after_together_are_rejected(reader: LogReader) -> None:
    reader.alice.get(f"/conversations/{reader.chat}/messages", before=5, after=2).expect(400, "VALIDATION_FAILED")


def test_events_never_change(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("First", members=[bob])
    alice.post_message(chat, "hello")
    alice.update_conversation(chat, title="Second", metadata={"a": 1})
    first = alice.list_events(chat)
    alice.set_role(chat, bob, "moderator")
    alice.update_conversation(chat, title="Third", metadata={})
    bob.leave(chat)
    assert alice.list_events(chat)[:3] == first
    assert [event.get("title") for event in first] == ["First", None, "Second"]
    assert [participant["role"] for participant in first[0]["participants"]] == ["owner", "member"]


def test_hello_subscribes_to_several_conversations_with_individual_bounds(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    one, two, foreign = (
        alice.create_conversation("One"),
        alice.create_conversation("Two"),
        bob.create_conversation("Foreign"),
    )
    alice.post_message(one, "first")
    socket = alice.connect()
    wanted = [
        {"conversation_id": one, "after": 1},
        {"conversation_id": foreign},
        {"conversation_id": two},
    ]
    number = socket.send_with_id("hello", subscribe=wanted)
    answers = [socket.expect_frame(id=number) for _ in range(4)]
    assert [answer["type"] for answer in answers] == ["welcome", "subscribed", "error", "subscribed"]
    assert answers[1]["first_sequence_id"] == 2
    assert (answers[2]["code"], answers[2]["conversation_id"]) == ("NOT_FOUND", foreign)
    assert answers[3]["first_sequence_id"] == 1


def test_pong_contains_heads_of_the_callers_conversations_only(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    mine, foreign, deleted = (
        alice.create_conversation("Mine"),
        bob.create_conversation("Foreign"),
        alice.create_conversation("Deleted"),
    )
    alice.post_message(mine, "hello")
    alice.delete_conversation(deleted)
    alice.connect()
    asked = {mine: 0, foreign: 0, deleted: 0, "conv_" + "A" * 22: 0, "nonsense": 0}
    assert alice.ping(**asked)["heads"] == {mine: 2}
    assert alice.command("ping", "pong", heads={})["heads"] == {}
    assert "heads" not in alice.ping()


def test_unsubscribe_ends_pushes_of_that_conversation_only(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    one, two = alice.create_conversation("One"), alice.create_conversation("Two")
    alice.connect(one, two)
    alice.unsubscribe(one)
    alice.unsubscribe(one)
    alice.post_message(one, "to nobody")
    alice.post_message(two, "to me")
    alice.expect_message("to me")
    alice.expect_no_frame(type="event", event={"conversation_id": one})
    assert alice.subscribe(one, after=1)["events"][0]["content"] == "to nobody"
    alice.post_message(one, "to me again")
    alice.expect_message("to me again")


def test_subscribing_twice_delivers_events_once(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    alice.connect(chat)
    alice.subscribe(chat)
    alice.post_message(chat, "once")
    alice.expect_message("once")
    alice.expect_no_frame(type="event")


def test_pipelined_commands_are_all_answered(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    socket = alice.connect()
    numbers = {
        "message_ack": socket.send_with_id(
            "message", conversation_id=chat, content="first", client_message_id="a"
        ),
        "sync": socket.send_with_id("sync", conversation_id=chat, after=0),
        "subscribed": socket.send_with_id("subscribe", conversation_id=chat),
        "welcome": socket.send_with_id("hello"),
        "pong": socket.send_with_id("ping"),
    }
    for kind, number in numbers.items():
        assert socket.receive_reply(number)["type"] == kind


def test_late_joiner_sees_the_whole_history_and_the_texts_before_edits(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", join_policy="open")
    alice.post_message(chat, "first text")
    alice.patch(f"/conversations/{chat}/messages/2", {"content": "second text"}).expect(200)
    alice.post_message(chat, "removed")
    alice.delete(f"/conversations/{chat}/messages/4").expect(204)
    bob.join(chat)
    bob.connect()
    shown = [message.get("content") for message in bob.list_messages(chat)]
    assert shown == ["second text", None]
    for events in (bob.list_events(chat), bob.subscribe(chat, after=0)["events"]):
        assert [event["sequence_id"] for event in events] == [1, 2, 3, 4, 5, 6]
        assert [event.get("content") for event in events] == [None, "first text", "second text", None, None, None]
