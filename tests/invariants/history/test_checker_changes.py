"""What the checker says of messages that were changed: nothing of a good history, of a wrong one its law."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.invariants.history.records import Call, Json
from tests.invariants.history.story import Story

FIRST, SECOND = 2, 3
"""Ann's message, and bob's."""


def changed() -> Story:
    """Ann's message is edited twice and reacted to; bob's is edited and deleted by ann."""
    story = Story(["ann", "bob", "cid"], inside=["ann", "bob", "cid"])
    story.subscribes("ann", "bob")
    story.says("ann", "one", "a-1")
    story.says("bob", "two")
    story.reads_messages("cid")
    story.changes("edit", "ann", FIRST, content="one more")
    story.changes("react", "bob", FIRST, emoji="👍")
    story.changes("react", "cid", FIRST, emoji="👍")
    story.reads_messages("cid")
    story.changes("unreact", "bob", FIRST, emoji="👍")
    story.changes("edit", "bob", SECOND, content="two more")
    story.reads_events("cid")
    story.reads_messages("cid")
    story.changes("take_back", "ann", SECOND)
    story.changes("edit", "ann", FIRST, content="one too many")
    story.reads_messages("cid")
    return story


def test_a_history_of_changes_without_any_wrong_breaks_no_law() -> None:
    story = changed()
    story.becomes_quiet()
    assert story.laws_broken() == set()


def test_a_repeated_edit_is_answered_by_the_first_or_by_the_message_itself() -> None:
    story = changed()
    call = story.begins("edit", "ann", {"target": FIRST, "content": "one too many"}, "ann 0.0")
    story.ends(call, {"type": "ack", "conversation_id": "conv_1", "sequence_id": len(story.log)})
    story.becomes_quiet()
    assert story.laws_broken() == set()


def shown(story: Story) -> Json:
    """Ann's message as cid was shown it last."""
    call = last(story, "messages")
    message: Json = call.answer["messages"][0]
    return message


def last(story: Story, kind: str) -> Call:
    return [call for call in story.history.calls if call.kind == kind][-1]


def keep_the_text(story: Story) -> None:
    """Cid is shown bob's text after its deletion had been acknowledged."""
    call = last(story, "messages")
    call.answer["messages"][1] = {**call.answer["messages"][1], "content": "two"}
    del call.answer["messages"][1]["deleted_at"]


def keep_the_text_of_an_edit(story: Story) -> None:
    call = story.reads_events("cid")
    edit = next(event for event in call.answer["events"] if event.get("target") == SECOND)
    edit["content"] = "two more"


def show_what_was_before(story: Story) -> None:
    """The last page shows ann's message as the one before did."""
    pages = [call for call in story.history.calls if call.kind == "messages"]
    pages[-1].answer["messages"][0] = copy.deepcopy(pages[-2].answer["messages"][0])


def acknowledge_nothing(story: Story) -> None:
    call = story.begins("edit", "ann", {"target": FIRST, "content": "nowhere"}, "ann 0.0")
    story.ends(call, {"type": "ack", "conversation_id": "conv_1", "sequence_id": len(story.log)})


def edit_of_another(story: Story) -> None:
    story.changes("edit", "bob", FIRST, content="mine now")


def deletion_by_a_member(story: Story) -> None:
    story.changes("take_back", "cid", FIRST)


def reaction_twice(story: Story) -> None:
    story.changes("react", "cid", FIRST, emoji="👍")


def removal_of_nothing(story: Story) -> None:
    story.changes("unreact", "ann", FIRST, emoji="👍")


def change_of_what_is_deleted(story: Story) -> None:
    story.changes("react", "cid", SECOND, emoji="👍")


def change_of_no_message(story: Story) -> None:
    story.changes("react", "cid", 1, emoji="👍")


WRONGS: dict[Callable[[Story], object], str] = {
    keep_the_text: "L1",
    keep_the_text_of_an_edit: "L1",
    acknowledge_nothing: "L1",
    show_what_was_before: "L4",
    lambda story: shown(story).update(content="another"): "L3",
    lambda story: shown(story).update(reactions=[{"emoji": "👍", "count": 2}]): "L3",
    lambda story: shown(story).pop("edited_at"): "L3",
    lambda story: shown(story).update(deleted_at="t9"): "L3",
    edit_of_another: "L7",
    deletion_by_a_member: "L7",
    reaction_twice: "L7",
    removal_of_nothing: "L7",
    change_of_what_is_deleted: "L7",
    change_of_no_message: "L7",
}


@pytest.mark.parametrize(("spoil", "law"), WRONGS.items())
def test_each_kind_of_wrong_is_found(spoil: Callable[[Story], object], law: str) -> None:
    story = changed()
    spoil(story)
    story.becomes_quiet()
    assert law in story.laws_broken()
