"""The limit on changes: which requests it counts, and how it recovers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.core.kernel.errors import NotFound, RateLimited
from chalicelib.core.protocol.requests import CreateInvite, UpdateConversation, UpdateParticipant
from tests.support.app_harness import AppHarness, principal

ALICE = principal("alice")
Change = Callable[[AppHarness, str], object]


def leave_and_join(harness: AppHarness, chat: str) -> None:
    members = harness.chat.conversations.members
    members.leave(ALICE, chat)
    members.join(ALICE, chat)


def rename(harness: AppHarness, chat: str) -> None:
    title = f"Title {harness.head(chat).sequence_id}"
    harness.chat.conversations.lifecycle.update(ALICE, chat, UpdateConversation(title=title))


def promote_and_demote(harness: AppHarness, chat: str) -> None:
    for role in ("moderator", "member"):
        change = UpdateParticipant(role=role)
        harness.chat.conversations.moderation.update(ALICE, chat, "bob", change)


def ban_and_unban(harness: AppHarness, chat: str) -> None:
    moderation = harness.chat.conversations.moderation
    moderation.ban(ALICE, chat, "eve")
    moderation.unban(ALICE, chat, "eve")


CHANGES: dict[str, tuple[Change, int]] = {
    "leave and join": (leave_and_join, 2),
    "rename": (rename, 1),
    "promote and demote": (promote_and_demote, 2),
    "ban and unban": (ban_and_unban, 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_limited_to_the_burst_and_then_to_the_rate(name: str) -> None:
    change, price = CHANGES[name]
    harness = AppHarness({"CHAT_LIMIT_CHANGE_BURST": "6", "CHAT_LIMIT_CHANGES_PER_MINUTE": "30"})
    chat = harness.create_conversation("bob", "alice")
    harness.chat.conversations.moderation.update(principal("bob"), chat, "alice", UpdateParticipant(role="owner"))
    for _ in range(6 // price):
        change(harness, chat)
    with pytest.raises(RateLimited) as limited:
        change(harness, chat)
    assert limited.value.retry_after == 2.0
    harness.clock.advance(2.0 * price)
    change(harness, chat)


def test_guessed_invites_are_limited_whether_the_conversation_exists_or_not() -> None:
    harness = AppHarness({"CHAT_LIMIT_CHANGE_BURST": "5"})
    chat = harness.create_conversation("bob", join_policy="invite")
    for conversation_id in (chat, "conv_AAAAAAAAAAAAAAAAAAAAAA", "nonsense", chat, chat):
        with pytest.raises(NotFound):
            harness.chat.conversations.members.join(ALICE, conversation_id, "inv_AAAAAAAAAAAAAAAAAAAAAA")
    invite = harness.chat.conversations.invites.create(principal("bob"), chat, CreateInvite())
    for conversation_id in (chat, "nonsense"):
        with pytest.raises(RateLimited):
            harness.chat.conversations.members.join(ALICE, conversation_id, str(invite["invite"]))


def test_changes_and_messages_have_separate_limits() -> None:
    harness = AppHarness({"CHAT_LIMIT_CHANGE_BURST": "1"})
    chat = harness.create_conversation("alice")
    rename(harness, chat)
    with pytest.raises(RateLimited):
        rename(harness, chat)
    assert harness.send_message("alice", chat)


def test_removals_and_bans_are_not_limited() -> None:
    harness = AppHarness({"CHAT_LIMIT_CHANGE_BURST": "1"})
    chat = harness.create_conversation("alice", *(f"eve{number}" for number in range(6)))
    rename(harness, chat)
    for number in range(3):
        harness.chat.conversations.moderation.ban(ALICE, chat, f"eve{number}")
    for number in range(3, 6):
        harness.chat.conversations.members.remove(ALICE, chat, f"eve{number}")
    assert harness.head(chat).participant_count == 1
