"""Blocks and pending memberships after a restore."""

from __future__ import annotations

import pytest

from chalicelib.core.protocol.queries import ConversationsQuery, PageQuery
from chalicelib.core.protocol.requests import NewParticipant
from tests.support.app_harness import principal

from .support import RestoreHarness
from .test_replay import finish


@pytest.fixture
def harness() -> RestoreHarness:
    """Return a chat without data."""
    return RestoreHarness()


def blocked_by(harness: RestoreHarness, name: str) -> list[str]:
    page = harness.chat.conversations.blocks.list(principal(name), PageQuery())
    return [block["participant_id"] for block in page["blocks"]]


def add(harness: RestoreHarness, chat: str, name: str) -> str:
    request = NewParticipant(participant_id=name, name=name)
    found = harness.chat.conversations.additions.add(principal("ann"), chat, request)
    return str(found.response.get("membership", "member"))


def pending(harness: RestoreHarness, name: str) -> list[str]:
    query = ConversationsQuery(membership="pending")
    page = harness.chat.conversations.pending.list(principal(name), query)
    return [entry["conversation_id"] for entry in page["pending"]]


def invited(harness: RestoreHarness, chat: str) -> int:
    page = harness.chat.conversations.pending.list_in(principal("ann"), chat, PageQuery())
    return len(page["pending"])


def asked(harness: RestoreHarness) -> str:
    """Return a conversation that bob left, and to which ann has added him again."""
    chat = harness.create_conversation("ann", "bob")
    harness.chat.conversations.members.leave(principal("bob"), chat)
    assert add(harness, chat, "bob") == "pending"
    return chat


def test_block_since_holds(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    harness.chat.conversations.blocks.block(principal("cid"), "dan")
    harness.snapshot()
    harness.chat.conversations.blocks.block(principal("bob"), "ann")
    finish(harness, chat)
    assert blocked_by(harness, "bob") == ["ann"]
    assert add(harness, chat, "bob") == "pending"
    assert not pending(harness, "bob")


def test_block_since_holds_in_a_direct_conversation(harness: RestoreHarness) -> None:
    chat = harness.chat.conversations.directs.open(principal("ann"), "bob")[1].response["conversation_id"]
    harness.snapshot()
    harness.chat.conversations.blocks.block(principal("bob"), "ann")
    finish(harness, chat)
    head = harness.chat.stores.event_log.head(chat)
    assert head is not None
    assert head.blockers == {"bob"}


def test_block_that_was_lifted_since_holds_again(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann")
    harness.chat.conversations.blocks.block(principal("bob"), "ann")
    harness.snapshot()
    harness.chat.conversations.blocks.unblock(principal("bob"), "ann")
    finish(harness, chat)
    assert blocked_by(harness, "bob") == ["ann"]
    assert add(harness, chat, "bob") == "pending"


def test_pending_membership_is_kept(harness: RestoreHarness) -> None:
    chat = asked(harness)
    harness.snapshot()
    finish(harness, chat)
    assert pending(harness, "bob") == [chat]
    harness.chat.conversations.members.join(principal("bob"), chat, None)
    assert harness.is_member(chat, "bob")


def test_pending_membership_that_was_declined_since_stays_declined(harness: RestoreHarness) -> None:
    chat = asked(harness)
    harness.snapshot()
    harness.chat.conversations.pending.decline(principal("bob"), chat)
    finish(harness, chat)
    assert not pending(harness, "bob")
    assert add(harness, chat, "bob") == "pending"
    assert not pending(harness, "bob"), "the same member cannot ask again"


def test_pending_membership_that_was_withdrawn_since_does_not_return(harness: RestoreHarness) -> None:
    chat = asked(harness)
    harness.snapshot()
    harness.chat.conversations.pending.withdraw(principal("ann"), chat, "bob")
    finish(harness, chat)
    assert not pending(harness, "bob")
    assert invited(harness, chat) == 0


def test_membership_that_was_accepted_since_is_lost_with_its_invitation(harness: RestoreHarness) -> None:
    chat = asked(harness)
    harness.snapshot()
    harness.chat.conversations.members.join(principal("bob"), chat, None)
    finish(harness, chat)
    assert not harness.is_member(chat, "bob")
    assert not pending(harness, "bob")
    assert add(harness, chat, "bob") == "pending"


def test_counts_of_a_participant_who_left_since_are_not_too_low(harness: RestoreHarness) -> None:
    chat = harness.create_conversation("ann", "bob")
    harness.snapshot()
    harness.chat.conversations.members.leave(principal("bob"), chat)
    harness.replay()
    standing = harness.rows()["U#bob", "STANDING"]
    assert standing["added"] == {"N": "0"}


@pytest.mark.parametrize("erased", ["ann", "bob"])
@pytest.mark.parametrize("since", [False, True])
def test_block_names_no_participant_whose_erasure_was_requested_since(erased: str, *, since: bool) -> None:
    harness = RestoreHarness(CHAT_TIME_ERASURE_GRACE="3600")
    harness.create_conversation("ann")
    harness.create_conversation("bob")
    if not since:
        harness.chat.conversations.blocks.block(principal("ann"), "bob")
    harness.snapshot()
    if since:
        harness.chat.conversations.blocks.block(principal("ann"), "bob")
    harness.chat.privacy.erasure.request(principal(erased))
    harness.replay()
    rows = [(key, item) for key, item in harness.rows().items() if any(part.startswith("B#") for part in key)]
    assert len(rows) == (0 if erased == "ann" or since else 2)
    for key, item in rows:
        assert f"U#{erased}" not in key
        assert item.get("participant_id") != {"S": erased}
