"""Presence and typing: pushed, never stored."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient

SETTLES = 1.0
"""Seconds until an offline push: the minimum delay of the queue."""


def test_members_are_notified_of_presence_changes(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    alice.connect(chat)
    bob.connect()
    alice.expect_no_frame(type="presence")

    bob.subscribe(chat)
    shown = {"type": "presence", "conversation_id": chat, "participant": bob.actor}
    assert alice.expect_frame(type="presence") == {**shown, "online": True}
    assert _online(alice, chat) == {alice.id, bob.id}
    bob.unsubscribe(chat)
    assert alice.expect_frame(type="presence") == {**shown, "online": False}
    assert _online(alice, chat) == {alice.id}
    bob.expect_no_frame(type="presence", participant=bob.actor)


def test_dropped_connection_is_pushed_as_offline(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    bob.connect(chat).abort()
    assert alice.expect_frame(type="presence", online=False)["participant"] == bob.actor
    assert _online(alice, chat) == {alice.id}


def test_quick_reconnect_is_not_pushed_as_offline(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    alice.connect(chat)
    _a_while_passes(alice)
    for client in (bob, carol):
        client.connect(chat)
        alice.expect_frame(type="presence", online=True, participant=client.actor)
    late = 0
    for _ in range(3):
        started = time.monotonic()
        bob.socket.close()
        bob.connect(chat)
        late += time.monotonic() - started > SETTLES / 2
    carol.disconnect()
    # A later disconnect is pushed, so the absence of this one is not a matter of time.
    alice.expect_frame(type="presence", online=False, participant=carol.actor)
    # An online push is allowed: the reconnect can be handled before the disconnect.
    received = alice.socket.received_frames(type="presence", online=False, participant=bob.actor)
    assert len(received) <= late, "not away for long, and told of"
    assert _online(alice, chat) == {alice.id, bob.id}


def test_subscriber_during_a_short_absence_is_notified_of_the_reconnect(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    alice.connect(chat)
    bob.connect(chat)
    bob.unsubscribe(chat)
    carol.connect(chat)
    bob.subscribe(chat)
    carol.expect_frame(type="presence", online=True, participant=bob.actor)


def test_participant_is_online_only_in_subscribed_conversations(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    one, two = alice.create_conversation("One", members=[bob]), alice.create_conversation("Two", members=[bob])
    alice.connect(one, two)
    bob.connect(one)
    alice.expect_frame(type="presence", conversation_id=one, online=True)
    alice.expect_no_frame(type="presence")
    assert (_online(alice, one), _online(alice, two)) == ({alice.id, bob.id}, {alice.id})
    bob.subscribe(two)
    alice.expect_frame(type="presence", conversation_id=two, online=True)
    bob.disconnect()
    for conversation_id in (one, two):
        alice.expect_frame(type="presence", conversation_id=conversation_id, online=False)


def test_snapshot_contains_presence(clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    alice.connect(chat)
    bob.connect()
    for answer in (bob.subscribe(chat), bob.sync(chat, after=0)):
        assert {
            participant["participant_id"]: participant["online"] for participant in answer["participants"]
        } == {
            alice.id: True,
            bob.id: True,
            carol.id: False,
        }


def test_repeated_typing_is_pushed_once(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    second_device = alice.connect(chat)
    bob.connect(chat)

    for _ in range(5):
        alice.send_typing(chat)
    shown = {"type": "typing", "conversation_id": chat, "participant": alice.actor}
    started = bob.expect_frame(type="typing")
    assert {**started, "sent_at": ""} == {**shown, "is_typing": True, "sent_at": ""}
    second_device.expect_no_frame(type="typing")
    for _ in range(3):
        alice.send_typing(chat, is_typing=False)
    stopped = bob.expect_frame(type="typing")
    assert {**stopped, "sent_at": ""} == {**shown, "is_typing": False, "sent_at": ""}
    assert stopped["sent_at"] >= started["sent_at"]
    alice.post_message(chat, "done")
    bob.expect_message("done")
    bob.expect_no_frame(type="typing")


def test_alternating_typing_is_limited_to_once_in_three_seconds(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    bob.connect(chat)
    started = time.monotonic()
    alice.send_typing(chat)
    bob.expect_frame(type="typing", is_typing=True)
    alice.send_typing(chat, is_typing=False)
    bob.expect_frame(type="typing", is_typing=False)
    for _ in range(5):
        alice.send_typing(chat)
        alice.send_typing(chat, is_typing=False)
    alice.post_message(chat, "done")
    bob.expect_message("done")
    told_again = bob.socket.received_frames(type="typing", is_typing=True)
    assert len(told_again) <= (time.monotonic() - started) / 3


def test_continued_typing_is_pushed_again_after_the_interval(accelerated_clients: MakeClients) -> None:
    alice, bob = accelerated_clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    bob.connect(chat)
    for _ in range(2):
        while not bob.socket.received_frames(type="typing"):
            alice.send_typing(chat)
        bob.expect_frame(type="typing", is_typing=True)


def test_typing_and_presence_are_not_in_the_log(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    alice.connect(chat)
    alice.send_typing(chat)
    bob.expect_frame(type="typing")
    bob.disconnect()
    alice.expect_frame(type="presence", online=False)
    assert alice.get_head(chat) == 1


def test_non_member_causes_no_presence_or_typing(clients: MakeClients) -> None:
    alice, stranger = clients("alice", "stranger")
    chat = alice.create_conversation("Chat")
    alice.connect(chat)
    stranger.connect()
    number = stranger.socket.send_with_id("typing", conversation_id=chat, is_typing=True)
    assert stranger.socket.receive_reply(number)["code"] == "NOT_FOUND"
    assert stranger.socket.request("subscribe", conversation_id=chat)["code"] == "NOT_FOUND"
    stranger.disconnect()
    alice.expect_no_frame()


def _a_while_passes(person: TestClient) -> None:
    """Wait longer than the second of clock skew, by the server's clock."""
    started = _server_time(person)
    while _server_time(person) - started < timedelta(seconds=1.2):
        time.sleep(0.05)


def _server_time(person: TestClient) -> datetime:
    return datetime.fromisoformat(person.command("ping", "pong")["server_time"])


def _online(person: TestClient, conversation: str) -> set[str]:
    return {
        participant["participant_id"]
        for participant in person.get_conversation(conversation)["participants"]
        if participant["online"]
    }
