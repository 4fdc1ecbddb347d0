"""Consent: declined, withdrawn and blocked additions, limits and privacy."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import ChatError, Forbidden
from chalicelib.core.protocol.queries import ConversationsQuery, ExportQuery, PageQuery
from chalicelib.core.protocol.requests import CreateInvite
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with
from tests.unit.core.conversations.consent import (
    CONSENT,
    TABLES,
    accept,
    add_pending,
    closed_chat,
    decline,
    erase,
    harness,
    invited,
    moderated_chat,
    not_found,
    own_pending,
    withdraw,
)

__all__ = ["harness"]


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


def test_pending_memberships_after_many_expired_ones_are_counted() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_PENDING_MEMBERSHIPS": "20"})
    for _ in range(7):
        harness.clock.advance(harness.chat.settings.timing.pending_lifetime + 1)
        for chat in [closed_chat(harness) for _ in range(25)]:
            add_pending(harness, chat)
            run_jobs(harness, chat)
    page: dict[str, Any] = {"next_cursor": None}
    visible = 0
    while "next_cursor" in page:
        query = {"membership": "pending", "limit": "100", "cursor": page["next_cursor"]}
        page = harness.chat.conversations.pending.list(principal("bob"), ConversationsQuery.model_validate(query))
        visible += len(page["pending"])
    assert visible == 20


def test_blocked_adder_does_not_use_up_the_limit() -> None:
    harness = AppHarness({**CONSENT, "CHAT_LIMIT_PENDING_MEMBERSHIPS": "2"})
    harness.chat.conversations.blocks.block(principal("bob"), "mallory")
    for _ in range(3):
        add_pending(harness, harness.create_conversation("mallory", join_policy="invite"), by="mallory")
    assert own_pending(harness, "bob") == []
    add_pending(harness, closed_chat(harness))
    assert len(own_pending(harness, "bob")) == 1


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
