"""Consent: caps of own conversations, and rates of additions."""

from __future__ import annotations

import pytest

from chalicelib.core.conversations.additions import MAX_ADDERS
from chalicelib.core.kernel.errors import ConversationLimit, ParticipantLimit, RateLimited
from chalicelib.core.protocol.requests import NewParticipant
from tests.support.app_harness import AppHarness, principal
from tests.unit.core.conversations.consent import (
    CONSENT,
    accept,
    add_pending,
    closed_chat,
    decline,
    harness,
    invited,
    is_member,
    not_found,
    own_pending,
)

__all__ = ["harness"]


def test_own_conversations_are_limited() -> None:
    harness = AppHarness({"CHAT_LIMIT_CONVERSATIONS": "2"})
    first = harness.create_conversation("bob")
    other, open_chat = closed_chat(harness), harness.create_conversation("carol")
    harness.chat.conversations.members.join(principal("bob"), open_chat)
    with pytest.raises(ConversationLimit):
        harness.create_conversation("bob")
    with pytest.raises(ConversationLimit):
        harness.chat.conversations.members.join(principal("bob"), harness.create_conversation("dan"))
    assert harness.add("alice", other, "bob").response["membership"] == "active", "additions have their own cap"
    harness.chat.conversations.members.leave(principal("bob"), first)
    harness.create_conversation("bob")


def test_acceptance_counts_as_an_own_conversation() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_CONVERSATIONS": "1"})
    chats = [harness.create_conversation(owner, join_policy="invite") for owner in ("alice", "carol")]
    for owner, chat in zip(("alice", "carol"), chats, strict=True):
        harness.add(owner, chat, "bob")
    accept(harness, chats[0])
    with pytest.raises(ConversationLimit):
        accept(harness, chats[1])
    decline(harness, chats[0])
    accept(harness, chats[1])


def test_purged_conversations_do_not_count() -> None:
    harness = AppHarness({"CHAT_LIMIT_CONVERSATIONS": "2"})
    for _ in range(2):
        chat = harness.create_conversation("bob")
        harness.chat.conversations.lifecycle.delete(principal("bob"), chat)
    harness.chat.conversations.lifecycle.purge_due(10)
    for _ in range(2):
        harness.create_conversation("bob")
    with pytest.raises(ConversationLimit):
        harness.create_conversation("bob")


def test_additions_by_others_have_their_own_cap() -> None:
    harness = AppHarness({"CHAT_LIMIT_ADDED_CONVERSATIONS": "2"})
    memberships = [harness.add("alice", closed_chat(harness), "bob").response["membership"] for _ in range(3)]
    assert memberships == ["active", "active", "pending"]
    chat = harness.create_conversation("alice", "bob", join_policy="invite")
    assert invited(harness, chat) == ["bob"]
    harness.create_conversation("bob")
    accept(harness, chat)
    added = [member for member in harness.chat.stores.memberships.memberships_of("bob") if member.is_added]
    assert len(added) == 2


def test_left_conversation_no_longer_counts_as_added() -> None:
    harness = AppHarness({"CHAT_LIMIT_ADDED_CONVERSATIONS": "1"})
    for chat in (harness.create_conversation("alice", "bob"), closed_chat(harness), closed_chat(harness)):
        if not is_member(harness, chat):
            assert harness.add("alice", chat, "bob").response["membership"] == "active"
        decline(harness, chat)


def test_creations_are_rate_limited() -> None:
    harness = AppHarness({"CHAT_LIMIT_CREATION_BURST": "2"})
    for _ in range(2):
        harness.create_conversation("alice")
    with pytest.raises(RateLimited):
        harness.create_conversation("alice")
    harness.create_conversation("bob")
    harness.clock.advance(3)
    harness.create_conversation("alice")


def test_additions_are_rate_limited_those_in_creations_included() -> None:
    harness = AppHarness({"CHAT_LIMIT_ADDITION_BURST": "3", "CHAT_LIMIT_ADDITIONS_PER_MINUTE": "60"})
    chat = harness.create_conversation("alice", "b1", "b2")
    harness.add("alice", chat, "b3")
    with pytest.raises(RateLimited):
        harness.add("alice", chat, "b4")
    with pytest.raises(RateLimited):
        harness.create_conversation("alice", "b4")
    harness.clock.advance(3)
    people = [f"p{number}" for number in range(5)]
    harness.create_conversation("alice", *people)
    harness.create_conversation("alice")


def test_group_with_pending_people_is_created_all_the_same() -> None:
    harness = AppHarness({"CHAT_TIME_ERASURE_GRACE": "0"})
    people = [f"p{number}" for number in range(60)]
    harness.chat.privacy.erasure.request(principal("p7"))
    harness.chat.conversations.blocks.block(principal("p50"), "alice")
    chat = harness.create_conversation("alice", *people)
    assert harness.head(chat).participant_count == 59
    assert invited(harness, chat) == ["p50", "p7"]
    assert own_pending(harness, "p50") == own_pending(harness, "p7") == []
    created = harness.events(chat)[0]
    assert {"p7", "p50"}.isdisjoint(member["participant_id"] for member in created["participants"])
    assert len(harness.chat.stores.memberships.roster(chat)) == 59


def test_addition_is_decided_anew_if_the_standing_changes() -> None:
    """The block comes after the reads of the addition."""
    harness = AppHarness()
    chat = closed_chat(harness)
    block = harness.chat.conversations.blocks.block
    harness.gather.after(4, lambda: block(principal("bob"), "alice"))
    assert harness.add("alice", chat, "bob").response["membership"] == "pending"
    assert own_pending(harness, "bob") == []


def test_addition_from_before_a_removal_is_void_even_if_a_join_has_not_seen_it() -> None:
    """The pending membership is saved after the join has read that there is none."""
    harness = AppHarness(CONSENT)
    chat = harness.create_conversation("alice")
    harness.gather.after(4, lambda: add_pending(harness, chat))
    accept(harness, chat)
    assert len(own_pending(harness, "bob")) == 1
    harness.chat.conversations.members.remove(principal("alice"), chat, "bob")
    not_found(accept, harness, chat)


def test_limited_number_of_members_add_the_same_person() -> None:
    """An arrival, or a ban, ends all their additions in one transaction."""
    harness = AppHarness()
    moderators = [f"moderator-{number}" for number in range(MAX_ADDERS + 1)]
    people = [NewParticipant(participant_id=name, name=name, role="moderator") for name in moderators]
    for end in ("join", "ban"):
        chat = harness.create_conversation("alice", join_policy="invite", participants=people)
        harness.add("alice", chat, "bob")
        harness.chat.conversations.members.leave(principal("bob"), chat)
        for name in moderators[:MAX_ADDERS]:
            add_pending(harness, chat, name)
        with pytest.raises(ParticipantLimit):
            harness.add(moderators[-1], chat, "bob")
        add_pending(harness, chat, moderators[0])
        assert len(invited(harness, chat)) == MAX_ADDERS
        if end == "join":
            accept(harness, chat)
        else:
            harness.chat.conversations.moderation.ban(principal("alice"), chat, "bob")
        assert invited(harness, chat) == []
