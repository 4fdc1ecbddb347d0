"""Single races, with an action at one moment of a request."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.awshttp import NoResponse
from chalicelib.core.kernel.errors import NotFound, Unavailable
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.connections import Subscription
from chalicelib.core.protocol.queries import EventsQuery, MessagesQuery, ReactionsQuery
from chalicelib.core.protocol.requests import (
    EditMessage,
    NewParticipant,
    SendMessage,
    UpdateConversation,
    UpdateParticipant,
)
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness


@pytest.fixture
def socket() -> str:
    return f"{uuid.uuid4().hex[:15]}="


def test_subscribe_revives_a_connection_marked_stale_meanwhile(harness: AppHarness, socket: str) -> None:
    conversation_id, other_id = harness.create_conversation("alice"), harness.create_conversation("alice")
    harness.connect(socket, "alice", other_id)
    stores = harness.chat.stores
    harness.gather.after(1, lambda: stores.connections.mark_stale(socket, 1))
    (answer,) = harness.send_frame(socket, type="subscribe", conversation_id=conversation_id)
    assert answer["type"] == "subscribed"
    for subscribed_id in (conversation_id, other_id):
        assert [(s.connection_id, s.generation) for s in stores.subscriptions.subscribers(subscribed_id)] == [
            (socket, 3)
        ]


def test_subscribe_on_a_connection_closed_meanwhile_leaves_no_subscription(
    harness: AppHarness, socket: str
) -> None:
    conversation_id = harness.create_conversation("alice")
    harness.connect(socket, "alice")
    harness.gather.after(1, lambda: harness.chat.sessions.connections.close(socket))
    (answer,) = harness.send_frame(socket, type="subscribe", conversation_id=conversation_id)
    assert (answer["type"], answer["code"]) == ("error", "UNAUTHORIZED")
    assert harness.chat.stores.subscriptions.subscribers(conversation_id) == []


def test_member_removed_during_subscribe_gets_no_snapshot(harness: AppHarness, socket: str) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    harness.connect(socket, "bob")

    def remove_and_talk() -> None:
        alice = Principal("alice", "alice")
        harness.chat.conversations.members.remove(alice, conversation_id, "bob")
        harness.chat.conversations.additions.add(
            alice, conversation_id, NewParticipant(participant_id="carol", name="Carol")
        )

    # Connection and head; then, after the subscription is written, events and participants.
    harness.gather.after(2, remove_and_talk)
    (answer,) = harness.send_frame(socket, type="subscribe", conversation_id=conversation_id)
    assert (answer["type"], answer["code"]) == ("error", "NOT_FOUND")
    assert harness.chat.stores.subscriptions.subscribers(conversation_id) == []


@pytest.mark.parametrize("returns", [False, True], ids=["left", "returned"])
def test_subscription_of_a_membership_that_has_ended_is_not_saved(
    harness: AppHarness, socket: str, returns: bool
) -> None:
    """Fan-out would skip it as one that is older than the departure: its connection would receive nothing (L5)."""
    conversation_id = harness.create_conversation("alice", "bob")
    harness.connect(socket, "bob")
    stores, members = harness.chat.stores, harness.chat.conversations.members
    connection, was = stores.connections.get(socket), harness.member(conversation_id, "bob")
    assert connection is not None
    members.leave(Principal("bob", "bob"), conversation_id)
    if returns:
        members.join(Principal("bob", "bob"), conversation_id)
    subscription = Subscription(
        conversation_id,
        socket,
        "bob",
        was.epoch,
        connection.generation,
        connection.token_expires_at,
        connection.last_seen,
    )
    assert not stores.subscriptions.subscribe(subscription)
    assert stores.subscriptions.subscribers(conversation_id) == []
    assert stores.subscriptions.subscription(socket, conversation_id) is None


@pytest.mark.parametrize("read", ["events", "messages", "view", "reactions"])
def test_reader_removed_between_membership_and_head_read_gets_not_found(harness: AppHarness, read: str) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    alice, bob = Principal("alice", "alice"), Principal("bob", "bob")

    def remove_and_talk() -> None:
        harness.chat.conversations.members.remove(alice, conversation_id, "bob")
        message = SendMessage(content="without bob", client_message_id="1")
        harness.chat.messaging.sender.send(alice, conversation_id, message)

    reads: dict[str, Callable[[], object]] = {
        "events": lambda: harness.chat.conversations.history.events(bob, conversation_id, EventsQuery()),
        "messages": lambda: harness.chat.conversations.history.messages(bob, conversation_id, MessagesQuery()),
        "view": lambda: harness.chat.conversations.views.view(conversation_id, bob),
        "reactions": lambda: harness.chat.conversations.history.reactions(
            bob, conversation_id, 2, ReactionsQuery()
        ),
    }
    harness.gather.between(remove_and_talk)
    with pytest.raises(NotFound):
        reads[read]()


@pytest.mark.parametrize("change", ["an edit once more", "a reaction to what is deleted"])
def test_member_removed_during_a_no_op_update_gets_not_found(harness: AppHarness, change: str) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    alice, bob = Principal("alice", "alice"), Principal("bob", "bob")
    harness.chat.messaging.sender.send(bob, conversation_id, SendMessage(content="first"))
    edit = EditMessage(content="second")
    harness.chat.messaging.updates.edit(bob, conversation_id, 2, edit)
    changes: dict[str, Callable[[], object]] = {
        "an edit once more": lambda: harness.chat.messaging.updates.edit(bob, conversation_id, 2, edit),
        "a reaction to what is deleted": lambda: harness.chat.messaging.reactions.add(
            bob, conversation_id, 2, "a"
        ),
    }
    if change == "a reaction to what is deleted":
        harness.chat.messaging.updates.delete(bob, conversation_id, 2)
    # Membership, message and rate; then the decision.
    harness.gather.after(1, lambda: harness.chat.conversations.members.remove(alice, conversation_id, "bob"))
    with pytest.raises(NotFound):
        changes[change]()


def test_committed_update_is_pushed_although_its_author_was_removed(harness: AppHarness, socket: str) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    alice, bob = Principal("alice", "alice"), Principal("bob", "bob")
    harness.chat.conversations.moderation.update(
        alice, conversation_id, "bob", UpdateParticipant(role="moderator")
    )
    harness.connect(socket, "alice", conversation_id)
    harness.gather.after(2, lambda: harness.chat.conversations.members.remove(alice, conversation_id, "bob"))
    outcome = harness.chat.conversations.lifecycle.update(bob, conversation_id, UpdateConversation(title="New"))
    assert outcome.error is not None
    assert outcome.error.code == "NOT_FOUND"
    harness.poster.posts.clear()
    harness.chat.realtime.fan_out.deliver(outcome.pushes, within=5)
    assert [frame["events"][0]["title"] for _, frame in harness.poster.posts] == ["New"]


def test_late_410_does_not_affect_a_revived_connection(harness: AppHarness, socket: str) -> None:
    conversation_id = harness.create_conversation("alice")
    harness.connect(socket, "alice", conversation_id)
    stores = harness.chat.stores
    assert stores.connections.mark_stale(socket, 1) is not None
    assert stores.subscriptions.subscribers(conversation_id) == []
    harness.send_frame(socket, type="ping")
    assert stores.connections.mark_stale(socket, 1) is None
    assert [s.generation for s in stores.subscriptions.subscribers(conversation_id)] == [3]


class NoDeletions(MemoryEngine):
    """An engine that does not answer deletions, while it is down."""

    is_down = False

    def delete_item(self, **request: Any) -> Any:
        if self.is_down:
            raise NoResponse
        return super().delete_item(**request)


def test_participant_is_shown_as_offline_after_an_interrupted_end_of_their_connection() -> None:
    harness = AppHarness(engine=NoDeletions)
    assert isinstance(harness.store, NoDeletions)
    chat = harness.create_conversation("alice", "bob")
    harness.connect("a=", "alice", chat)
    harness.connect("b=", "bob", chat)
    harness.poster.posts.clear()
    harness.poster.stale.add("a=")
    harness.store.is_down = True
    with pytest.raises(Unavailable):
        harness.send_frame("b=", type="message", conversation_id=chat, content="1", client_message_id="1")
    assert harness.posted("b=", "presence") == [], "it is marked as stale, and nothing else is done"
    harness.store.is_down = False
    for number in ("2", "3"):
        harness.send_frame("b=", type="message", conversation_id=chat, content=number, client_message_id=number)
    assert [frame["online"] for frame in harness.posted("b=", "presence")] == [False]


def test_expired_connection_is_closed_at_the_next_push(harness: AppHarness, socket: str) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    harness.connect(socket, "bob", conversation_id)
    stores = harness.chat.stores
    row = stores.connections.get(socket)
    assert row is not None
    stores.connections.refresh_token(row, int(harness.chat.runtime.clock.now()) - 91, None, "human")
    sent = harness.chat.conversations.additions.add(
        Principal("alice", "alice"), conversation_id, NewParticipant(participant_id="carol", name="Carol")
    )
    harness.poster.posts.clear()
    harness.chat.realtime.fan_out.deliver(sent.pushes, within=5)
    assert [(frame["type"], frame.get("code")) for to, frame in harness.poster.posts if to == socket] == [
        ("disconnect", "TOKEN_EXPIRED")
    ]
    assert harness.poster.closed == [socket]
    assert stores.subscriptions.subscribers(conversation_id) == []


def test_renewed_token_counts_before_its_subscriptions_are_updated(harness: AppHarness, socket: str) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    harness.connect(socket, "bob", conversation_id)
    stores = harness.chat.stores
    (stale,) = stores.subscriptions.subscribers(conversation_id)
    row = stores.connections.get(socket)
    assert row is not None
    stores.connections.refresh_token(row, int(harness.chat.runtime.clock.now()) - 61, None, "human")
    fresh = stores.connections.get(socket)
    assert fresh is not None
    # As `auth` does: first the connection, then its subscriptions one by one.
    stores.connections.open(replace(fresh, token_expires_at=stale.token_expires_at))
    sent = harness.chat.conversations.additions.add(
        Principal("alice", "alice"), conversation_id, NewParticipant(participant_id="carol", name="Carol")
    )
    harness.poster.posts.clear()
    harness.chat.realtime.fan_out.deliver(sent.pushes, within=5)
    assert [frame["type"] for to, frame in harness.poster.posts if to == socket] == ["events"]
    assert harness.poster.closed == []


def test_concurrent_first_subscriptions_push_online_once(harness: AppHarness) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    first, second, listener = (f"{uuid.uuid4().hex[:15]}=" for _ in range(3))
    harness.connect(listener, "alice", conversation_id)
    for connection_id in (first, second):
        harness.connect(connection_id, "bob")
    harness.poster.posts.clear()
    # The second subscribes after the first one's subscription is written, before the first reads the others.
    harness.gather.after(2, lambda: harness.send_frame(second, type="subscribe", conversation_id=conversation_id))
    harness.send_frame(first, type="subscribe", conversation_id=conversation_id)
    shown = [
        frame["online"] for to, frame in harness.poster.posts if to == listener and frame["type"] == "presence"
    ]
    assert shown == [True]
