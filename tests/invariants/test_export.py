"""Export: all of one's own, nothing of others, page by page."""

from __future__ import annotations

from typing import Any

from chalicelib.core.privacy import export
from chalicelib.core.protocol.requests import ExportQuery
from tests.invariants.world import Process, Shape, Stage

OPEN = Shape(is_open=True, sockets=(), listening=())


def exported(process: Process, name: str) -> list[dict[str, Any]]:
    """All pages."""
    pages: list[dict[str, Any]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        pages.append(process.app.privacy.export.page(process.caller(name), ExportQuery(cursor=cursor)))
        cursor = pages[-1].get("next_cursor")
        assert len(pages) < 100
    return pages


def all_of(pages: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [each for page in pages for each in page[what]]


def test_it_holds_ones_own_messages_as_they_now_are_and_nothing_of_others(stage: Stage) -> None:
    world = stage.world(OPEN)
    process = world.process()
    first = process.sends("bob", "first", "1")["sequence_id"]
    process.sends("alice", "of alice", "2")
    process.edit("bob", first, "better")
    process.react("alice", first, "👍")
    process.take_back("bob", process.sends("bob", "regretted", "3")["sequence_id"])
    (page,) = exported(process, "bob")
    assert page["participant"] == {"participant_id": world.person("bob")}
    (conversation,) = page["conversations"]
    assert (conversation["conversation_id"], conversation["is_participant"]) == (world.conversation, True)
    assert (conversation["title"], conversation["role"], conversation["name"]) == ("A title", "member", "Bob")
    assert [each.get("content") for each in page["messages"]] == ["better", None]
    assert page["messages"][0]["reactions"] == [{"emoji": "👍", "count": 1}]


def test_of_what_one_has_left_it_holds_ones_own_messages_alone(stage: Stage) -> None:
    world = stage.world(OPEN)
    process = world.process()
    process.react("alice", process.sends("bob", "mine", "1")["sequence_id"], "👍")
    process.leave("bob")
    process.sends("alice", "of alice", "2")
    (page,) = exported(process, "bob")
    assert page["conversations"] == [{"conversation_id": world.conversation, "is_participant": False}]
    (message,) = page["messages"]
    assert message["content"] == "mine"
    assert "reactions" not in message


def test_of_what_was_deleted_or_never_was_there_is_nothing(stage: Stage) -> None:
    world = stage.world(OPEN)
    process = world.process()
    process.sends("bob", "mine", "1")
    process.delete("alice")
    (page,) = exported(process, "bob")
    assert page == {"participant": {"participant_id": world.person("bob")}, "conversations": [], "messages": []}


def test_pages_hold_everything_once_whatever_happens_between_them(stage: Stage) -> None:
    world = stage.with_limits(message_burst=10_000, content_bytes=24_000).world(OPEN)
    process = world.process()
    home = world.conversation
    process.create("bob", ["alice"])
    for number in range(export.EVENTS_PER_PAGE + 50):
        process.sends("bob" if number % 10 == 0 else "alice", f"text {number}", f"k{number}")
    first = process.app.privacy.export.page(process.caller("bob"), ExportQuery())
    assert len(first["messages"]) < export.EVENTS_PER_PAGE
    pages, left = [first], False
    while "next_cursor" in pages[-1]:
        if not left:
            world.conversation, left = home, True
            process.leave("bob")
        query = ExportQuery(cursor=pages[-1]["next_cursor"])
        pages.append(process.app.privacy.export.page(process.caller("bob"), query))
    texts = [each["content"] for each in all_of(pages, "messages")]
    assert texts == [f"text {number}" for number in range(0, export.EVENTS_PER_PAGE + 50, 10)]
    ids = [each["conversation_id"] for each in all_of(pages, "conversations")]
    assert len(ids) == len({*ids}) == 2
    assert left


def test_a_page_fits_into_an_answer(stage: Stage) -> None:
    world = stage.with_limits(message_burst=10_000).world(OPEN)
    process = world.process()
    for number in range(120):
        process.sends("bob", f"{number}" + "ä" * 9_990, f"k{number}")
    pages = exported(process, "bob")
    assert len(pages) == 2
    assert len(all_of(pages, "messages")) == 120
