"""Who is there, and who is writing: told while it happens, never stored."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from tests.e2e.conftest import People
from tests.support.client import Person

SETTLES = 1.0
"""Seconds until it is told that somebody went: the least that the queue keeps a message."""


def test_the_others_are_told_when_somebody_comes_and_goes(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    alice.connects(chat)
    bob.connects()
    alice.hears_nothing(type="presence")

    bob.subscribes(chat)
    told = {"type": "presence", "conversation_id": chat, "participant": bob.reference}
    assert alice.hears(type="presence") == {**told, "online": True}
    assert _online(alice, chat) == {alice.id, bob.id}
    bob.unsubscribes(chat)
    assert alice.hears(type="presence") == {**told, "online": False}
    assert _online(alice, chat) == {alice.id}
    bob.hears_nothing(type="presence")


def test_a_socket_that_is_lost_without_a_goodbye_is_noticed(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects(chat)
    bob.connects(chat).breaks()
    assert alice.hears(type="presence", online=False)["participant"] == bob.reference
    assert _online(alice, chat) == {alice.id}


def test_of_who_is_back_at_once_nobody_is_told_that_they_went(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    alice.connects(chat)
    _a_while_passes(alice)
    for each in (bob, carol):
        each.connects(chat)
        alice.hears(type="presence", online=True, participant=each.reference)
    late = 0
    for _ in range(3):
        began = time.monotonic()
        bob.socket.close()
        bob.connects(chat)
        late += time.monotonic() - began > SETTLES / 2
    carol.disconnects()
    # Who went later is told of: so would he have been.
    alice.hears(type="presence", online=False, participant=carol.reference)
    # That he is there may be told again: he can be back before anything is known of his going.
    heard = alice.socket.has_heard(type="presence", online=False, participant=bob.reference)
    assert len(heard) <= late, "not away for long, and told of"
    assert _online(alice, chat) == {alice.id, bob.id}


def test_who_comes_while_somebody_is_away_for_a_moment_is_told_that_they_are_back(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    alice.connects(chat)
    bob.connects(chat)
    bob.unsubscribes(chat)
    carol.connects(chat)
    bob.subscribes(chat)
    carol.hears(type="presence", online=True, participant=bob.reference)


def test_one_is_online_only_where_one_has_subscribed(people: People) -> None:
    alice, bob = people("alice", "bob")
    one, two = alice.creates("One", with_=[bob]), alice.creates("Two", with_=[bob])
    alice.connects(one, two)
    bob.connects(one)
    alice.hears(type="presence", conversation_id=one, online=True)
    alice.hears_nothing(type="presence")
    assert (_online(alice, one), _online(alice, two)) == ({alice.id, bob.id}, {alice.id})
    bob.subscribes(two)
    alice.hears(type="presence", conversation_id=two, online=True)
    bob.disconnects()
    for each in (one, two):
        alice.hears(type="presence", conversation_id=each, online=False)


def test_a_snapshot_says_who_is_online(people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    alice.connects(chat)
    bob.connects()
    for answer in (bob.subscribes(chat), bob.syncs(chat, after=0)):
        assert {each["participant_id"]: each["online"] for each in answer["participants"]} == {
            alice.id: True,
            bob.id: True,
            carol.id: False,
        }


def test_the_others_are_told_once_that_somebody_writes_and_once_that_they_stopped(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects(chat)
    second_device = alice.connects(chat)
    bob.connects(chat)

    for _ in range(5):
        alice.types(chat)
    told = {"type": "typing", "conversation_id": chat, "participant": alice.reference}
    assert bob.hears(type="typing") == {**told, "is_typing": True}
    second_device.hears_nothing(type="typing")
    for _ in range(3):
        alice.types(chat, is_typing=False)
    assert bob.hears(type="typing") == {**told, "is_typing": False}
    alice.posts(chat, "done")
    bob.hears_message("done")
    bob.hears_nothing(type="typing")


def test_who_begins_and_stops_all_the_time_is_told_of_once_in_three_seconds(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    bob.connects(chat)
    began = time.monotonic()
    alice.types(chat)
    bob.hears(type="typing", is_typing=True)
    alice.types(chat, is_typing=False)
    bob.hears(type="typing", is_typing=False)
    for _ in range(5):
        alice.types(chat)
        alice.types(chat, is_typing=False)
    alice.posts(chat, "done")
    bob.hears_message("done")
    told_again = bob.socket.has_heard(type="typing", is_typing=True)
    assert len(told_again) <= (time.monotonic() - began) / 3


def test_who_goes_on_writing_is_told_of_again_after_a_while(hurried_people: People) -> None:
    alice, bob = hurried_people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects()
    bob.connects(chat)
    for _ in range(2):
        while not bob.socket.has_heard(type="typing"):
            alice.types(chat)
        bob.hears(type="typing", is_typing=True)


def test_writing_leaves_no_trace_in_the_log(people: People) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    alice.connects(chat)
    alice.types(chat)
    bob.hears(type="typing")
    bob.disconnects()
    alice.hears(type="presence", online=False)
    assert alice.head(chat) == 1


def test_of_a_stranger_nobody_is_told_anything(people: People) -> None:
    alice, stranger = people("alice", "stranger")
    chat = alice.creates("Chat")
    alice.connects(chat)
    stranger.connects()
    number = stranger.socket.sends_numbered("typing", conversation_id=chat, is_typing=True)
    assert stranger.socket.answer_to(number)["code"] == "NOT_FOUND"
    assert stranger.socket.asks("subscribe", conversation_id=chat)["code"] == "NOT_FOUND"
    stranger.disconnects()
    alice.hears_nothing()


def _a_while_passes(person: Person) -> None:
    """More than the second by which clocks may differ, by the server's own clock."""
    began = _server_time(person)
    while _server_time(person) - began < timedelta(seconds=1.2):
        time.sleep(0.05)


def _server_time(person: Person) -> datetime:
    return datetime.fromisoformat(person.asks("ping", "pong")["server_time"])


def _online(person: Person, conversation: str) -> set[str]:
    return {each["participant_id"] for each in person.sees(conversation)["participants"] if each["online"]}
