"""What happens when something happens in between: named moments of named races, one by one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.requests import (
    EditMessage,
    EventsQuery,
    MessagesQuery,
    NewParticipant,
    ReactionsQuery,
    SendMessage,
    UpdateConversation,
    UpdateParticipant,
)

from .conftest import World


@pytest.fixture
def socket() -> str:
    return f"{uuid.uuid4().hex[:15]}="


def test_a_subscribe_brings_a_socket_back_that_was_taken_for_gone_meanwhile(world: World, socket: str) -> None:
    where, elsewhere = world.conversation("alice"), world.conversation("alice")
    world.opens(socket, "alice", elsewhere)
    stores = world.chat.stores
    world.moments.after(1, lambda: stores.connections.mark_stale(socket, 1))
    (answer,) = world.says(socket, type="subscribe", conversation_id=where)
    assert answer["type"] == "subscribed"
    for each in (where, elsewhere):
        assert [(s.connection_id, s.generation) for s in stores.subscriptions.subscribers(each)] == [(socket, 3)]


def test_a_subscribe_of_a_socket_that_is_closed_meanwhile_leaves_nothing(world: World, socket: str) -> None:
    where = world.conversation("alice")
    world.opens(socket, "alice")
    world.moments.after(1, lambda: world.chat.sessions.connections.close(socket))
    (answer,) = world.says(socket, type="subscribe", conversation_id=where)
    assert (answer["type"], answer["code"]) == ("error", "UNAUTHORIZED")
    assert world.chat.stores.subscriptions.subscribers(where) == []


def test_a_snapshot_is_not_given_to_who_was_removed_meanwhile(world: World, socket: str) -> None:
    where = world.conversation("alice", "bob")
    world.opens(socket, "bob")

    def remove_and_talk() -> None:
        alice = Principal("alice", "alice")
        world.chat.conversations.members.remove(alice, where, "bob")
        world.chat.conversations.members.add(alice, where, NewParticipant(participant_id="carol", name="Carol"))

    # Socket and head; then, after the subscription stands, the events and the participants.
    world.moments.after(2, remove_and_talk)
    (answer,) = world.says(socket, type="subscribe", conversation_id=where)
    assert (answer["type"], answer["code"]) == ("error", "NOT_FOUND")
    assert world.chat.stores.subscriptions.subscribers(where) == []


@pytest.mark.parametrize("read", ["events", "messages", "view", "reactions"])
def test_a_reader_whose_membership_was_read_before_the_removal_and_the_head_after_it_sees_nothing(
    world: World, read: str
) -> None:
    where = world.conversation("alice", "bob")
    alice, bob = Principal("alice", "alice"), Principal("bob", "bob")

    def remove_and_talk() -> None:
        world.chat.conversations.members.remove(alice, where, "bob")
        message = SendMessage(content="without bob", client_message_id="1")
        world.chat.messaging.sender.send(alice, where, message)

    reads: dict[str, Callable[[], object]] = {
        "events": lambda: world.chat.conversations.history.events(bob, where, EventsQuery()),
        "messages": lambda: world.chat.conversations.history.messages(bob, where, MessagesQuery()),
        "view": lambda: world.chat.conversations.views.view(where, bob),
        "reactions": lambda: world.chat.conversations.history.reactions(bob, where, 2, ReactionsQuery()),
    }
    world.moments.amid(remove_and_talk)
    with pytest.raises(NotFound):
        reads[read]()


@pytest.mark.parametrize("change", ["an edit once more", "a reaction to what is deleted"])
def test_who_is_removed_while_a_message_is_looked_at_is_not_told_what_became_of_it(
    world: World, change: str
) -> None:
    where = world.conversation("alice", "bob")
    alice, bob = Principal("alice", "alice"), Principal("bob", "bob")
    world.chat.messaging.sender.send(bob, where, SendMessage(content="first"))
    edit = EditMessage(content="second")
    world.chat.messaging.updates.edit(bob, where, 2, edit)
    changes: dict[str, Callable[[], object]] = {
        "an edit once more": lambda: world.chat.messaging.updates.edit(bob, where, 2, edit),
        "a reaction to what is deleted": lambda: world.chat.messaging.updates.react(bob, where, 2, "a"),
    }
    if change == "a reaction to what is deleted":
        world.chat.messaging.updates.delete(bob, where, 2)
    # Membership, message and rate; then what they mean.
    world.moments.after(1, lambda: world.chat.conversations.members.remove(alice, where, "bob"))
    with pytest.raises(NotFound):
        changes[change]()


def test_a_change_is_pushed_though_its_author_was_removed_before_the_answer(world: World, socket: str) -> None:
    where = world.conversation("alice", "bob")
    alice, bob = Principal("alice", "alice"), Principal("bob", "bob")
    world.chat.conversations.moderation.update(alice, where, "bob", UpdateParticipant(role="moderator"))
    world.opens(socket, "alice", where)
    world.moments.after(1, lambda: world.chat.conversations.members.remove(alice, where, "bob"))
    outcome = world.chat.conversations.lifecycle.update(bob, where, UpdateConversation(title="New"))
    assert outcome.error is not None
    assert outcome.error.code == "NOT_FOUND"
    world.poster.posted.clear()
    world.chat.realtime.fan_out.deliver(outcome.pushes, within=5)
    assert [frame["event"]["title"] for _, frame in world.poster.posted] == ["New"]


def test_a_late_removal_by_410_does_not_touch_a_socket_that_is_back(world: World, socket: str) -> None:
    where = world.conversation("alice")
    world.opens(socket, "alice", where)
    stores = world.chat.stores
    assert stores.connections.mark_stale(socket, 1) is not None
    assert stores.subscriptions.subscribers(where) == []
    world.says(socket, type="ping")
    assert stores.connections.mark_stale(socket, 1) is None
    assert [s.generation for s in stores.subscriptions.subscribers(where)] == [3]


def test_an_expired_token_ends_the_socket_at_the_next_push(world: World, socket: str) -> None:
    where = world.conversation("alice", "bob")
    world.opens(socket, "bob", where)
    stores = world.chat.stores
    row = stores.connections.get(socket)
    assert row is not None
    stores.connections.refresh_token(row, int(world.chat.runtime.clock.now()) - 61, None)
    sent = world.chat.conversations.members.add(
        Principal("alice", "alice"), where, NewParticipant(participant_id="carol", name="Carol")
    )
    world.poster.posted.clear()
    world.chat.realtime.fan_out.deliver(sent.pushes, within=5)
    assert [(frame["type"], frame.get("code")) for to, frame in world.poster.posted if to == socket] == [
        ("disconnect", "TOKEN_EXPIRED")
    ]
    assert world.poster.closed == [socket]
    assert stores.subscriptions.subscribers(where) == []


def test_a_token_that_was_renewed_meanwhile_counts_even_where_it_is_not_yet_noted(
    world: World, socket: str
) -> None:
    where = world.conversation("alice", "bob")
    world.opens(socket, "bob", where)
    stores = world.chat.stores
    (stale,) = stores.subscriptions.subscribers(where)
    row = stores.connections.get(socket)
    assert row is not None
    stores.connections.refresh_token(row, int(world.chat.runtime.clock.now()) - 61, None)
    fresh = stores.connections.get(socket)
    assert fresh is not None
    # As `auth` does it: the socket first, its subscriptions one by one.
    stores.connections.open(replace(fresh, token_expires_at=stale.token_expires_at))
    sent = world.chat.conversations.members.add(
        Principal("alice", "alice"), where, NewParticipant(participant_id="carol", name="Carol")
    )
    world.poster.posted.clear()
    world.chat.realtime.fan_out.deliver(sent.pushes, within=5)
    assert [frame["type"] for to, frame in world.poster.posted if to == socket] == ["event"]
    assert world.poster.closed == []


def test_of_two_sockets_that_come_at_once_one_tells(world: World) -> None:
    where = world.conversation("alice", "bob")
    first, second, listener = (f"{uuid.uuid4().hex[:15]}=" for _ in range(3))
    world.opens(listener, "alice", where)
    for each in (first, second):
        world.opens(each, "bob")
    world.poster.posted.clear()
    # The second subscribes after the first one's subscription stands, before the first looks who else is there.
    world.moments.after(2, lambda: world.says(second, type="subscribe", conversation_id=where))
    world.says(first, type="subscribe", conversation_id=where)
    told = [frame["online"] for to, frame in world.poster.posted if to == listener and frame["type"] == "presence"]
    assert told == [True]
