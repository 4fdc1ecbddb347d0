"""Blocks: set, lifted, listed, exported and erased."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import ErasureRunning, RateLimited, ValidationFailed
from chalicelib.core.protocol.queries import ExportQuery, PageQuery
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with

ALICE = principal("alice")
MALLORY = "mallory#1"
TABLES = ("conversations", "connections")


@pytest.fixture
def harness() -> AppHarness:
    return AppHarness({"CHAT_TIME_ERASURE_GRACE": "0"})


def block(harness: AppHarness, blocker: str, blocked: str) -> None:
    harness.chat.conversations.blocks.block(principal(blocker), blocked)


def listed(harness: AppHarness, blocker: str = "alice") -> list[str]:
    page = harness.chat.conversations.blocks.list(principal(blocker), PageQuery())
    return sorted(entry["participant_id"] for entry in page["blocks"])


def erase(harness: AppHarness, participant_id: str) -> None:
    erasure = harness.chat.privacy.erasure
    job_id, _ = erasure.request(principal(participant_id))
    while (delay := erasure.run(job_id, 60)) is not None:
        harness.clock.advance(delay)


def test_block_is_listed_until_it_is_lifted(harness: AppHarness) -> None:
    block(harness, "alice", MALLORY)
    block(harness, "alice", MALLORY)
    block(harness, "alice", "trudy")
    assert listed(harness) == [MALLORY, "trudy"]
    assert listed(harness, MALLORY) == []
    harness.chat.conversations.blocks.unblock(ALICE, MALLORY)
    harness.chat.conversations.blocks.unblock(ALICE, "nobody")
    assert listed(harness) == ["trudy"]
    assert not harness.chat.stores.consent.blocks.is_blocked("alice", MALLORY)
    assert harness.chat.stores.consent.blocks.is_blocked("alice", "trudy")


def test_blocks_are_listed_in_pages(harness: AppHarness) -> None:
    for number in range(5):
        block(harness, "alice", f"m{number}")
    query, found = PageQuery(limit="2"), []
    while True:
        page = harness.chat.conversations.blocks.list(ALICE, query)
        found += [entry["participant_id"] for entry in page["blocks"]]
        if "next_cursor" not in page:
            break
        query = PageQuery(limit="2", cursor=page["next_cursor"])
    assert sorted(found) == [f"m{number}" for number in range(5)]


def test_caller_cannot_block_themselves(harness: AppHarness) -> None:
    with pytest.raises(ValidationFailed):
        block(harness, "alice", "alice")


def test_blocks_are_rate_limited() -> None:
    harness = AppHarness({"CHAT_LIMIT_CHANGE_BURST": "2"})
    block(harness, "alice", "bob")
    harness.chat.conversations.blocks.unblock(ALICE, "bob")
    with pytest.raises(RateLimited):
        block(harness, "alice", "carol")
    with pytest.raises(RateLimited):
        harness.chat.conversations.blocks.unblock(ALICE, "carol")


def test_participant_who_is_being_erased_cannot_block(harness: AppHarness) -> None:
    harness.chat.privacy.erasure.request(ALICE)
    with pytest.raises(ErasureRunning):
        block(harness, "alice", "bob")


def test_erasure_deletes_the_blocks_of_the_participant(harness: AppHarness) -> None:
    block(harness, "alice", "bob")
    erase(harness, "alice")
    assert listed(harness) == []
    assert items_with(harness.store, TABLES, "alice") == []


def test_erasure_of_a_blocked_participant_removes_the_id_and_keeps_the_block(harness: AppHarness) -> None:
    block(harness, "alice", MALLORY)
    block(harness, "bob", MALLORY)
    erase(harness, MALLORY)
    assert items_with(harness.store, TABLES, MALLORY) == []
    (pseudonym,), (other,) = listed(harness), listed(harness, "bob")
    assert pseudonym.startswith("erased_")
    assert pseudonym != other, "pseudonyms of one participant cannot be linked"
    assert harness.chat.stores.consent.blocks.is_blocked("alice", MALLORY)
    harness.chat.conversations.blocks.unblock(ALICE, MALLORY)
    assert listed(harness) == []


def test_erasure_does_not_restore_a_block_that_was_lifted(harness: AppHarness) -> None:
    block(harness, "alice", MALLORY)
    harness.chat.conversations.blocks.unblock(ALICE, MALLORY)
    erase(harness, MALLORY)
    assert listed(harness) == []


def test_export_contains_the_own_blocks_and_not_those_of_others(harness: AppHarness) -> None:
    block(harness, "alice", MALLORY)
    block(harness, "bob", "alice")
    harness.create_conversation("alice")
    page = harness.chat.privacy.export.page(ALICE, ExportQuery())
    assert [entry["participant_id"] for entry in page["blocks"]] == [MALLORY]
    assert len(page["conversations"]) == 1


def test_export_of_many_blocks_is_paged(harness: AppHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.core.privacy.export.BLOCKS_PER_PAGE", 2)
    for number in range(5):
        block(harness, "alice", f"m{number}")
    chat = harness.create_conversation("alice")
    pages: list[dict[str, Any]] = [harness.chat.privacy.export.page(ALICE, ExportQuery())]
    while "next_cursor" in pages[-1]:
        query = ExportQuery(cursor=pages[-1]["next_cursor"])
        pages.append(harness.chat.privacy.export.page(ALICE, query))
    assert len(pages) == 3
    found = [entry["participant_id"] for page in pages for entry in page["blocks"]]
    assert sorted(found) == [f"m{number}" for number in range(5)]
    conversations = [entry["conversation_id"] for page in pages for entry in page["conversations"]]
    assert conversations == [chat]
