"""Pairs of state commands that a connection sends without waiting, and all the ways in which typing ends.

Every server handles the frames of a connection in a random order (`targets.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from local.gateway import GatewaySettings
from tests.e2e.conftest import MakeClients
from tests.support.client import Frame, TestClient
from tests.support.server import ServerProcess
from tests.support.socket_client import TIMEOUT

ROUNDS = 8
"""How often a pair is sent: each time the frames overtake each other with a probability of a half."""


class TypingDisplay:
    """Whether one participant is shown as typing, by the rules for clients of docs/protocol.md."""

    def __init__(self, participant_id: str, expires: float) -> None:
        self._participant_id = participant_id
        self._expires = expires
        self._last = ("", False)
        self._until = 0.0

    def receive(self, frame: Frame, now: float) -> None:
        """Apply a frame that arrives at `now`."""
        event = frame.get("event", {})
        about = event.get("participant", frame.get("participant", {})).get("participant_id")
        match frame["type"], event.get("type"):
            case "typing", _ if about == self._participant_id:
                position = frame["sent_at"], not frame["is_typing"]
                if position > self._last:
                    self._last = position
                    self._until = now + self._expires if frame["is_typing"] else now
            case "presence", _ if about == self._participant_id and not frame["online"]:
                self._until = now
            case "event", "message" if event["sender"]["participant_id"] == self._participant_id:
                self._until = now
            case "event", "participant_left" if about == self._participant_id:
                self._until = now
            case "event", "participant_updated" if about == self._participant_id:
                self._until = now if "muted_until" in event["participant"] else self._until

    def is_typing(self, now: float) -> bool:
        """Return whether the participant is shown as typing at `now`."""
        return now < self._until


# ---- pairs -------------------------------------------------------------------------------------------------


def test_servers_handle_the_frames_of_a_connection_in_a_random_order(
    server: ServerProcess, clients: MakeClients
) -> None:
    """Without `--disorder`, a frame can be overtaken by as many others as there are workers at most."""
    del server  # skips the test where the order is that of another gateway
    (alice,) = clients("alice")
    socket = alice.connect()
    for _ in range(ROUNDS):
        sent = [socket.send_with_id("ping") for _ in range(20)]
        answered = [socket.expect_frame(type="pong")["id"] for _ in sent]
        if (
            max(abs(answered.index(number) - place) for place, number in enumerate(sent))
            > GatewaySettings.function_workers
        ):
            return
    raise AssertionError("the frames are handled in their order")


@pytest.mark.parametrize("last", ["subscribe", "hello", "unsubscribe"])
def test_last_of_two_pipelined_subscription_commands_wins(clients: MakeClients, last: str) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    socket = bob.connect()
    wanted: dict[str, dict[str, Any]] = {
        "subscribe": {"conversation_id": chat, "after": 0},
        "unsubscribe": {"conversation_id": chat},
        "hello": {"subscribe": [{"conversation_id": chat, "after": 0}]},
    }
    first = "subscribe" if last == "unsubscribe" else "unsubscribe"
    for number in range(ROUNDS):
        overtaken, later = (socket.send_with_id(command, **wanted[command]) for command in (first, last))
        if last == "hello":
            assert socket.receive_reply(later)["type"] == "welcome"
        answers = [socket.receive_reply(sent)["type"] for sent in (overtaken, later)]
        assert answers[0] in (f"{first}d", "superseded")
        assert answers[1] == ("unsubscribed" if last == "unsubscribe" else "subscribed")
        socket.discard_frames()
        sent = alice.post_message(chat, f"{number}")
        if last == "unsubscribe":
            socket.expect_no_frame(type="event")
        else:
            assert bob.expect_message(f"{number}") == sent


def test_last_of_several_pipelined_subscription_commands_wins(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    socket = bob.connect()
    for number in range(ROUNDS):
        sent = [
            socket.send_with_id(command, conversation_id=chat)
            for command in ("subscribe", "unsubscribe", "subscribe", "unsubscribe", "subscribe")
        ]
        answers = [socket.receive_reply(each)["type"] for each in sent]
        assert answers[-1] == "subscribed"
        alice.post_message(chat, f"{number}")
        bob.expect_message(f"{number}")


def test_command_with_a_lower_number_is_superseded(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    socket = alice.connect(chat)
    assert socket.request("unsubscribe", conversation_id=chat, n=20)["type"] == "unsubscribed"
    for command, fields in (
        ("subscribe", {"conversation_id": chat, "n": 19}),
        ("subscribe", {"conversation_id": chat, "n": 0}),
        ("unsubscribe", {"conversation_id": chat, "n": 19}),
    ):
        answer = socket.request(command, **fields)
        assert answer == {"type": "superseded", "conversation_id": chat, "id": answer["id"]}
    number = socket.send_with_id("hello", n=19, subscribe=[{"conversation_id": chat}])
    assert [socket.receive_reply(number)["type"] for _ in range(2)] == ["welcome", "superseded"]
    alice.post_message(chat, "to nobody")
    socket.expect_no_frame()
    assert socket.request("subscribe", conversation_id=chat, n=20)["type"] == "subscribed"
    alice.post_message(chat, "to me")
    alice.expect_message("to me")


def wait_until_not_typing(display: TypingDisplay, person: TestClient, **wanted: Any) -> None:
    """Wait until the typing has ended, by the matching frames that a participant has received until then."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        for frame in person.socket.received_frames(**wanted):
            display.receive(frame, time.monotonic())
        if not display.is_typing(time.monotonic()):
            return
        assert time.monotonic() < deadline, "the typing does not end"


def test_pipelined_start_and_stop_of_typing_end_as_not_typing(accelerated_clients: MakeClients) -> None:
    alice, bob = accelerated_clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect()
    bob.connect(chat)
    display = TypingDisplay(alice.id, expires=60.0)
    for _ in range(ROUNDS):
        for is_typing in (True, False):
            alice.send_typing(chat, is_typing=is_typing)
        alice.socket.expect_no_frame()  # both were handled
        alice.post_message(chat, "done")
        bob.expect_message("done")
        wait_until_not_typing(display, bob, type="typing")


def test_reaction_and_its_removal_in_a_batch_end_as_removed(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    target = alice.post_message(chat, "hello")["sequence_id"]
    socket = alice.connect(chat)
    about = {"conversation_id": chat, "target": target, "emoji": "👍"}
    commands = [{"type": kind, **about} for kind in ("react", "unreact")]
    numbers = [socket.send_with_id("batch", commands=commands) for _ in range(4)]
    for number in numbers:
        assert [result["type"] for result in socket.receive_reply(number)["results"]] == ["ack", "ack"]
    assert "reactions" not in alice.list_messages(chat)[0] or alice.list_messages(chat)[0]["reactions"] == []


# ---- the end of typing -------------------------------------------------------------------------------------

ENDS: dict[str, Callable[[TestClient, TestClient, str], object]] = {
    "stop": lambda alice, bob, chat: bob.send_typing(chat, is_typing=False),
    "message": lambda alice, bob, chat: bob.post_message(chat, "done"),
    "leaving": lambda alice, bob, chat: bob.leave(chat),
    "mute": lambda alice, bob, chat: alice.mute(chat, bob),
    "removal": lambda alice, bob, chat: alice.remove_participant(chat, bob),
    "ban": lambda alice, bob, chat: alice.ban(chat, bob),
    "disconnect": lambda alice, bob, chat: bob.disconnect(),
    "unsubscribe": lambda alice, bob, chat: bob.unsubscribe(chat),
}


@pytest.mark.parametrize("end", ENDS)
def test_receiver_knows_that_typing_has_ended(clients: MakeClients, end: str) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    carol.connect(chat)
    bob.connect(chat)
    display = TypingDisplay(bob.id, expires=60.0)
    bob.send_typing(chat)
    display.receive(carol.expect_frame(type="typing"), time.monotonic())
    assert display.is_typing(time.monotonic())
    ENDS[end](alice, bob, chat)
    wait_until_not_typing(display, carol)


def test_typing_expires_after_the_seconds_in_welcome(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    welcome = bob.connect(chat).request("hello")
    assert welcome["typing_expires"] == 7
    alice.send_typing(chat)
    push = bob.expect_frame(type="typing")
    assert abs(datetime.fromisoformat(push["sent_at"]).timestamp() - time.time()) < 60
    display = TypingDisplay(alice.id, expires=welcome["typing_expires"])
    display.receive(push, now=100.0)
    assert [display.is_typing(100.0 + seconds) for seconds in (0.0, 6.9, 7.0)] == [True, True, False]


def test_stop_after_a_removal_is_not_refused(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    alice.remove_participant(chat, bob)
    bob.socket.discard_frames()
    bob.send_typing(chat, is_typing=False)
    bob.expect_no_frame()
