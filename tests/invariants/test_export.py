"""Export: all own data, nothing of others, in pages."""

from __future__ import annotations

from typing import Any

from chalicelib.core.kernel import json_codec
from chalicelib.core.privacy import export
from chalicelib.core.protocol.queries import ExportQuery
from tests.invariants.harness import Setup
from tests.invariants.process import Process
from tests.invariants.tables import Tables

OPEN = Setup(is_open=True, sockets=(), subscribed=())


def exported(process: Process, name: str) -> list[dict[str, Any]]:
    """Return all pages."""
    pages: list[dict[str, Any]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        pages.append(process.app.privacy.export.page(process.principal(name), ExportQuery(cursor=cursor)))
        cursor = pages[-1].get("next_cursor")
        assert len(pages) < 100
    return pages


def all_of(pages: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [entry for page in pages for entry in page[what]]


def test_export_contains_own_messages_in_their_current_version_only(tables: Tables) -> None:
    harness = tables.harness(OPEN)
    process = harness.process()
    first = process.post_message("bob", "first", "1")["sequence_id"]
    process.post_message("alice", "of alice", "2")
    process.edit_message("bob", first, "better")
    process.add_reaction("alice", first, "👍")
    process.delete_message("bob", process.post_message("bob", "regretted", "3")["sequence_id"])
    (page,) = exported(process, "bob")
    assert page["participant"] == {"participant_id": harness.participant_id("bob")}
    (conversation,) = page["conversations"]
    assert (conversation["conversation_id"], conversation["is_participant"]) == (harness.conversation, True)
    assert (conversation["title"], conversation["role"], conversation["name"]) == ("A title", "member", "Bob")
    assert [message.get("content") for message in page["messages"]] == ["better", None]
    assert page["messages"][0]["reactions"] == [{"emoji": "👍", "count": 1, "mine": False}]


def test_export_of_a_left_conversation_contains_own_messages_only(tables: Tables) -> None:
    harness = tables.harness(OPEN)
    process = harness.process()
    process.add_reaction("alice", process.post_message("bob", "mine", "1")["sequence_id"], "👍")
    process.leave("bob")
    process.post_message("alice", "of alice", "2")
    (page,) = exported(process, "bob")
    assert page["conversations"] == [{"conversation_id": harness.conversation, "is_participant": False}]
    (message,) = page["messages"]
    assert message["content"] == "mine"
    assert "reactions" not in message


def test_export_omits_deleted_conversations(tables: Tables) -> None:
    harness = tables.harness(OPEN)
    process = harness.process()
    process.post_message("bob", "mine", "1")
    process.delete_conversation("alice")
    (page,) = exported(process, "bob")
    assert page == {
        "participant": {"participant_id": harness.participant_id("bob")},
        "conversations": [],
        "blocks": [],
        "pending": [],
        "creations": [],
        "reports": [],
        "messages": [],
    }


def test_export_pages_contain_everything_once(tables: Tables) -> None:
    harness = tables.with_limits(message_burst=10_000, content_bytes=24_000).harness(OPEN)
    process = harness.process()
    home = harness.conversation
    process.create_conversation("bob", ["alice"])
    for number in range(export.EVENTS_PER_PAGE + 50):
        process.post_message("bob" if number % 10 == 0 else "alice", f"text {number}", f"k{number}")
    first = process.app.privacy.export.page(process.principal("bob"), ExportQuery())
    assert len(first["messages"]) < export.EVENTS_PER_PAGE
    pages, left = [first], False
    while "next_cursor" in pages[-1]:
        if not left:
            harness.conversation, left = home, True
            process.leave("bob")
        query = ExportQuery(cursor=pages[-1]["next_cursor"])
        pages.append(process.app.privacy.export.page(process.principal("bob"), query))
    texts = [message["content"] for message in all_of(pages, "messages")]
    assert texts == [f"text {number}" for number in range(0, export.EVENTS_PER_PAGE + 50, 10)]
    ids = [conversation["conversation_id"] for conversation in all_of(pages, "conversations")]
    assert len(ids) == len({*ids}) == 2
    assert left


def test_export_page_fits_into_a_response(tables: Tables) -> None:
    harness = tables.with_limits(message_burst=10_000).harness(OPEN)
    process = harness.process()
    for number in range(120):
        process.post_message("bob", f"{number}" + "ä" * 9_990, f"k{number}")
    pages = exported(process, "bob")
    assert len(pages) == 5, "of 26 messages of 20 KB each"
    assert all(json_codec.size(page) <= export.MAX_PAGE_BYTES + 8_192 for page in pages)
    assert len(all_of(pages, "messages")) == 120
