"""What the checker says of contents past retention: nothing of a good history, of a wrong one its law."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.invariants.history.records import Call, Json
from tests.invariants.history.story import Story

FIRST, SECOND, EDIT, KEPT, LATER, EXPIRY = 2, 3, 4, 6, 7, 9
"""Ann's message, bob's, an edit of ann's; thirty days, what is said after that, and the end of the first two."""


def told() -> Story:
    """Two messages, one of them edited and reacted to, expire; one is said later and is still there."""
    story = Story(["ann", "bob"])
    story.subscribes("bob")
    story.says("ann", "one", "a-1")
    story.says("bob", "two")
    story.changes("edit", "ann", FIRST, content="one more")
    story.changes("react", "bob", FIRST, emoji="👍")
    story.reads_events("bob")
    story.reads_messages("bob")
    story.keeps("ann", 30)
    story.says("bob", "three")
    story.says("ann", "four", "a-4")
    story.expires(EDIT)
    story.reads_events("bob")
    story.reads_messages("bob")
    return story


def ended(story: Story) -> Story:
    """And then time passes: what was said later expires as well."""
    story.becomes_quiet()
    story.says("bob", "five")
    story.says("bob", "six")
    story.expires(LATER + 1)
    story.time_passes()
    return story


def test_a_history_in_which_contents_expire_in_time_breaks_no_law() -> None:
    story = told()
    story.becomes_quiet()
    assert story.laws_broken() == set()


def test_nor_does_one_that_goes_on_until_more_of_it_is_past_retention() -> None:
    story = ended(told())
    assert story.history.expiry is not None
    assert story.laws_broken() == set()


def test_a_repeat_of_what_has_expired_is_answered_by_what_is_left() -> None:
    story = told()
    story.repeats(next(call for call in story.history.calls if call.asked.get("client_message_id") == "a-1"))
    story.becomes_quiet()
    assert story.laws_broken() == set()


def test_what_has_expired_may_be_deleted_and_what_was_deleted_may_expire() -> None:
    story = told()
    story.changes("take_back", "bob", SECOND)
    story.becomes_quiet()
    assert story.laws_broken() == set()


def test_of_the_deployments_retention_and_the_conversations_own_the_shorter_holds() -> None:
    story = told()
    story.history.retention_days = 365
    story.becomes_quiet()
    assert story.laws_broken() == set()


# ---- too early -------------------------------------------------------------------------------------------


def test_what_is_within_retention_may_not_be_said_to_be_gone() -> None:
    story = told()
    story.expires(LATER + 1)  # said two minutes ago, and kept for two
    story.becomes_quiet()
    assert story.laws_broken() == {"L1"}


def test_what_is_kept_for_ever_may_not_be_said_to_be_gone() -> None:
    story = Story(["ann", "bob"])
    for number in range(5):
        story.says("ann", f"{number}")
    story.expires(FIRST)
    story.becomes_quiet()
    assert story.laws_broken() == {"L1"}


def test_what_is_kept_for_longer_than_the_conversation_lasts_may_not_be_said_to_be_gone() -> None:
    story = Story(["ann", "bob"])
    story.keeps("ann", 365)
    for number in range(8):
        story.says("ann", f"{number}")
    story.expires(3)
    story.becomes_quiet()
    assert story.laws_broken() == {"L1"}


def test_contents_may_not_go_before_it_was_said_that_they_do() -> None:
    story = told()
    story.becomes_quiet()
    empty(shown(story, "messages", 0))
    assert story.laws_broken() == {"L1"}


def test_contents_beyond_what_was_said_to_be_gone_may_not_go() -> None:
    story = told()
    story.becomes_quiet()
    empty(shown(story, "messages", -1, which=-1))
    assert story.laws_broken() == {"L1"}


def test_an_edit_may_not_lose_what_it_said_before_its_message_does() -> None:
    story = told()
    story.becomes_quiet()
    del of_events(story, 0)[EDIT - 1]["content"]
    assert story.laws_broken() == {"L1"}


# ---- too late, and back again ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["the log", "history", "an edit"])
def test_what_had_gone_may_not_come_back(what: str) -> None:
    story = told()
    events, message = copy.deepcopy(of_events(story, 0)), copy.deepcopy(shown(story, "messages", 0))
    story.becomes_quiet()
    last = of_events(story, -1)
    if what == "history":
        story.ends(story.begins("messages", "bob", {"limit": 1}), {"messages": [message], "has_more": True})
        broken = {"L1", "L4"}
    else:
        last[(FIRST if what == "the log" else EDIT) - 1] = events[(FIRST if what == "the log" else EDIT) - 1]
        broken = {"L1"}
    assert "L1" in story.laws_broken()
    assert story.laws_broken() <= broken


@pytest.mark.parametrize("number", [FIRST, EDIT, LATER])
def test_what_is_past_retention_in_the_end_must_have_gone(number: int) -> None:
    story = told()
    texts = {each["sequence_id"]: each["content"] for each in of_events(story, 0) if "content" in each}
    texts[LATER] = "three"
    ended(story)
    assert story.history.expiry is not None
    for call in story.history.expiry.calls:
        if call.kind == "events":
            call.answer["events"][number - 1]["content"] = texts[number]
    assert "contract" in story.laws_broken()


def test_a_sweep_that_never_comes_is_noticed() -> None:
    story = Story(["ann", "bob"])
    story.keeps("ann", 30)
    for number in range(8):
        story.says("ann", f"{number}")
    story.becomes_quiet()
    story.time_passes()
    assert story.laws_broken() == {"contract"}


def test_what_expired_may_show_no_reactions() -> None:
    story = told()
    story.becomes_quiet()
    shown(story, "messages", -1).update(reactions=[{"emoji": "👍", "count": 1}], version=EDIT + 1)
    assert story.laws_broken() == {"contract"}


@pytest.mark.parametrize("kind", ["edit", "react"])
def test_what_is_past_retention_may_not_be_changed(kind: str) -> None:
    story = told()
    story.changes(kind, "ann", FIRST, **({"content": "again"} if kind == "edit" else {"emoji": "🎉"}))
    story.becomes_quiet()
    assert "L7" in story.laws_broken()


def test_expiries_go_forwards() -> None:
    story = told()
    story.expires(SECOND)
    story.becomes_quiet()
    assert story.laws_broken() == {"contract"}


# ---- places stay -----------------------------------------------------------------------------------------


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
def test_of_what_expires_place_id_time_and_sender_stay(spoil: Callable[[list[Json]], None]) -> None:
    story = told()
    story.becomes_quiet()
    for call in story.history.calls:
        if call.kind == "events" and call.started > story.history.quiet_since:
            spoil(call.answer["events"])
    assert story.laws_broken() & {"L1", "L3", "L4"}


@SPOILT
def test_and_at_the_end_as_well(spoil: Callable[[list[Json]], None]) -> None:
    story = ended(told())
    assert story.history.expiry is not None
    for call in story.history.expiry.calls:
        if call.kind == "events":
            spoil(call.answer["events"])
    assert story.laws_broken() & {"L1", "L3"}


def test_nobody_says_that_contents_are_gone_but_the_service() -> None:
    story = told()
    story.becomes_quiet()
    for each in (story.log, *(call.answer["events"] for call in reads(story)), story.history.copies[0].events):
        for event in each:
            if event["type"] == "content_expired":
                event["sender"] = story.reference("bob")
    for heard in story.history.heard:
        if heard.frame.get("event", {}).get("type") == "content_expired":
            heard.frame["event"]["sender"] = story.reference("bob")
    assert story.laws_broken() == {"L7"}


def reads(story: Story) -> list[Call]:
    return [call for call in story.history.calls if "events" in (call.answer or {})]


def of_events(story: Story, which: int) -> list[Json]:
    """What one of the reads of the log was answered."""
    calls = [call for call in story.history.calls if call.kind == "events"]
    events: list[Json] = calls[which].answer["events"]
    return events


def shown(story: Story, kind: str, call: int, which: int = 0) -> Json:
    """A message as somebody was shown it."""
    calls = [each for each in story.history.calls if each.kind == kind]
    message: Json = calls[call].answer["messages"][which]
    return message


def empty(message: Json) -> None:
    """Make it one that has expired."""
    for name in ("content", "reactions", "edited_at", "version"):
        message.pop(name, None)
    message["expired"] = True
