"""A departure while the transaction of another change ends: a query may still show the roster before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.keys import ROSTER_PREFIX
from chalicelib.core.kernel.errors import LastOwner
from chalicelib.core.model.conversations import ConversationState
from chalicelib.core.protocol.requests import UpdateParticipant
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal
from tests.unit.core.conversations.test_service_conversations import SHOP, create


class LateQueries(MemoryEngine):
    """An engine whose next query of a roster shows it as it was `before`."""

    before: dict[str, Any] | None = None

    def query(self, **request: Any) -> dict[str, Any]:
        page: dict[str, Any] = super().query(**request)
        if {"S": ROSTER_PREFIX} not in request["ExpressionAttributeValues"].values():
            return page
        shown, self.before = self.before or page, None
        return shown


class Room:
    """A conversation of alice, and changes of which a query shows nothing yet."""

    def __init__(self, *others: str) -> None:
        self.harness = AppHarness(engine=LateQueries)
        self.chat = self.harness.create_conversation("alice", *others)
        self.members = self.harness.chat.conversations.members

    def late(self, change: Callable[[], object]) -> None:
        """Make a change that the next query of the roster does not show."""
        store = self.harness.store
        assert isinstance(store, LateQueries)
        before = store.query(
            TableName="conversations",
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": f"C#{self.chat}"}, ":prefix": {"S": ROSTER_PREFIX}},
            ConsistentRead=True,
        )
        change()
        store.before = before

    def change(self, by: str, name: str, role: Any) -> None:
        moderation = self.harness.chat.conversations.moderation
        moderation.update(principal(by), self.chat, name, UpdateParticipant(role=role))

    def leave(self, name: str) -> None:
        self.members.leave(principal(name), self.chat)

    @property
    def owners(self) -> list[str]:
        roster = self.harness.chat.stores.memberships.roster(self.chat)
        return [member.participant_id for member in roster if member.role == "owner"]


def test_conversation_is_not_closed_over_a_member_who_has_just_joined() -> None:
    room = Room()
    room.late(lambda: room.members.join(principal("bob"), room.chat))
    room.leave("alice")
    head = room.harness.head(room.chat)
    assert (head.state, head.participant_count, room.owners) == (ConversationState.LIVE, 1, ["bob"])


def test_owner_who_has_just_left_is_no_owner_that_remains() -> None:
    room = Room("bob", "carol")
    room.change("alice", "bob", "owner")
    room.late(lambda: room.leave("bob"))
    room.leave("alice")
    assert room.owners == ["carol"]


def test_owner_who_has_just_been_demoted_is_no_owner_that_remains() -> None:
    room = Room("bob", "carol")
    room.change("alice", "bob", "owner")
    room.late(lambda: room.change("alice", "bob", "moderator"))
    room.leave("alice")
    assert room.owners == ["bob"]


def test_last_owner_is_not_demoted_beside_one_who_has_just_been() -> None:
    room = Room("bob", "carol")
    room.change("alice", "bob", "owner")
    room.late(lambda: room.change("alice", "bob", "member"))
    with pytest.raises(LastOwner):
        room.change("alice", "alice", "member")
    assert room.owners == ["alice"]


def test_member_who_has_just_become_owner_remains_the_only_one() -> None:
    room = Room("bob", "carol")
    room.change("alice", "bob", "moderator")
    room.late(lambda: room.change("alice", "carol", "owner"))
    room.leave("alice")
    assert room.owners == ["carol"]


def test_owner_is_demoted_beside_one_who_has_just_become_owner() -> None:
    room = Room("bob")
    room.late(lambda: room.change("alice", "bob", "owner"))
    room.change("alice", "alice", "member")
    assert room.owners == ["bob"]


def test_only_owner_leaves_right_after_becoming_owner() -> None:
    harness = AppHarness()
    chat, conversations = create(harness, alice="member", bob="member"), harness.chat.conversations
    conversations.moderation.update(SHOP, chat, "alice", UpdateParticipant(role="owner"))
    conversations.members.leave(principal("alice"), chat)
    (bob,) = harness.chat.stores.memberships.roster(chat)
    assert (bob.participant_id, bob.role) == ("bob", "owner")
