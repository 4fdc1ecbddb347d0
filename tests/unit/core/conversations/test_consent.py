"""Consent: additions that wait for acceptance, and what each side sees of them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import (
    AlreadyParticipant,
    ChatError,
    ConversationLimit,
    Forbidden,
    NotFound,
    ParticipantLimit,
    RateLimited,
)
from chalicelib.core.protocol.queries import ConversationsQuery, ExportQuery, PageQuery
from chalicelib.core.protocol.requests import CreateInvite, UpdateParticipant
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with

TABLES = ("conversations", "connections")
CONSENT = {"CHAT_ADDING": "consent", "CHAT_TIME_ERASURE_GRACE": "0"}


@pytest.fixture
def harness() -> AppHarness:
    return AppHarness(CONSENT)


def own_pending(harness: AppHarness, participant_id: str) -> list[Any]:
    query = ConversationsQuery(membership="pending")
    page = harness.chat.conversations.pending.list(principal(participant_id), query)
    assert page["conversations"] == []
    return list(page["pending"])


def invited(harness: AppHarness, chat: str, by: str = "alice") -> list[str]:
    page = harness.chat.conversations.pending.list_in(principal(by), chat, PageQuery())
    return sorted(entry["participant_id"] for entry in page["pending"])


def accept(harness: AppHarness, chat: str, participant_id: str = "bob") -> Any:
    return harness.chat.conversations.members.join(principal(participant_id), chat).response


def decline(harness: AppHarness, chat: str, participant_id: str = "bob") -> Any:
    return harness.chat.conversations.members.leave(principal(participant_id), chat).response


def withdraw(harness: AppHarness, chat: str, by: str = "alice", participant_id: str = "bob") -> None:
    harness.chat.conversations.pending.withdraw(principal(by), chat, participant_id)


def is_member(harness: AppHarness, chat: str, participant_id: str = "bob") -> bool:
    return harness.chat.stores.memberships.membership(chat, participant_id) is not None


def add_pending(harness: AppHarness, chat: str, by: str = "alice", role: Any = "member") -> Any:
    response = harness.add(by, chat, "bob", role).response
    assert response["membership"] == "pending"
    return response


def closed_chat(harness: AppHarness) -> str:
    return harness.create_conversation("alice", join_policy="invite")


def moderated_chat(harness: AppHarness) -> str:
    """Return a conversation of alice with the moderator mod."""
    chat = closed_chat(harness)
    harness.add("alice", chat, "mod", "moderator")
    accept(harness, chat, "mod")
    return chat


def erase(harness: AppHarness, participant_id: str) -> None:
    erasure = harness.chat.privacy.erasure
    job_id, _ = erasure.request(principal(participant_id))
    while (delay := erasure.run(job_id, 60)) is not None:
        harness.clock.advance(delay)


def not_found(act: Any, *arguments: Any) -> None:
    with pytest.raises(NotFound):
        act(*arguments)


# ---- acceptance ------------------------------------------------------------------------------------------


def test_pending_member_is_not_in_the_conversation(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    before = harness.events(chat)
    add_pending(harness, chat)
    assert not is_member(harness, chat)
    assert harness.events(chat) == before
    assert harness.head(chat).participant_count == 1
    not_found(harness.chat.conversations.views.view, chat, principal("bob"))


def test_list_shows_title_adder_and_time_and_nothing_else(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    answer = add_pending(harness, chat)
    harness.send_message("alice", chat, "a secret text")
    (entry,) = own_pending(harness, "bob")
    assert entry == {
        "conversation_id": chat,
        "title": "Trip",
        "role": "member",
        "membership": "pending",
        "added_by": {"participant_id": "alice", "name": "alice", "type": "human"},
        "added_at": answer["added_at"],
        "expires_at": answer["expires_at"],
    }


def test_acceptance_begins_the_membership_with_an_event(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    add_pending(harness, chat, role="moderator")
    view = accept(harness, chat)
    event = harness.events(chat)[-1]
    assert (event["type"], event["reason"]) == ("participant_joined", "accepted")
    assert event["sender"]["participant_id"] == event["participant"]["participant_id"] == "bob"
    member = harness.member(chat, "bob")
    assert (member.epoch, member.role) == (event["sequence_id"], "moderator")
    assert view["read_up_to"] == event["sequence_id"]
    assert own_pending(harness, "bob") == []
    assert invited(harness, chat) == []
    with pytest.raises(AlreadyParticipant):
        accept(harness, chat)


def test_accepted_membership_leaves_nothing_pending_behind(harness: AppHarness) -> None:
    chat = moderated_chat(harness)
    add_pending(harness, chat)
    add_pending(harness, chat, by="mod")
    accept(harness, chat)
    decline(harness, chat)
    not_found(accept, harness, chat)
    assert own_pending(harness, "bob") == []
    assert not [item for item in items_with(harness.store, TABLES, "expires_at") if chat in item and "N#" in item]


def test_full_conversation_is_answered_on_acceptance() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_PARTICIPANTS": "2"})
    chat = closed_chat(harness)
    add_pending(harness, chat)
    harness.add("alice", chat, "carol")
    accept(harness, chat, "carol")
    with pytest.raises(ParticipantLimit):
        accept(harness, chat)
    decline(harness, chat, "carol")
    accept(harness, chat)


def test_pending_membership_expires(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    add_pending(harness, chat)
    harness.clock.advance(30 * 24 * 3600 + 1)
    not_found(accept, harness, chat)
    assert own_pending(harness, "bob") == []
    assert invited(harness, chat) == []


def test_pending_member_never_inherits(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    add_pending(harness, chat, role="owner")
    assert decline(harness, chat, "alice") == {"remaining_participants": 0}
    not_found(accept, harness, chat)


# ---- the right of the adder ------------------------------------------------------------------------------


def demote(harness: AppHarness, chat: str) -> None:
    harness.chat.conversations.moderation.update(principal("alice"), chat, "mod", UpdateParticipant(role="member"))


def mute(harness: AppHarness, chat: str) -> None:
    harness.chat.conversations.moderation.update(principal("alice"), chat, "mod", UpdateParticipant(muted_for=60))


def leave_and_return(harness: AppHarness, chat: str) -> None:
    decline(harness, chat, "mod")
    harness.add("alice", chat, "mod", "moderator")
    accept(harness, chat, "mod")


def ban(harness: AppHarness, chat: str) -> None:
    harness.chat.conversations.moderation.ban(principal("alice"), chat, "mod")


@pytest.mark.parametrize("lose", [demote, mute, leave_and_return, ban])
def test_membership_is_void_if_the_adder_has_lost_the_right(harness: AppHarness, lose: Any) -> None:
    chat = moderated_chat(harness)
    add_pending(harness, chat, by="mod")
    lose(harness, chat)
    assert own_pending(harness, "bob") == []
    not_found(accept, harness, chat)
    add_pending(harness, chat)
    accept(harness, chat)


def test_membership_is_void_if_the_adder_is_erased(harness: AppHarness) -> None:
    chat = moderated_chat(harness)
    add_pending(harness, chat, by="mod")
    erase(harness, "mod")
    not_found(accept, harness, chat)
    assert invited(harness, chat) == []
    assert items_with(harness.store, TABLES, '"mod"') == []


def test_entries_belong_to_one_adder(harness: AppHarness) -> None:
    chat = moderated_chat(harness)
    add_pending(harness, chat)
    add_pending(harness, chat, by="mod")
    harness.chat.conversations.blocks.block(principal("bob"), "alice")
    assert [entry["added_by"]["participant_id"] for entry in own_pending(harness, "bob")] == ["mod"]
    accept(harness, chat)


def test_deleted_conversation_is_not_listed(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    add_pending(harness, chat)
    harness.chat.conversations.lifecycle.delete(principal("alice"), chat)
    assert own_pending(harness, "bob") == []
    not_found(accept, harness, chat)
    harness.chat.conversations.lifecycle.purge_due(10)
    assert not [item for item in items_with(harness.store, TABLES, "bob") if chat in item]


# ---- decline, withdrawal, block ----------------------------------------------------------------------------


def test_decline_is_not_visible_to_owners(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    first = add_pending(harness, chat)
    assert decline(harness, chat) == {}
    assert own_pending(harness, "bob") == []
    not_found(accept, harness, chat)
    not_found(decline, harness, chat)
    assert invited(harness, chat) == ["bob"]
    assert add_pending(harness, chat) == first
    assert own_pending(harness, "bob") == [], "the same participant does not ask again"


def test_outsider_has_nothing_to_decline(harness: AppHarness) -> None:
    not_found(decline, harness, closed_chat(harness))


def test_withdrawal_ends_the_pending_membership(harness: AppHarness) -> None:
    chat = moderated_chat(harness)
    add_pending(harness, chat)
    add_pending(harness, chat, by="mod")
    withdraw(harness, chat, "mod")
    assert own_pending(harness, "bob") == []
    assert invited(harness, chat) == []
    not_found(accept, harness, chat)
    not_found(withdraw, harness, chat)


def test_moderator_withdraws_members_only(harness: AppHarness) -> None:
    chat = moderated_chat(harness)
    add_pending(harness, chat, role="moderator")
    with pytest.raises(Forbidden):
        withdraw(harness, chat, "mod")
    withdraw(harness, chat)


def test_members_do_not_see_pending_memberships(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    harness.add("alice", chat, "carol")
    accept(harness, chat, "carol")
    add_pending(harness, chat)
    with pytest.raises(Forbidden):
        invited(harness, chat, "carol")
    with pytest.raises(Forbidden):
        withdraw(harness, chat, "carol")
    not_found(invited, harness, chat, "bob")


def test_block_hides_the_membership_from_the_blocker_only(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    first = add_pending(harness, chat)
    page = harness.chat.conversations.pending.list_in(principal("alice"), chat, PageQuery())
    blocks = harness.chat.conversations.blocks
    blocks.block(principal("bob"), "alice")
    assert own_pending(harness, "bob") == []
    not_found(accept, harness, chat)
    assert harness.chat.conversations.pending.list_in(principal("alice"), chat, PageQuery()) == page
    assert add_pending(harness, chat) == first
    blocks.unblock(principal("bob"), "alice")
    assert own_pending(harness, "bob") == []
    not_found(accept, harness, chat)
    withdraw(harness, chat)
    add_pending(harness, chat)
    assert len(own_pending(harness, "bob")) == 1


def test_ban_ends_pending_memberships(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    add_pending(harness, chat)
    moderation = harness.chat.conversations.moderation
    moderation.ban(principal("alice"), chat, "bob")
    not_found(accept, harness, chat)
    assert invited(harness, chat) == []
    moderation.unban(principal("alice"), chat, "bob")
    not_found(accept, harness, chat)


def test_removed_participant_needs_an_addition_after_the_removal(harness: AppHarness) -> None:
    chat = moderated_chat(harness)
    add_pending(harness, chat)
    invite = harness.chat.conversations.invites
    secret = invite.create(principal("alice"), chat, CreateInvite())["invite"]
    harness.chat.conversations.members.join(principal("bob"), chat, secret)
    harness.chat.conversations.members.remove(principal("alice"), chat, "bob")
    not_found(accept, harness, chat)
    add_pending(harness, chat)
    accept(harness, chat)


# ---- limits ------------------------------------------------------------------------------------------------


def run_jobs(harness: AppHarness, chat: str) -> None:
    harness.chat.privacy.jobs.start(f"invited:{chat}/")


def test_participant_sees_a_limited_number_of_pending_memberships() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_PENDING_MEMBERSHIPS": "3"})
    chats = [closed_chat(harness) for _ in range(5)]
    for chat in chats:
        add_pending(harness, chat)
        run_jobs(harness, chat)
        assert invited(harness, chat) == ["bob"], "the limit is not visible to the adder"
    assert [entry["conversation_id"] for entry in own_pending(harness, "bob")] == sorted(chats[:3])


def test_counts_of_pending_memberships_are_corrected() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_PENDING_MEMBERSHIPS": "3"})
    for _ in range(5):
        chat = closed_chat(harness)
        add_pending(harness, chat)
        assert len(own_pending(harness, "bob")) == 1
        decline(harness, chat)
        run_jobs(harness, chat)


def test_blocked_adder_does_not_use_up_the_limit() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_PENDING_MEMBERSHIPS": "2"})
    harness.chat.conversations.blocks.block(principal("bob"), "mallory")
    for _ in range(3):
        add_pending(harness, harness.create_conversation("mallory", join_policy="invite"), by="mallory")
    assert own_pending(harness, "bob") == []
    add_pending(harness, closed_chat(harness))
    assert len(own_pending(harness, "bob")) == 1


# ---- privacy -----------------------------------------------------------------------------------------------


def test_erasure_deletes_visible_and_hidden_pending_memberships(harness: AppHarness) -> None:
    visible, hidden = closed_chat(harness), closed_chat(harness)
    add_pending(harness, visible)
    add_pending(harness, hidden)
    decline(harness, hidden)
    erase(harness, "bob")
    assert items_with(harness.store, TABLES, "bob") == []
    assert invited(harness, visible) == invited(harness, hidden) == []


def test_export_contains_visible_pending_memberships_only(harness: AppHarness) -> None:
    visible, hidden = closed_chat(harness), closed_chat(harness)
    add_pending(harness, visible)
    add_pending(harness, hidden)
    decline(harness, hidden)
    page = harness.chat.privacy.export.page(principal("bob"), ExportQuery())
    assert page["pending"] == own_pending(harness, "bob")
    assert [entry["conversation_id"] for entry in page["pending"]] == [visible]
    assert harness.chat.privacy.export.page(principal("alice"), ExportQuery())["pending"] == []


def test_erasure_while_others_add_leaves_nothing(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    erasure = harness.chat.privacy.erasure
    job_id, _ = erasure.request(principal("bob"))
    add_pending(harness, chat)
    harness.chat.conversations.blocks.block(principal("carol"), "bob")
    while (delay := erasure.run(job_id, 60)) is not None:
        harness.clock.advance(delay)
    assert items_with(harness.store, TABLES, "bob") == []


def test_cursor_of_the_lists_is_validated(harness: AppHarness) -> None:
    chat = closed_chat(harness)
    for query in (ConversationsQuery(membership="pending", cursor="WyJ+fiJd"), PageQuery(cursor="x")):
        with pytest.raises(ChatError):
            harness.chat.conversations.pending.list(principal("bob"), query)
        with pytest.raises(ChatError):
            harness.chat.conversations.pending.list_in(principal("alice"), chat, query)


# ---- caps and rates ----------------------------------------------------------------------------------------


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
