"""The checker accepts a correct history of updates, and finds each violation."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.invariants.history.history_builder import HistoryBuilder
from tests.invariants.history.records import Call, Json

FIRST, SECOND = 2, 3
"""Ann's message, and bob's."""


def changed() -> HistoryBuilder:
    """Ann's message is edited twice and has a reaction; bob's is edited, and deleted by ann."""
    builder = HistoryBuilder(["ann", "bob", "cid"], inside=["ann", "bob", "cid"])
    builder.subscribe("ann", "bob")
    builder.send("ann", "one", "a-1")
    builder.send("bob", "two")
    builder.read_messages("cid")
    builder.update_message("edit", "ann", FIRST, content="one more")
    builder.update_message("react", "bob", FIRST, emoji="👍")
    builder.update_message("react", "cid", FIRST, emoji="👍")
    builder.read_messages("cid")
    builder.update_message("unreact", "bob", FIRST, emoji="👍")
    builder.update_message("edit", "bob", SECOND, content="two more")
    builder.read_events("cid")
    builder.read_messages("cid")
    builder.update_message("delete_message", "ann", SECOND)
    builder.update_message("edit", "ann", FIRST, content="one too many")
    builder.read_messages("cid")
    return builder


def test_correct_history_of_updates_has_no_violation() -> None:
    builder = changed()
    builder.finish()
    assert builder.violated_laws() == set()


def test_repeated_edit_may_be_answered_with_the_first_edit_or_the_message() -> None:
    builder = changed()
    call = builder.begin("edit", "ann", {"target": FIRST, "content": "one too many"}, "ann 0.0")
    builder.end(call, {"type": "ack", "conversation_id": "conv_1", "sequence_id": len(builder.log)})
    builder.finish()
    assert builder.violated_laws() == set()


def shown(builder: HistoryBuilder) -> Json:
    """Return ann's message as cid saw it last."""
    call = last(builder, "messages")
    message: Json = call.answer["messages"][0]
    return message


def last(builder: HistoryBuilder, kind: str) -> Call:
    return [call for call in builder.history.calls if call.kind == kind][-1]


def keep_the_text(builder: HistoryBuilder) -> None:
    """Show cid bob's text after its acknowledged deletion."""
    call = last(builder, "messages")
    call.answer["messages"][1] = {**call.answer["messages"][1], "content": "two"}
    del call.answer["messages"][1]["deleted_at"]


def keep_the_text_of_an_edit(builder: HistoryBuilder) -> None:
    call = builder.read_events("cid")
    edit = next(event for event in call.answer["events"] if event.get("target") == SECOND)
    edit["content"] = "two more"


def show_what_was_before(builder: HistoryBuilder) -> None:
    """Show ann's message in its previous version on the last page."""
    pages = [call for call in builder.history.calls if call.kind == "messages"]
    pages[-1].answer["messages"][0] = copy.deepcopy(pages[-2].answer["messages"][0])


def acknowledge_nothing(builder: HistoryBuilder) -> None:
    call = builder.begin("edit", "ann", {"target": FIRST, "content": "nowhere"}, "ann 0.0")
    builder.end(call, {"type": "ack", "conversation_id": "conv_1", "sequence_id": len(builder.log)})


def edit_of_another(builder: HistoryBuilder) -> None:
    builder.update_message("edit", "bob", FIRST, content="mine now")


def deletion_by_a_member(builder: HistoryBuilder) -> None:
    builder.update_message("delete_message", "cid", FIRST)


def reaction_twice(builder: HistoryBuilder) -> None:
    builder.update_message("react", "cid", FIRST, emoji="👍")


def removal_of_nothing(builder: HistoryBuilder) -> None:
    builder.update_message("unreact", "ann", FIRST, emoji="👍")


def change_of_what_is_deleted(builder: HistoryBuilder) -> None:
    builder.update_message("react", "cid", SECOND, emoji="👍")


def change_of_no_message(builder: HistoryBuilder) -> None:
    builder.update_message("react", "cid", 1, emoji="👍")


WRONGS: dict[Callable[[HistoryBuilder], object], str] = {
    keep_the_text: "L1",
    keep_the_text_of_an_edit: "L1",
    acknowledge_nothing: "L1",
    show_what_was_before: "L4",
    lambda builder: shown(builder).update(content="another"): "L3",
    lambda builder: shown(builder).update(reactions=[{"emoji": "👍", "count": 2}]): "L3",
    lambda builder: shown(builder).pop("edited_at"): "L3",
    lambda builder: shown(builder).update(deleted_at="t9"): "L3",
    edit_of_another: "L7",
    deletion_by_a_member: "L7",
    reaction_twice: "L7",
    removal_of_nothing: "L7",
    change_of_what_is_deleted: "L7",
    change_of_no_message: "L7",
}


@pytest.mark.parametrize(("spoil", "law"), WRONGS.items())
def test_each_violation_is_found(spoil: Callable[[HistoryBuilder], object], law: str) -> None:
    builder = changed()
    spoil(builder)
    builder.finish()
    assert law in builder.violated_laws()
