"""Consent: additions that wait for acceptance, and what each side sees of them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import (
    AlreadyParticipant,
    ChatError,
    Forbidden,
    NotFound,
    ParticipantLimit,
)
from chalicelib.core.protocol.queries import ConversationsQuery, ExportQuery, PageQuery
from chalicelib.core.protocol.requests import UpdateParticipant
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
    from chalicelib.core.protocol.requests import CreateInvite

    secret = invite.create(principal("alice"), chat, CreateInvite())["invite"]
    harness.chat.conversations.members.join(principal("bob"), chat, secret)
    harness.chat.conversations.members.remove(principal("alice"), chat, "bob")
    not_found(accept, harness, chat)
    add_pending(harness, chat)
    accept(harness, chat)


# ---- limits ------------------------------------------------------------------------------------------------


def test_participant_sees_a_limited_number_of_pending_memberships() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_PENDING_MEMBERSHIPS": "3"})
    chats = [closed_chat(harness) for _ in range(5)]
    for chat in chats:
        add_pending(harness, chat)
        assert invited(harness, chat) == ["bob"], "the limit is not visible to the adder"
    assert [entry["conversation_id"] for entry in own_pending(harness, "bob")] == sorted(chats[:3])
    decline(harness, chats[0])
    more = closed_chat(harness)
    add_pending(harness, more)
    assert len(own_pending(harness, "bob")) == 3


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
