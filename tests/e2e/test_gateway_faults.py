"""Laws L5, L6 and L8: reordered, duplicate, lost, hanging and failing posts lose nothing for good.

Timeouts here are far shorter than the time that a slow connection takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.bundle.build import shared_directory
from tests.e2e.concurrency import run_concurrently
from tests.e2e.conftest import MakeClients, client_factory
from tests.e2e.endpoints import check_log
from tests.e2e.faulty_server import HTTP_FAN_OUT, SOCKET_FAN_OUT, FaultyServer
from tests.support.client import HttpClient, TestClient
from tests.support.server import ServerProcess

SOON = SOCKET_FAN_OUT / 2
"""Seconds for anything that does not wait for a fan-out: generous, and half of what a fan-out would take."""


@pytest.fixture(scope="module")
def faulty_server(
    chat_target: str, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyServer]:
    """Return the server."""
    shared = shared_directory(tmp_path_factory.getbasetemp())
    log = tmp_path_factory.mktemp(f"disorderly-{chat_target}") / "server.log"
    started = FaultyServer(chat_target, server.ready["store_url"], log, shared)
    yield started
    started.stop()
    check_log(started.log)


@pytest.fixture
def gateway(faulty_server: FaultyServer) -> Iterator[FaultyServer]:
    """Return the server, and restore the settings of its gateway after the test."""
    yield faulty_server
    faulty_server.reset_faults()


@pytest.fixture
def clients(faulty_server: FaultyServer) -> Iterator[MakeClients]:
    """Return a function that makes clients of this server."""
    http = HttpClient(faulty_server.endpoint.http_url)
    with client_factory(faulty_server.endpoint, http) as make:
        yield make
    http.close()


# ---- order -----------------------------------------------------------------------------------------------


def test_commands_handled_out_of_order_are_all_answered(gateway: FaultyServer, clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    socket = alice.connect()
    gateway.set_faults(handling="shuffled", handling_jitter=0.1, seed=1)
    messages = {
        socket.send_with_id("message", conversation_id=chat, content=f"{n}", client_message_id=f"{n}"): f"{n}"
        for n in range(12)
    }
    subscription = socket.send_with_id("subscribe", conversation_id=chat, after=0)
    repeats = {
        socket.send_with_id("message", conversation_id=chat, content=f"{n}", client_message_id=f"{n}"): f"{n}"
        for n in range(12)
    }
    acked = {
        message_id: socket.receive_reply(number)
        for numbers in (messages, repeats)
        for number, message_id in numbers.items()
    }
    snapshot = socket.receive_reply(subscription)

    log = alice.list_events(chat)
    assert [event["sequence_id"] for event in log] == list(range(1, 14))
    assert {event["client_message_id"]: event["sequence_id"] for event in log[1:]} == {
        message_id: ack["sequence_id"] for message_id, ack in acked.items()
    }
    _hears_everything(alice, log, known=snapshot["events"])
    _hears_everything(bob, log, known=log[:1])


def test_reordered_and_duplicate_pushes_yield_the_same_log(gateway: FaultyServer, clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    gateway.set_faults(posts_shuffled=1.0, shuffle_jitter=0.1, posts_duplicated=0.5, seed=2)
    for number in range(12):
        alice.post_message(chat, f"{number}")
    _hears_everything(bob, alice.list_events(chat), known=alice.list_events(chat)[:1])


def test_post_that_fails_after_delivery_is_repeated_with_the_same_event(
    gateway: FaultyServer, clients: MakeClients
) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    gateway.set_connection_faults(bob, posts_failed_after_delivery=1.0)
    sent = alice.post_message(chat, "hello")
    assert bob.expect_message("hello") == sent
    assert bob.expect_message("hello") == sent
    assert alice.get_head(chat) == 2


# ---- slow, hanging and failing connections ---------------------------------------------------------------


def test_hanging_connection_delays_neither_the_ack_nor_other_recipients(
    gateway: FaultyServer, clients: MakeClients
) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    for client in (alice, bob, carol):
        client.connect(chat)
    gateway.set_connection_faults(bob, posts_hung=1.0)
    started = time.monotonic()
    alice.send_message(chat, "does anybody hear me?")
    carol.expect_message("does anybody hear me?")
    alice.expect_message("does anybody hear me?")
    assert time.monotonic() - started < SOON

    gateway.set_connection_faults(bob)
    bob.expect_message("does anybody hear me?")  # posts are retried until the deadline


def test_hanging_connection_delays_an_http_response_up_to_the_deadline_only(
    gateway: FaultyServer, clients: MakeClients
) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    for client in (bob, carol):
        client.connect(chat)
    gateway.set_connection_faults(bob, posts_hung=1.0)
    started = time.monotonic()
    first = alice.post_message(chat, "one")
    duration = time.monotonic() - started
    assert HTTP_FAN_OUT * 0.5 < duration < SOON, "it waits for the fan-out, but not for long"
    assert carol.expect_message("one") == first

    gateway.set_connection_faults(bob)
    alice.post_message(chat, "two")
    bob.expect_message("two", sequence_id=3)
    bob.expect_no_frame(type="event")
    assert bob.sync(chat, after=1)["events"] == bob.list_events(chat)[1:], "what was dropped is found by sync"


def test_slow_connections_are_posted_to_concurrently(gateway: FaultyServer, clients: MakeClients) -> None:
    alice, *others = clients("alice", *(f"slow{number}" for number in range(6)))
    chat = alice.create_conversation("Chat", members=others)
    alice.connect()
    for other in others:
        other.connect(chat)
    gateway.set_faults(posts_slow=1.0, slow_post=1.5)
    number = alice.socket.send_with_id("message", conversation_id=chat, content="slow", client_message_id="x")
    started = time.monotonic()
    for other in others:
        other.expect_message("slow")
    alice.socket.receive_reply(number)
    assert time.monotonic() - started < 6 * 1.5


@pytest.mark.parametrize("fault", ["posts_throttled", "posts_failed"])
def test_throttled_or_failed_post_is_retried(gateway: FaultyServer, clients: MakeClients, fault: str) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    for client in (alice, bob, carol):
        client.connect(chat)
    gateway.set_connection_faults(bob, **{fault: 1.0})
    alice.send_message(chat, "again")
    carol.expect_message("again")
    gateway.set_connection_faults(bob)
    bob.expect_message("again")


# ---- stale connections -----------------------------------------------------------------------------------


def test_connection_wrongly_reported_as_stale_is_revived_by_its_next_frame(
    gateway: FaultyServer, clients: MakeClients
) -> None:
    alice, bob = clients("alice", "bob")
    one, two = alice.create_conversation("One", members=[bob]), alice.create_conversation("Two", members=[bob])
    bob.connect(one, two)
    alice.connect(one)
    # Or the fault would meet this post, which may still be under way.
    bob.expect_frame(type="presence", online=True, participant=alice.actor)
    gateway.set_connection_faults(bob, posts_gone_after_delivery=1.0)
    alice.post_message(one, "delivered, and said not to be")
    bob.expect_message("delivered, and said not to be")
    alice.expect_frame(type="presence", online=False, participant=bob.actor)

    gateway.set_connection_faults(bob)
    socket = bob.socket
    alice.post_message(one, "missed")
    socket.send("ping", id="I am here", heads={one: 2, two: 1})
    assert socket.expect_frame(id="I am here")["heads"] == {one: 3, two: 1}, "it notices that it missed something"
    assert [event["content"] for event in bob.sync(one, after=2)["events"]] == ["missed"]
    for chat in (one, two):
        alice.post_message(chat, "heard again")
        bob.expect_message("heard again", conversation_id=chat)
    three = alice.create_conversation("Three", members=[bob])
    assert bob.expect_frame(type="conversation_added")["conversation"]["conversation_id"] == three


def test_stale_connection_is_posted_to_once_only(gateway: FaultyServer, clients: MakeClients) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob, carol])
    for client in (alice, bob, carol):
        client.connect(chat)
    # The last post to Bob that may still be under way.
    bob.expect_frame(type="presence", online=True, participant=carol.actor)
    # Its posts arrive, so they can be counted: those to connections of earlier tests may be under way.
    gateway.set_connection_faults(bob, posts_gone_after_delivery=1.0)
    alice.post_message(chat, "is bob there?")
    for client in (alice, carol):
        client.expect_frame(type="presence", online=False, participant=bob.actor)
    for number in range(3):
        alice.post_message(chat, f"{number}")  # waits for its fan-out
        carol.expect_message(f"{number}")
    assert [participant["online"] for participant in alice.get_conversation(chat)["participants"]] == [
        True,
        False,
        True,
    ]
    bob.expect_message("is bob there?")
    bob.expect_no_frame(type="event")


@pytest.mark.parametrize("disorder", ["late", "doubled", "dropped"])
def test_new_connection_receives_despite_a_late_duplicate_or_missing_disconnect(
    gateway: FaultyServer, clients: MakeClients, disorder: str
) -> None:
    alice, bob, carol = clients("alice", "bob", "carol")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.connect(chat)
    bob.connect(chat)
    gateway.set_faults(disconnect=disorder, disconnect_delay=0.3)
    before = gateway.counters().get("websocket.disconnects", 0)
    bob.disconnect()
    bob.connect(chat)
    carol.connect()  # the gateway holds the disconnect back until the next connect
    expected = {"late": 1, "doubled": 2, "dropped": 0}[disorder]
    deadline = time.monotonic() + SOON
    while gateway.counters().get("websocket.disconnects", 0) < before + expected:
        assert time.monotonic() < deadline
    for number in range(3):
        alice.post_message(chat, f"{number}")
        bob.expect_message(f"{number}")
    assert [participant["online"] for participant in alice.get_conversation(chat)["participants"]] == [True, True]
    # The push of the last change may still be under way.
    while not (seen := alice.socket.received_frames(type="presence")) or not seen[-1]["online"]:
        assert time.monotonic() < deadline, seen


def test_events_posted_to_a_dropped_connection_are_recovered_after_reconnecting(
    gateway: FaultyServer, clients: MakeClients
) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    gateway.set_faults(drop_detection=30.0)
    gateway.drop(bob)
    alice.post_message(chat, "into the void")
    bob.sockets.pop().close()
    bob.connect()
    snapshot = bob.subscribe(chat, after=1)
    assert [event["content"] for event in snapshot["events"]] == ["into the void"]
    alice.post_message(chat, "heard")
    bob.expect_message("heard")


# ---- all faults together ---------------------------------------------------------------------------------


def test_all_faults_together_yield_the_same_log_for_every_client(
    gateway: FaultyServer, clients: MakeClients
) -> None:
    everybody = clients(*(f"person{number}" for number in range(4)))
    chat = everybody[0].create_conversation("Chat", members=everybody[1:])
    for client in everybody:
        client.connect(chat)
    gateway.set_faults(
        seed=3,
        handling="shuffled",
        handling_jitter=0.05,
        posts_failed=0.1,
        posts_throttled=0.1,
        posts_duplicated=0.2,
        posts_failed_after_delivery=0.1,
        posts_shuffled=0.5,
        posts_gone_after_delivery=0.02,
    )

    def send_until_acknowledged(person: TestClient) -> list[str]:
        ids = [f"{person.name}-{number}" for number in range(6)]
        for identifier in ids:
            _persists(person, chat, identifier)
        return ids

    sent = run_concurrently(*(partial(send_until_acknowledged, client) for client in everybody))
    gateway.reset_faults()
    log = everybody[0].list_events(chat)
    assert [event["sequence_id"] for event in log] == list(range(1, 26))
    assert sorted(event["client_message_id"] for event in log[1:]) == sorted(
        identifier for ids in sent for identifier in ids
    )
    for person in everybody:
        person.ping()  # revives connections that were wrongly marked stale
        received = {
            frame["event"]["sequence_id"]: frame["event"] for frame in person.socket.received_frames(type="event")
        }
        for event in received.values():
            assert event in log
        assert person.sync(chat, after=0)["events"] == log


def _persists(person: TestClient, conversation: str, client_message_id: str) -> None:
    """Send a message like a client that may lose the ack: repeat it until it is acknowledged."""
    deadline = time.monotonic() + SOON
    message = {"conversation_id": conversation, "content": "hello", "client_message_id": client_message_id}
    while True:
        person.socket.send("message", **message)
        try:
            person.socket.expect_frame(within=1, type="message_ack", client_message_id=client_message_id)
        except AssertionError:
            assert time.monotonic() < deadline
        else:
            return


def _hears_everything(person: TestClient, log: list[Any], *, known: list[Any]) -> None:
    """Check that every event of the log is known or pushed, exactly as it is in the log."""
    for event in log:
        if event not in known:
            push = person.expect_frame(type="event", event={"sequence_id": event["sequence_id"]})
            assert push["event"] == event
    for frame in person.socket.received_frames(type="event"):
        assert frame["event"] in log
