"""The checker accepts correct histories of expiry, and finds each violation."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.invariants.history.history_builder import HistoryBuilder
from tests.invariants.history.records import Call, Json

FIRST, SECOND, EDIT, KEPT, LATER, EXPIRY = 2, 3, 4, 6, 7, 9
"""Ann's message, bob's, an edit of ann's; the setting, a later message, and the expiry of the first two."""


def told() -> HistoryBuilder:
    """Return a history: two messages, one with edit and reaction, expire, and a later one does not."""
    builder = HistoryBuilder(["ann", "bob"])
    builder.subscribe("bob")
    builder.send("ann", "one", "a-1")
    builder.send("bob", "two")
    builder.update_message("edit", "ann", FIRST, content="one more")
    builder.update_message("react", "bob", FIRST, emoji="👍")
    builder.read_events("bob")
    builder.read_messages("bob")
    builder.set_retention("ann", 30)
    builder.send("bob", "three")
    builder.send("ann", "four", "a-4")
    builder.expire(EDIT)
    builder.read_events("bob")
    builder.read_messages("bob")
    return builder


def ended(builder: HistoryBuilder) -> HistoryBuilder:
    """Let time pass until the later message expires, too."""
    builder.finish()
    builder.send("bob", "five")
    builder.send("bob", "six")
    builder.expire(LATER + 1)
    builder.pass_time()
    return builder


def test_correct_expiry_has_no_violation() -> None:
    builder = told()
    builder.finish()
    assert builder.violated_laws() == set()


def test_correct_expiry_in_several_steps_has_no_violation() -> None:
    builder = ended(told())
    assert builder.history.expiry is not None
    assert builder.violated_laws() == set()


def test_repeat_of_an_expired_message_has_no_violation() -> None:
    builder = told()
    builder.repeat(
        next(call for call in builder.history.calls if call.arguments.get("client_message_id") == "a-1")
    )
    builder.finish()
    assert builder.violated_laws() == set()


def test_expired_message_may_be_deleted_and_deleted_message_may_expire() -> None:
    builder = told()
    builder.update_message("delete_message", "bob", SECOND)
    builder.finish()
    assert builder.violated_laws() == set()


def test_shorter_retention_period_applies() -> None:
    builder = told()
    builder.history.retention_days = 365
    builder.finish()
    assert builder.violated_laws() == set()


# ---- too early -------------------------------------------------------------------------------------------


def test_early_expiry_event() -> None:
    builder = told()
    builder.expire(LATER + 1)  # sent two minutes ago, with a retention period of two minutes
    builder.finish()
    assert builder.violated_laws() == {"L1"}


def test_expiry_event_with_unlimited_retention() -> None:
    builder = HistoryBuilder(["ann", "bob"])
    for number in range(5):
        builder.send("ann", f"{number}")
    builder.expire(FIRST)
    builder.finish()
    assert builder.violated_laws() == {"L1"}


def test_expiry_event_with_a_long_retention_period() -> None:
    builder = HistoryBuilder(["ann", "bob"])
    builder.set_retention("ann", 365)
    for number in range(8):
        builder.send("ann", f"{number}")
    builder.expire(3)
    builder.finish()
    assert builder.violated_laws() == {"L1"}


def test_content_removed_before_the_expiry_event() -> None:
    builder = told()
    builder.finish()
    empty(shown(builder, "messages", 0))
    assert builder.violated_laws() == {"L1"}


def test_content_removed_above_the_expiry_event() -> None:
    builder = told()
    builder.finish()
    empty(shown(builder, "messages", -1, which=-1))
    assert builder.violated_laws() == {"L1"}


def test_edit_expired_before_its_message() -> None:
    builder = told()
    builder.finish()
    del of_events(builder, 0)[EDIT - 1]["content"]
    assert builder.violated_laws() == {"L1"}


# ---- too late, and restored contents ---------------------------------------------------------------------


@pytest.mark.parametrize("what", ["the log", "history", "an edit"])
def test_expired_content_that_returns(what: str) -> None:
    builder = told()
    events, message = copy.deepcopy(of_events(builder, 0)), copy.deepcopy(shown(builder, "messages", 0))
    builder.finish()
    last = of_events(builder, -1)
    if what == "history":
        builder.end(builder.begin("messages", "bob", {"limit": 1}), {"messages": [message], "has_more": True})
        broken = {"L1", "L4"}
    else:
        last[(FIRST if what == "the log" else EDIT) - 1] = events[(FIRST if what == "the log" else EDIT) - 1]
        broken = {"L1"}
    assert "L1" in builder.violated_laws()
    assert builder.violated_laws() <= broken


@pytest.mark.parametrize("number", [FIRST, EDIT, LATER])
def test_expired_content_that_stays(number: int) -> None:
    builder = told()
    texts = {
        of_event["sequence_id"]: of_event["content"] for of_event in of_events(builder, 0) if "content" in of_event
    }
    texts[LATER] = "three"
    ended(builder)
    assert builder.history.expiry is not None
    for call in builder.history.expiry.calls:
        if call.kind == "events":
            call.answer["events"][number - 1]["content"] = texts[number]
    assert "contract" in builder.violated_laws()


def test_missing_sweep_is_found() -> None:
    builder = HistoryBuilder(["ann", "bob"])
    builder.set_retention("ann", 30)
    for number in range(8):
        builder.send("ann", f"{number}")
    builder.finish()
    builder.pass_time()
    assert builder.violated_laws() == {"contract"}


def test_expired_message_with_reactions() -> None:
    builder = told()
    builder.finish()
    shown(builder, "messages", -1).update(reactions=[{"emoji": "👍", "count": 1}], version=EDIT + 1)
    assert builder.violated_laws() == {"contract"}


@pytest.mark.parametrize("kind", ["edit", "react"])
def test_update_of_an_expired_message(kind: str) -> None:
    builder = told()
    builder.update_message(kind, "ann", FIRST, **({"content": "again"} if kind == "edit" else {"emoji": "🎉"}))
    builder.finish()
    assert "L7" in builder.violated_laws()


def test_expiry_event_that_moves_back() -> None:
    builder = told()
    builder.expire(SECOND)
    builder.finish()
    assert builder.violated_laws() == {"contract"}


# ---- events stay -----------------------------------------------------------------------------------------


def hole(events: list[Json]) -> None:
    del events[SECOND - 1]


def other_id(events: list[Json]) -> None:
    events[FIRST - 1]["message_id"] = "msg_other"


def other_time(events: list[Json]) -> None:
    events[FIRST - 1]["created_at"] = "2026-01-01T00:02:01Z"


def other_sender(events: list[Json]) -> None:
    events[FIRST - 1]["sender"] = events[SECOND - 1]["sender"]


def void(events: list[Json]) -> None:
    events[FIRST - 1]["type"] = "void"


SPOILT = pytest.mark.parametrize("spoil", [hole, other_id, other_time, other_sender, void])


@SPOILT
def test_expired_event_with_another_id_time_or_sender(spoil: Callable[[list[Json]], None]) -> None:
    builder = told()
    builder.finish()
    for call in builder.history.calls:
        if call.kind == "events" and call.started > builder.history.quiet_since:
            spoil(call.answer["events"])
    assert builder.violated_laws() & {"L1", "L3", "L4"}


@SPOILT
def test_expired_event_with_another_id_time_or_sender_at_the_end(spoil: Callable[[list[Json]], None]) -> None:
    builder = ended(told())
    assert builder.history.expiry is not None
    for call in builder.history.expiry.calls:
        if call.kind == "events":
            spoil(call.answer["events"])
    assert builder.violated_laws() & {"L1", "L3"}


def test_expiry_event_of_a_participant() -> None:
    builder = told()
    builder.finish()
    for events in (
        builder.log,
        *(call.answer["events"] for call in reads(builder)),
        builder.history.replicas[0].events,
    ):
        for event in events:
            if event["type"] == "content_expired":
                event["sender"] = builder.actor("bob")
    for received in builder.history.received:
        if received.frame.get("event", {}).get("type") == "content_expired":
            received.frame["event"]["sender"] = builder.actor("bob")
    assert builder.violated_laws() == {"L7"}


def reads(builder: HistoryBuilder) -> list[Call]:
    return [call for call in builder.history.calls if "events" in (call.answer or {})]


def of_events(builder: HistoryBuilder, which: int) -> list[Json]:
    """Return the events of one of the reads of the log."""
    calls = [call for call in builder.history.calls if call.kind == "events"]
    events: list[Json] = calls[which].answer["events"]
    return events


def shown(builder: HistoryBuilder, kind: str, call: int, which: int = 0) -> Json:
    """Return a message as it was shown."""
    calls = [found for found in builder.history.calls if found.kind == kind]
    message: Json = calls[call].answer["messages"][which]
    return message


def empty(message: Json) -> None:
    """Turn a message into an expired one."""
    for name in ("content", "reactions", "edited_at", "version"):
        message.pop(name, None)
    message["expired"] = True
