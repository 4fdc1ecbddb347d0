"""Consent: additions that wait for acceptance, and the right of the adder."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import AlreadyParticipant, ParticipantLimit
from chalicelib.core.protocol.requests import UpdateParticipant
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
    is_member,
    moderated_chat,
    not_found,
    own_pending,
)

__all__ = ["harness"]


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
