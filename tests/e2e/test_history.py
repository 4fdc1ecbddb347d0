"""Reading the log: history, the raw events, and the pages of the socket, at every boundary.

The conversation of these tests has twelve events: its creation, then messages, with a change of the title as
event 4 and another as event 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.conftest import People, anybody
from tests.support.client import Http, Person, Stage

HEAD = 12
MESSAGES = [2, 3, 5, 6, 7, 8, 9, 10, 11]


@dataclass
class Told:
    """A person and the conversation."""

    alice: Person
    chat: str

    def history(self, **query: Any) -> tuple[list[int], bool]:
        """The ids of a page of messages, and whether there is more."""
        page = self.alice.get(f"/conversations/{self.chat}/messages", **query).expect(200)
        return [event["sequence_id"] for event in page["messages"]], page["has_more"]

    def events(self, **query: Any) -> tuple[list[int], int, bool]:
        """The ids of a page of the log, the head, and whether there is more."""
        page = self.alice.get(f"/conversations/{self.chat}/events", **query).expect(200)
        return [event["sequence_id"] for event in page["events"]], page["head"], page["has_more"]


@pytest.fixture(scope="module")
def told(stage: Stage, http: Http) -> Iterator[Told]:
    """The conversation, for tests that only read it."""
    with anybody(stage, http) as people:
        (alice,) = people("alice")
        chat = alice.creates("Chat")
        for number in range(2, HEAD + 1):
            if number in MESSAGES:
                alice.posts(chat, f"message {number}")
            else:
                alice.changes(chat, title=f"title {number}")
        yield Told(alice, chat)


def test_history_shows_messages_only_in_rising_order(told: Told) -> None:
    assert told.history() == (MESSAGES, False)
    assert told.history(limit=100) == (MESSAGES, False)
    assert told.history(limit=9) == (MESSAGES, False)
    assert told.history(limit=8) == (MESSAGES[1:], True)
    assert told.history(limit=1) == ([11], True)


def test_before_is_exclusive_and_asks_for_what_is_older(told: Told) -> None:
    assert told.history(before=12) == (MESSAGES, False)
    assert told.history(before=11) == (MESSAGES[:-1], False)
    assert told.history(before=6, limit=2) == ([3, 5], True)
    assert told.history(before=5, limit=2) == ([2, 3], False)
    assert told.history(before=4, limit=1) == ([3], True)
    assert told.history(before=3) == ([2], False)
    for nothing_before in (0, 1, 2):
        assert told.history(before=nothing_before) == ([], False)
    assert told.history(before=10**6, limit=3) == ([9, 10, 11], True)


def test_after_is_exclusive_and_asks_for_what_is_newer(told: Told) -> None:
    assert told.history(after=0) == (MESSAGES, False)
    assert told.history(after=0, limit=2) == ([2, 3], True)
    assert told.history(after=3, limit=1) == ([5], True)
    assert told.history(after=4, limit=1) == ([5], True)
    assert told.history(after=9, limit=2) == ([10, 11], False)
    assert told.history(after=10) == ([11], False)
    for beyond in (11, 12, 13, 10**6):
        assert told.history(after=beyond) == ([], False)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 10, 100])
def test_paging_in_either_direction_shows_every_message_once(told: Told, limit: int) -> None:
    newer: list[int] = []
    more, after = True, 0
    while more:
        page, more = told.history(after=after, limit=limit)
        assert page[0] > after
        newer += page
        after = page[-1]
    older: list[int] = []
    more, before = True, HEAD + 1
    while more:
        page, more = told.history(before=before, limit=limit)
        assert page[-1] < before
        older = page + older
        before = page[0]
    assert newer == older == MESSAGES


def test_the_raw_log_shows_every_event_after_a_bound_and_the_head(told: Told) -> None:
    everything = list(range(1, HEAD + 1))
    assert told.events() == (everything, HEAD, False)
    assert told.events(after=0, limit=12) == (everything, HEAD, False)
    assert told.events(after=0, limit=11) == (everything[:-1], HEAD, True)
    assert told.events(after=3, limit=2) == ([4, 5], HEAD, True)
    assert told.events(after=10, limit=2) == ([11, 12], HEAD, False)
    for at_or_beyond in (12, 13, 10**6, 2**53 - 1):
        assert told.events(after=at_or_beyond) == ([], HEAD, False)


def test_sync_shows_what_the_raw_log_shows(told: Told) -> None:
    alice, chat = told.alice, told.chat
    alice.connects()
    for after in (0, 1, 11, 12, 13, 10**6):
        synced = alice.syncs(chat, after=after)
        assert synced["events"] == alice.log(chat, after=after)
        assert (synced["head"], synced["has_more"]) == (HEAD, False)
        assert [each["participant_id"] for each in synced["participants"]] == [alice.id]


def test_a_subscription_begins_after_the_bound_or_at_the_head(told: Told) -> None:
    alice, chat = told.alice, told.chat
    alice.connects()
    for bound, expected in (({}, 1), ({"after": 0}, 1), ({"after": 1}, 2), ({"after": 11}, 12)):
        snapshot = alice.subscribes(chat, **bound)
        assert snapshot["first_sequence_id"] == expected
        assert [event["sequence_id"] for event in snapshot["events"]] == list(range(expected, HEAD + 1))
        assert (snapshot["head"], snapshot["has_more"]) == (HEAD, False)
    for at_or_beyond in (12, 13, 10**6):
        snapshot = alice.subscribes(chat, after=at_or_beyond)
        assert (snapshot["first_sequence_id"], snapshot["events"]) == (HEAD + 1, [])
        assert (snapshot["head"], snapshot["has_more"]) == (HEAD, False)


def test_who_subscribes_from_beyond_the_head_hears_what_comes_next(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    alice.connects()
    assert alice.subscribes(chat, after=1000)["first_sequence_id"] == 2
    alice.says(chat, "next")
    assert alice.hears_message("next")["sequence_id"] == 2


def test_a_subscription_without_a_bound_shows_the_newest_fifty_events(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    for number in range(2, 53):
        alice.posts(chat, f"message {number}")
    alice.connects()
    snapshot = alice.subscribes(chat)
    assert (snapshot["first_sequence_id"], snapshot["head"]) == (3, 52)
    assert [event["sequence_id"] for event in snapshot["events"]] == list(range(3, 53))
    assert snapshot["has_more"] is True
    view = alice.sees(chat)
    assert [event["sequence_id"] for event in view["messages"]] == list(range(3, 53))
    assert view["last_message"] == view["messages"][-1]


def test_both_bounds_at_once_are_refused(told: Told) -> None:
    told.alice.get(f"/conversations/{told.chat}/messages", before=5, after=2).expect(400, "VALIDATION_FAILED")


def test_what_was_served_once_never_changes(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("First", with_=[bob])
    alice.posts(chat, "hello")
    alice.changes(chat, title="Second", metadata={"a": 1})
    first = alice.log(chat)
    alice.gives_role(chat, bob, "moderator")
    alice.changes(chat, title="Third", metadata={})
    bob.leaves(chat)
    assert alice.log(chat)[:3] == first
    assert [event.get("title") for event in first] == ["First", None, "Second"]
    assert [each["role"] for each in first[0]["participants"]] == ["owner", "member"]


def test_hello_can_subscribe_to_several_conversations_each_from_its_own_bound(people: People) -> None:
    alice, bob = people("alice", "bob")
    one, two, foreign = alice.creates("One"), alice.creates("Two"), bob.creates("Foreign")
    alice.posts(one, "first")
    socket = alice.connects()
    wanted = [
        {"conversation_id": one, "after": 1},
        {"conversation_id": foreign},
        {"conversation_id": two},
    ]
    number = socket.sends_numbered("hello", subscribe=wanted)
    answers = [socket.hears(id=number) for _ in range(4)]
    assert [each["type"] for each in answers] == ["welcome", "subscribed", "error", "subscribed"]
    assert answers[1]["first_sequence_id"] == 2
    assert (answers[2]["code"], answers[2]["conversation_id"]) == ("NOT_FOUND", foreign)
    assert answers[3]["first_sequence_id"] == 1


def test_ping_tells_the_heads_of_the_callers_own_conversations_only(people: People) -> None:
    alice, bob = people("alice", "bob")
    mine, foreign, deleted = alice.creates("Mine"), bob.creates("Foreign"), alice.creates("Deleted")
    alice.posts(mine, "hello")
    alice.deletes(deleted)
    alice.connects()
    asked = {mine: 0, foreign: 0, deleted: 0, "conv_" + "A" * 22: 0, "nonsense": 0}
    assert alice.pings(**asked)["heads"] == {mine: 2}
    assert alice.asks("ping", "pong", heads={})["heads"] == {}
    assert "heads" not in alice.pings()


def test_unsubscribing_ends_the_pushes_of_that_conversation_only(people: People) -> None:
    (alice,) = people("alice")
    one, two = alice.creates("One"), alice.creates("Two")
    alice.connects(one, two)
    alice.unsubscribes(one)
    alice.unsubscribes(one)
    alice.posts(one, "to nobody")
    alice.posts(two, "to me")
    alice.hears_message("to me")
    alice.hears_nothing(type="event", event={"conversation_id": one})
    assert alice.subscribes(one, after=1)["events"][0]["content"] == "to nobody"
    alice.posts(one, "to me again")
    alice.hears_message("to me again")


def test_subscribing_twice_is_heard_once(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    alice.connects(chat)
    alice.subscribes(chat)
    alice.posts(chat, "once")
    alice.hears_message("once")
    alice.hears_nothing(type="event")


def test_commands_sent_in_one_go_before_anything_is_answered_are_all_answered(people: People) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    socket = alice.connects()
    numbers = {
        "message_ack": socket.sends_numbered(
            "message", conversation_id=chat, content="first", client_message_id="a"
        ),
        "sync": socket.sends_numbered("sync", conversation_id=chat, after=0),
        "subscribed": socket.sends_numbered("subscribe", conversation_id=chat),
        "welcome": socket.sends_numbered("hello"),
        "pong": socket.sends_numbered("ping"),
    }
    for kind, number in numbers.items():
        assert socket.answer_to(number)["type"] == kind
