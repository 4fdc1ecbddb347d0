"""How far one has read, and how much is left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import People
from tests.support.client import Person


def test_unread_messages_are_counted_and_other_events_are_not(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    assert _unread(bob, chat) == (1, 0)
    alice.posts(chat, "one")
    alice.changes(chat, title="Other")
    alice.posts(chat, "two")
    assert _unread(bob, chat) == (1, 2)
    assert _reads(bob, chat, 2) == {"read_up_to": 2, "unread_count": 1}
    assert _reads(bob, chat, 3) == {"read_up_to": 3, "unread_count": 1}
    assert _reads(bob, chat, 4) == {"read_up_to": 4, "unread_count": 0}
    assert _unread(bob, chat) == (4, 0)


def test_a_read_pointer_never_goes_back(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    for content in ("one", "two", "three"):
        alice.posts(chat, content)
    bob.connects(chat)
    assert _reads(bob, chat, 3)["read_up_to"] == 3
    for earlier in (0, 1, 2, 3):
        assert _reads(bob, chat, earlier) == {"read_up_to": 3, "unread_count": 1}
        assert bob.reads(chat, earlier)["read_up_to"] == 3
    bob.hears(type="read", sequence_id=3)
    bob.hears_nothing(type="read")


def test_a_read_pointer_cannot_be_beyond_the_head(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects()
    bob.put(f"/conversations/{chat}/read", {"sequence_id": 2}).expect(400, "VALIDATION_FAILED")
    assert bob.socket.asks("read", conversation_id=chat, sequence_id=2)["code"] == "VALIDATION_FAILED"
    assert _unread(bob, chat) == (1, 0)


def test_sending_moves_ones_own_pointer(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.posts(chat, "one")
    bob.posts(chat, "two")
    assert _unread(bob, chat) == (3, 0)
    assert _unread(alice, chat) == (2, 1)
    alice.connects()
    alice.says(chat, "three")
    assert _unread(alice, chat) == (4, 0)
    assert _unread(bob, chat) == (3, 1)


def test_who_joins_or_is_added_begins_at_the_head(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", join_policy="open")
    alice.posts(chat, "one")
    view = bob.joins(chat)
    assert (view["read_up_to"], view["unread_count"]) == (3, 0)
    alice.adds(chat, carol)
    assert _unread(carol, chat) == (4, 0)
    alice.posts(chat, "two")
    assert _unread(bob, chat) == (3, 1)


def test_by_socket_and_by_http_the_pointer_is_the_same_and_the_others_hear_of_it(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects(chat)
    bob.connects(chat)
    for content in ("one", "two"):
        alice.posts(chat, content)
    push = {"type": "read", "conversation_id": chat, "participant_id": bob.id}

    ack = bob.reads(chat, 2)
    assert (ack["read_up_to"], ack["unread_count"]) == (2, 1)
    assert alice.hears(type="read") == {**push, "sequence_id": 2}
    bob.hears_nothing(type="read")

    assert _reads(bob, chat, 3) == {"read_up_to": 3, "unread_count": 0}
    assert alice.hears(type="read") == {**push, "sequence_id": 3}
    assert bob.hears(type="read") == {**push, "sequence_id": 3}


@pytest.mark.parametrize("leaving", ["leaves", "is removed"])
def test_who_returns_finds_their_pointer_where_it_was(people: People, leaving: str) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.posts(chat, "one")
    _reads(bob, chat, 2)
    alice.posts(chat, "two")
    if leaving == "leaves":
        bob.leaves(chat)
    else:
        alice.removes(chat, bob)
    alice.posts(chat, "three")
    alice.adds(chat, bob)
    assert _unread(bob, chat) == (2, 2)


def _unread(person: Person, conversation: str) -> tuple[int, int]:
    """Pointer and unread count, which the conversation and the list of conversations agree upon."""
    view = person.sees(conversation)
    (listed,) = [each for each in person.lists() if each["conversation_id"] == conversation]
    for field in ("read_up_to", "unread_count", "head"):
        assert view[field] == listed[field]
    return view["read_up_to"], view["unread_count"]


def _reads(person: Person, conversation: str, sequence_id: int) -> Any:
    return person.put(f"/conversations/{conversation}/read", {"sequence_id": sequence_id}).expect(200)
