"""The members on the notify list of a message."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.actors import Role
from tests.support.app_harness import principal
from tests.unit.core.conversations.test_direct_blocks import block
from tests.unit.core.conversations.test_directs import erase, open_direct
from tests.unit.core.publishing.notify_room import (
    NOT_SUBSCRIBED,
    Act,
    Room,
    becomes_stale,
    entry,
    falls_silent,
    is_an_agent,
    is_back,
    is_back_with_an_old_subscription,
    is_muted_by_a_moderator,
    is_registered_as_an_agent,
    is_suspended,
    nothing,
    unsubscribes,
    watches_another,
    watches_with_a_second_device,
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (nothing, nothing, {}),
        (lambda room: room.connect("bob", room.id), nothing, None),
        (nothing, lambda room: room.connect("bob", room.id), None),
        (lambda room: room.connect("bob"), nothing, NOT_SUBSCRIBED),
        (watches_another, nothing, NOT_SUBSCRIBED),
        (watches_with_a_second_device, nothing, None),
        (unsubscribes, nothing, NOT_SUBSCRIBED),
        (falls_silent, nothing, {}),
        (becomes_stale, nothing, {}),
        (lambda room: room.set_state(notifications_muted=True), nothing, {"muted": True}),
        (lambda room: room.set_state(archived=True), nothing, {"muted": True}),
        (lambda room: room.set_state(pinned=True), nothing, {}),
        (is_muted_by_a_moderator, nothing, {}),
        (nothing, lambda room: room.read(room.harness.head(room.id).sequence_id), None),
        (nothing, lambda room: room.read(1), {}),
        (nothing, Room.leave, None),
        (nothing, lambda room: room.chat.conversations.members.remove(principal("alice"), room.id, "bob"), None),
        (nothing, lambda room: room.chat.conversations.moderation.ban(principal("alice"), room.id, "bob"), None),
        (nothing, is_back, None),
        (is_back, nothing, {}),
        (is_back_with_an_old_subscription, nothing, NOT_SUBSCRIBED),
        (is_an_agent, nothing, None),
        (is_registered_as_an_agent, nothing, None),
        (is_suspended, nothing, None),
        (nothing, lambda room: erase(room.harness, "bob"), None),
    ],
)
def test_member_is_listed_who_neither_watches_nor_has_read(
    before: Act, after: Act, expected: dict[str, Any] | None
) -> None:
    room = Room("carol")
    before(room)
    message = room.send()
    after(room)
    listed = {} if expected is None else {"bob": entry(**expected)}
    (found,) = room.publish()
    assert found["sequence_id"] == message
    assert {member["participant_id"]: member for member in found["members"]} == {**listed, "carol": entry("carol")}


def test_only_those_are_listed_who_were_members_at_the_message() -> None:
    room = Room()
    first = room.send()
    room.harness.add("alice", room.id, "dave")
    second = room.send()
    assert room.publish() == [
        {"sequence_id": first, "members": [entry()]},
        {"sequence_id": second, "members": [entry(), entry("dave")]},
    ]


def test_pending_member_is_not_listed() -> None:
    room = Room()
    block(room.harness, "dave", "alice")
    room.harness.add("alice", room.id, "dave")
    room.send()
    assert room.publish_one() == [entry()]


def test_mentioned_members_are_marked() -> None:
    room = Room("carol")
    room.send("carol")
    room.send()
    first, second = room.publish()
    assert first["members"] == [entry(), entry("carol", mentioned=True)]
    assert second["members"] == [entry(), entry("carol")]


def test_sender_is_not_listed_of_own_messages_only() -> None:
    room = Room()
    of_alice, of_bob = room.send(), room.send(sender="bob")
    # Of the two, who both are offline, each has a message of the other one.
    assert room.publish() == [
        {"sequence_id": of_alice, "members": [entry()]},
        {"sequence_id": of_bob, "members": [entry("alice")]},
    ]


@pytest.mark.parametrize("role", ["owner", "moderator", "member"])
def test_every_role_is_listed(role: Role) -> None:
    room = Room()
    room.harness.add("alice", room.id, "carol", role)
    room.send()
    assert room.publish_one() == [entry(), entry("carol")]


def test_blocker_of_a_direct_conversation_is_not_listed() -> None:
    room = Room()
    room.id = str(open_direct(room.harness, "alice", "bob")[1]["conversation_id"])
    room.chat.conversations.directs.open(principal("bob"), "alice")
    room.send()
    assert room.publish_one() == [entry()]
    block(room.harness, "bob", "alice")
    room.send()
    assert room.publish_one() == []
