"""Conversations as their members see them, by the Python client, from creation to deletion."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
from serverless_chat import RefusedError
from serverless_chat.blocking import Room

from tests.e2e.concurrency import run_concurrently
from tests.support.users import WAIT, MakeUsers, User, ended, shown


def test_conversation_with_one_member(users: MakeUsers) -> None:
    (alice,) = users("alice")
    diary = alice.create("Diary", timeout=WAIT)
    sent = diary.send("Dear diary", timeout=WAIT)
    assert sent.sequence_id == 2
    written = alice.api.request("POST", f"/conversations/{diary.id}/messages", {"content": "It rains"})

    first, second = shown(diary, "Dear diary", "It rains")
    assert (first.sequence_id, second.sequence_id) == (2, 3)
    assert first.sender == second.sender == written["sender"] == {**alice.entry, "type": "human"}
    assert [message["message_id"] for message in alice.history(diary.id).messages] == [
        first.message_id,
        second.message_id,
    ]
    alice.leave(diary.id)
    assert alice.conversations.load(timeout=WAIT) == []


def test_conversation_with_three_members(users: MakeUsers) -> None:
    alice, bob, carol = users("alice", "bob", "carol")
    everybody = (alice, bob, carol)
    trip = alice.create("Trip", [bob.entry, carol.entry], timeout=WAIT)
    rooms = [user.open(trip.id, timeout=WAIT) for user in everybody]

    for room, content in zip(rooms, ("Where to?", "North", "South"), strict=True):
        room.send(content, timeout=WAIT)

    for user, room in zip(everybody, rooms, strict=True):
        messages = shown(room, "Where to?", "North", "South")
        assert [message.sequence_id for message in messages] == [2, 3, 4]
        assert [message.sender for message in messages] == [{**one.entry, "type": "human"} for one in everybody]
        assert list(itertools.islice(room.events(WAIT), 4)) == user.events(trip.id)


def test_ten_members_see_the_same_order(users: MakeUsers) -> None:
    everybody = users(*(f"person{number}" for number in range(10)))
    first, *others = everybody
    party = first.create("Party", [other.entry for other in others], timeout=WAIT)
    rooms = [user.open(party.id, timeout=WAIT) for user in everybody]

    run_concurrently(*(partial(say_three_things, user, room) for user, room in zip(everybody, rooms, strict=True)))

    log = first.events(party.id)
    assert [event["sequence_id"] for event in log] == list(range(1, 32))
    for user, room in zip(everybody, rooms, strict=True):
        assert list(itertools.islice(room.events(WAIT), 31)) == log
        mine = [event["content"] for event in log[1:] if event["sender"]["participant_id"] == user.id]
        assert mine == [f"{user.name} says {number}" for number in range(3)]


def say_three_things(user: User, room: Room) -> None:
    for number in range(3):
        room.send(f"{user.name} says {number}", timeout=WAIT)


def test_message_is_edited_reacted_to_and_deleted_for_all(users: MakeUsers) -> None:
    alice, bob = users("alice", "bob")
    room = alice.create("Chat", [bob.entry], timeout=WAIT)
    other = bob.open(room.id, timeout=WAIT)
    first, second = (room.send(content, timeout=WAIT).sequence_id for content in ("first", "second"))
    shown(other, "first", "second")
    assert other.unread_count == 2
    other.react(first, "🎉")
    room.edit(first, "changed")
    room.delete(second)
    for each in (room, other):
        changed, deleted = each.changes.until(
            lambda messages: bool(messages[0].edited_at and messages[0].reactions) and messages[1].is_deleted,
            timeout=WAIT,
        )
        assert changed.content == "changed"
        assert [(found.emoji, found.participants) for found in changed.reactions] == [("🎉", (bob.id,))]
        assert deleted.content is None
    other.read()
    room.changes.until(lambda _: read_up_to(room, bob) == other.position, timeout=WAIT)


def read_up_to(room: Room, user: User) -> object:
    return {entry["participant_id"]: entry.get("read_up_to") for entry in room.participants}[user.id]


def test_conversation_from_creation_to_deletion(users: MakeUsers) -> None:
    alice, bob, carol = users("alice", "bob", "carol")
    for user in (alice, bob, carol):
        assert user.conversations.load(timeout=WAIT) == []

    life = alice.create("Life", [bob.entry], metadata={"colour": "green"}, timeout=WAIT)
    listed(alice, "Life")
    listed(bob, "Life")
    of_bob = bob.open(life.id, timeout=WAIT)
    of_bob.send("hello", timeout=WAIT)
    path = f"/conversations/{life.id}"
    alice.api.request("PATCH", path, {"title": "The good life", "join_policy": "open"})
    listed(bob, "The good life")
    of_carol = carol.join(life.id, timeout=WAIT)
    alice.api.request("PATCH", f"{path}/participants", {"role": "moderator"}, {"participant_id": carol.id})
    of_carol.send("I am here to moderate", timeout=WAIT)
    shown(of_bob, "hello", "I am here to moderate")
    carol.api.request("DELETE", f"{path}/participants", None, {"participant_id": bob.id})
    assert ended(of_bob) == "conversation_removed"
    listed(bob)
    kinds = [
        "conversation_created",
        "message",
        "conversation_updated",
        "participant_joined",
        "participant_updated",
        "message",
        "participant_left",
    ]
    for user, room in ((alice, life), (carol, of_carol)):
        events = list(itertools.islice(room.events(WAIT), 7))
        assert [event["type"] for event in events] == kinds
        assert events == user.events(life.id)

    alice.api.request("DELETE", path)
    assert (ended(life), ended(of_carol)) == ("conversation_deleted", "conversation_deleted")
    for user in (alice, bob, carol):
        with pytest.raises(RefusedError, match="NOT_FOUND"):
            user.open(life.id, timeout=WAIT)
        for method in ("GET", "DELETE"):
            with pytest.raises(RefusedError) as refused:
                user.api.request(method, path)
            assert (refused.value.status, refused.value.code) == (404, "NOT_FOUND")
        listed(user)


def listed(user: User, *titles: str) -> None:
    """Wait until the list of a user has conversations of these titles."""
    user.conversations.changes.until(lambda rows: [row.title for row in rows] == list(titles), timeout=WAIT)
