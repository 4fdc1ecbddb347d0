"""Laws L5, L6 and L8: a gateway that shuffles, doubles, loses, hangs and lies takes nothing from anybody for good.

What must not wait for a slow socket is waited for here much shorter than the slow socket takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.bundle.build import shared_directory
from tests.e2e.conftest import People, anybody
from tests.e2e.disorder import HTTP_FAN_OUT, LONG, DisorderlyServer
from tests.e2e.stages import look_at_the_log
from tests.e2e.together import at_once
from tests.support.client import Http, Person
from tests.support.server import Server

SOON = LONG / 2
"""Seconds within which what waits for no fan-out happens: generous, and yet half of what that would take."""


@pytest.fixture(scope="module")
def disorderly(
    chat_kind: str, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DisorderlyServer]:
    """The server."""
    shared = shared_directory(tmp_path_factory.getbasetemp())
    log = tmp_path_factory.mktemp(f"disorderly-{chat_kind}") / "server.log"
    started = DisorderlyServer(chat_kind, server.ready["store_url"], log, shared)
    yield started
    started.stop()
    look_at_the_log(started.log)


@pytest.fixture
def gateway(disorderly: DisorderlyServer) -> Iterator[DisorderlyServer]:
    """Its gateway, which is well-behaved again after the test."""
    yield disorderly
    disorderly.behave()


@pytest.fixture
def people(disorderly: DisorderlyServer) -> Iterator[People]:
    """People at this server."""
    http = Http(disorderly.stage.http_url)
    with anybody(disorderly.stage, http) as make:
        yield make
    http.close()


# ---- order -----------------------------------------------------------------------------------------------


def test_commands_of_one_socket_handled_in_any_order_are_each_answered(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    socket = alice.connects()
    gateway.change(handling="shuffled", handling_jitter=0.1, seed=1)
    messages = {
        socket.sends_numbered("message", conversation_id=chat, content=f"{n}", client_message_id=f"{n}"): f"{n}"
        for n in range(12)
    }
    subscription = socket.sends_numbered("subscribe", conversation_id=chat, after=0)
    repeats = {
        socket.sends_numbered("message", conversation_id=chat, content=f"{n}", client_message_id=f"{n}"): f"{n}"
        for n in range(12)
    }
    acked = {each: socket.answer_to(number) for numbers in (messages, repeats) for number, each in numbers.items()}
    snapshot = socket.answer_to(subscription)

    log = alice.log(chat)
    assert [event["sequence_id"] for event in log] == list(range(1, 14))
    assert {event["client_message_id"]: event["sequence_id"] for event in log[1:]} == {
        each: ack["sequence_id"] for each, ack in acked.items()
    }
    _hears_everything(alice, log, known=snapshot["events"])
    _hears_everything(bob, log, known=log[:1])


def test_pushes_that_overtake_each_other_and_come_twice_make_up_the_same_log(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    gateway.change(posts_shuffled=1.0, shuffle_jitter=0.1, posts_duplicated=0.5, seed=2)
    for number in range(12):
        alice.posts(chat, f"{number}")
    _hears_everything(bob, alice.log(chat), known=alice.log(chat)[:1])


def test_a_post_that_fails_although_it_was_delivered_comes_again_as_the_same_event(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    gateway.change_for(bob, posts_failed_after_delivery=1.0)
    sent = alice.posts(chat, "hello")
    assert bob.hears_message("hello") == sent
    assert bob.hears_message("hello") == sent
    assert alice.head(chat) == 2


# ---- slow, hung and failing sockets ----------------------------------------------------------------------


def test_a_socket_that_hangs_delays_neither_the_ack_nor_the_others(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    for each in (alice, bob, carol):
        each.connects(chat)
    gateway.change_for(bob, posts_hung=1.0)
    began = time.monotonic()
    alice.says(chat, "does anybody hear me?")
    carol.hears_message("does anybody hear me?")
    alice.hears_message("does anybody hear me?")
    assert time.monotonic() - began < SOON

    gateway.change_for(bob)
    bob.hears_message("does anybody hear me?")  # posts are tried again as long as there is time


def test_a_socket_that_hangs_delays_an_http_answer_by_no_more_than_the_deadline(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    for each in (bob, carol):
        each.connects(chat)
    gateway.change_for(bob, posts_hung=1.0)
    began = time.monotonic()
    first = alice.posts(chat, "one")
    took = time.monotonic() - began
    assert HTTP_FAN_OUT * 0.5 < took < SOON, "it waits for the fan-out, but not for long"
    assert carol.hears_message("one") == first

    gateway.change_for(bob)
    alice.posts(chat, "two")
    bob.hears_message("two", sequence_id=3)
    bob.hears_nothing(type="event")
    assert bob.syncs(chat, after=1)["events"] == bob.log(chat)[1:], "what was dropped is found by sync"


def test_many_slow_sockets_are_waited_for_together_and_not_one_after_the_other(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, *others = people("alice", *(f"slow{number}" for number in range(6)))
    chat = alice.creates("Chat", with_=others)
    alice.connects()
    for each in others:
        each.connects(chat)
    gateway.change(posts_slow=1.0, slow_post=1.5)
    number = alice.socket.sends_numbered("message", conversation_id=chat, content="slow", client_message_id="x")
    began = time.monotonic()
    for each in others:
        each.hears_message("slow")
    alice.socket.answer_to(number)
    assert time.monotonic() - began < 6 * 1.5


@pytest.mark.parametrize("fault", ["posts_throttled", "posts_failed"])
def test_a_post_that_is_refused_for_the_moment_is_tried_again(
    gateway: DisorderlyServer, people: People, fault: str
) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    for each in (alice, bob, carol):
        each.connects(chat)
    gateway.change_for(bob, **{fault: 1.0})
    alice.says(chat, "again")
    carol.hears_message("again")
    gateway.change_for(bob)
    bob.hears_message("again")


# ---- sockets that are gone, or said to be ----------------------------------------------------------------


def test_a_socket_that_is_said_to_be_gone_but_speaks_is_reachable_again(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, bob = people("alice", "bob")
    one, two = alice.creates("One", with_=[bob]), alice.creates("Two", with_=[bob])
    bob.connects(one, two)
    alice.connects(one)
    gateway.change_for(bob, posts_gone_after_delivery=1.0)
    alice.posts(one, "delivered, and said not to be")
    bob.hears_message("delivered, and said not to be")
    assert alice.hears(type="presence")["online"] is False

    gateway.change_for(bob)
    socket = bob.socket
    alice.posts(one, "missed")
    socket.sends("ping", id="I am here", heads={one: 2, two: 1})
    assert socket.hears(id="I am here")["heads"] == {one: 3, two: 1}, "it notices that it missed something"
    assert [event["content"] for event in bob.syncs(one, after=2)["events"]] == ["missed"]
    for chat in (one, two):
        alice.posts(chat, "heard again")
        bob.hears_message("heard again", conversation_id=chat)
    three = alice.creates("Three", with_=[bob])
    assert bob.hears(type="conversation_added")["conversation"]["conversation_id"] == three


def test_who_is_really_gone_is_posted_to_once_and_then_no_more(gateway: DisorderlyServer, people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob, carol])
    for each in (alice, bob, carol):
        each.connects(chat)
    gateway.change(disconnect="dropped")
    bob.disconnects()
    before = gateway.counters().get("management.gone", 0)
    alice.posts(chat, "is bob there?")
    assert carol.hears(type="presence", online=False)["participant"] == bob.reference
    assert alice.hears(type="presence", online=False)["participant"] == bob.reference
    for number in range(3):
        alice.posts(chat, f"{number}")
        carol.hears_message(f"{number}")
    assert gateway.counters().get("management.gone", 0) == before + 1
    assert [each["online"] for each in alice.sees(chat)["participants"]] == [True, False, True]


@pytest.mark.parametrize("disorder", ["late", "doubled", "dropped"])
def test_whatever_becomes_of_the_disconnect_of_an_old_socket_the_new_one_hears(
    gateway: DisorderlyServer, people: People, disorder: str
) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    chat = alice.creates("Chat", with_=[bob])
    alice.connects(chat)
    bob.connects(chat)
    gateway.change(disconnect=disorder, disconnect_delay=0.3)
    before = gateway.counters().get("websocket.disconnects", 0)
    bob.disconnects()
    bob.connects(chat)
    carol.connects()  # what is held back until the next one connects is let go now
    expected = {"late": 1, "doubled": 2, "dropped": 0}[disorder]
    deadline = time.monotonic() + SOON
    while gateway.counters().get("websocket.disconnects", 0) < before + expected:
        assert time.monotonic() < deadline
    for number in range(3):
        alice.posts(chat, f"{number}")
        bob.hears_message(f"{number}")
    assert [each["online"] for each in alice.sees(chat)["participants"]] == [True, True]
    last = alice.socket.has_heard(type="presence")[-1]
    assert last["online"] is True


def test_what_was_posted_to_a_lost_connection_before_anybody_noticed_is_there_after_reconnecting(
    gateway: DisorderlyServer, people: People
) -> None:
    alice, bob = people("alice", "bob")
    chat = alice.creates("Chat", with_=[bob])
    bob.connects(chat)
    gateway.change(drop_detection=30.0)
    gateway.drop(bob)
    alice.posts(chat, "into the void")
    bob.sockets.pop().close()
    bob.connects()
    snapshot = bob.subscribes(chat, after=1)
    assert [event["content"] for event in snapshot["events"]] == ["into the void"]
    alice.posts(chat, "heard")
    bob.hears_message("heard")


# ---- everything at once ----------------------------------------------------------------------------------


def test_with_every_disorder_at_once_everybody_ends_up_with_the_same_log(
    gateway: DisorderlyServer, people: People
) -> None:
    everybody = people(*(f"person{number}" for number in range(4)))
    chat = everybody[0].creates("Chat", with_=everybody[1:])
    for each in everybody:
        each.connects(chat)
    gateway.change(
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

    def send_until_acknowledged(person: Person) -> list[str]:
        ids = [f"{person.name}-{number}" for number in range(6)]
        for each in ids:
            _persists(person, chat, each)
        return ids

    sent = at_once(*(partial(send_until_acknowledged, each) for each in everybody))
    gateway.behave()
    log = everybody[0].log(chat)
    assert [event["sequence_id"] for event in log] == list(range(1, 26))
    assert sorted(event["client_message_id"] for event in log[1:]) == sorted(each for ids in sent for each in ids)
    for person in everybody:
        person.pings()  # who was taken for gone is back with this
        heard = {frame["event"]["sequence_id"]: frame["event"] for frame in person.socket.has_heard(type="event")}
        for event in heard.values():
            assert event in log
        assert person.syncs(chat, after=0)["events"] == log


def _persists(person: Person, conversation: str, client_message_id: str) -> None:
    """Send a message as a client does that may lose the answer: again, until it is there."""
    deadline = time.monotonic() + SOON
    message = {"conversation_id": conversation, "content": "hello", "client_message_id": client_message_id}
    while True:
        person.socket.sends("message", **message)
        try:
            person.socket.hears(within=1, type="message_ack", client_message_id=client_message_id)
        except AssertionError:
            assert time.monotonic() < deadline
        else:
            return


def _hears_everything(person: Person, log: list[Any], *, known: list[Any]) -> None:
    """Every event of the log is known or comes as a push, exactly as it is in the log."""
    for event in log:
        if event not in known:
            push = person.hears(type="event", event={"sequence_id": event["sequence_id"]})
            assert push["event"] == event
    for frame in person.socket.has_heard(type="event"):
        assert frame["event"] in log
