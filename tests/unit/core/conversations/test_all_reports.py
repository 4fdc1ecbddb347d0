"""The open reports of all conversations, as services list them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.actors import Service
from chalicelib.core.protocol.queries import PageQuery
from tests.support.app_harness import AppHarness, principal
from tests.support.items import items_with
from tests.unit.core.conversations.test_directs import erase, open_direct

SHOP = Service("shop").as_principal()
TABLES = ("conversations", "connections")


@pytest.fixture
def harness() -> AppHarness:
    return AppHarness({"CHAT_TIME_ERASURE_GRACE": "0", "CHAT_LIMIT_REPORT_BURST": "100"})


def report(harness: AppHarness, chat: str, reason: str, reporter: str = "bob") -> None:
    """Let a participant report a new message of alice."""
    target = harness.send_message("alice", chat, "spam", client_message_id=reason.replace(" ", "-"))
    harness.chat.conversations.reports.report(principal(reporter), chat, target, reason)
    harness.clock.advance(1)


def page(harness: AppHarness, **query: Any) -> dict[str, Any]:
    return harness.chat.conversations.reports.list_all(PageQuery(**query))


def reasons(harness: AppHarness) -> list[str]:
    return [found["reason"] for found in page(harness)["reports"]]


def test_reports_of_all_conversations_are_listed_in_the_order_of_time(harness: AppHarness) -> None:
    group = harness.create_conversation("alice", "bob")
    direct = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    for number in range(12):
        report(harness, (group, direct)[number % 2], f"reason {number}")
    assert reasons(harness) == [f"reason {number}" for number in range(12)]
    found: list[str] = []
    query: dict[str, Any] = {"limit": "5"}
    while True:
        answer = page(harness, **query)
        found += [entry["reason"] for entry in answer["reports"]]
        if "next_cursor" not in answer:
            break
        query["cursor"] = answer["next_cursor"]
    assert found == reasons(harness)
    first = page(harness)["reports"][0]
    assert (first["conversation_id"], first["author_id"], first["status"]) == (group, "alice", "open")


@pytest.mark.parametrize("closed_by", ["shop", "alice"])
def test_closed_report_is_not_listed(harness: AppHarness, closed_by: str) -> None:
    chat = harness.create_conversation("mod", "alice", "bob")
    report(harness, chat, "one")
    report(harness, chat, "two")
    caller = SHOP if closed_by == "shop" else principal("mod")
    harness.chat.conversations.reports.close(caller, chat, page(harness)["reports"][0]["report_id"], "resolved")
    assert reasons(harness) == ["two"]


def test_reports_of_a_deleted_conversation_are_not_listed_and_leave_nothing(harness: AppHarness) -> None:
    kept, deleted = (harness.create_conversation("alice", "bob") for _ in range(2))
    report(harness, deleted, "gone")
    report(harness, kept, "kept")
    harness.chat.conversations.lifecycle.delete(SHOP, deleted)
    assert reasons(harness) == ["kept"]
    harness.chat.conversations.lifecycle.purge_due(60)
    assert reasons(harness) == ["kept"]
    left = [row for row in items_with(harness.store, TABLES, deleted) if "RETENTION" not in str(row)]
    assert left == []


def test_reports_expire_and_a_message_is_reported_anew(harness: AppHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    report(harness, chat, "one")
    harness.clock.advance(30 * 24 * 3600 + 1)
    assert reasons(harness) == []
    harness.chat.conversations.reports.report(principal("bob"), chat, 2, "again")
    assert reasons(harness) == ["again"]


def test_erasure_of_the_reporter_removes_the_report_and_of_the_author_the_id(harness: AppHarness) -> None:
    chat = harness.create_conversation("carol", "alice", "bob", "dan")
    report(harness, chat, "by bob")
    report(harness, chat, "by dan", "dan")
    erase(harness, "bob")
    assert reasons(harness) == ["by dan"]
    indexed = [row for row in harness.store.items("conversations") if row["pk"]["S"].startswith("M#")]
    assert len(indexed) == 1
    erase(harness, "alice")
    (found,) = page(harness)["reports"]
    assert found["author_id"].startswith("erased_")


@pytest.mark.parametrize("limit", ["1", "3", "50"])
def test_expired_reports_hide_none_of_those_after_them(harness: AppHarness, limit: str) -> None:
    chat = harness.create_conversation("alice", "bob")
    for number in range(30):
        report(harness, chat, f"old {number}")
    harness.clock.advance(31 * 24 * 3600)
    for number in range(3):
        report(harness, chat, f"new {number}")
    found: list[str] = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        answer = page(harness, **query)
        found += [entry["reason"] for entry in answer["reports"]]
        if "next_cursor" not in answer:
            break
        query["cursor"] = answer["next_cursor"]
    assert found == ["new 0", "new 1", "new 2"]
