"""Participants who consent to additions, and what they do."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.protocol.queries import ConversationsQuery, PageQuery
from tests.support.app_harness import AppHarness, principal

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
