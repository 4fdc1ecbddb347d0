"""The checker finds what is wrong with messages that were changed, in the store and in what was said of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.keys import event_sk, reaction_key
from tests.invariants.changing_cases import FIRST, HEART, THUMB
from tests.invariants.checker import check, check_items
from tests.invariants.items import Items
from tests.invariants.test_checker import at, drop, event
from tests.invariants.world import PEOPLE, Answered, Stage, World

DELETED, REACTION, EDIT, EDIT_OF_DELETED = 3, 4, 6, 7


def good_world(stage: Stage) -> World:
    """Alice's message: reacted to twice and edited; bob's: edited and deleted by alice."""
    world = stage.world()
    process = world.process()
    process.sends("alice", "one", "1")
    process.sends("bob", "two", "2")
    process.react("bob", FIRST, HEART)
    process.react("carol", FIRST, HEART)
    process.edit("alice", FIRST, "one more")
    process.edit("bob", DELETED, "two more")
    process.take_back("alice", DELETED)
    process.messages("carol")
    return world


def state(world: World, items: Items, **changes: Any) -> None:
    """Another state of alice's message."""
    item = at(world, items, event_sk(FIRST))
    item["state"]["S"] = json.dumps(json.loads(item["state"]["S"]) | changes)


def row(world: World, name: str, emoji: str) -> str:
    return reaction_key(world.conversation, FIRST, world.person(name), emoji)[1]


Spoil = Callable[[World, Items], object]
IN_THE_STORE: dict[str, tuple[str, Spoil]] = {
    "a text that nobody wrote": (
        "is not what the log tells",
        lambda w, i: state(w, i, overrides={"content": "other"}),
    ),
    "an edit that is not in the message": ("is not what the log tells", lambda w, i: state(w, i, overrides={})),
    "another time of the edit": (
        "is not what the log tells",
        lambda w, i: state(w, i, edited_at="2027-01-15T08:00:11.000Z"),
    ),
    "a reaction that is not counted": (
        "is not what the log tells",
        lambda w, i: state(w, i, reactions={HEART: 1}),
    ),
    "a state that is behind": ("is not what the log tells", lambda w, i: state(w, i, version=5)),
    "a reaction of nobody": ("who has reacted", lambda w, i: drop(w, i, row(w, "bob", HEART))),
    "a reaction by another event": (
        "who has reacted",
        lambda w, i: at(w, i, row(w, "bob", HEART))["event_id"].update(N="5"),
    ),
    "a reaction twice": ("adds a reaction that is there", lambda w, i: event(w, i, 5, sender=person(w, "bob"))),
    "an edit of another's message": (
        "edits what another",
        lambda w, i: event(w, i, EDIT, sender=person(w, "bob")),
    ),
    "a deletion of another's message": (
        "deletes what another",
        lambda w, i: event(w, i, 8, sender=person(w, "carol")),
    ),
    "a change of what is no message": ("is no message", lambda w, i: event(w, i, EDIT, target=1)),
    "a text of a deleted message": (
        "half deleted",
        lambda w, i: event(w, i, DELETED, content="two"),
    ),
    "a text of an edit of a deleted message": (
        "not all are emptied",
        lambda w, i: event(w, i, EDIT_OF_DELETED, content="two more"),
    ),
    "a deletion that the message does not know of": (
        "is deleted by 0",
        lambda w, i: at(w, i, event_sk(DELETED)).pop("deleted_by"),
    ),
    "a deletion at another time": (
        "at another time",
        lambda w, i: event(w, i, DELETED, deleted_at="2027-01-15T08:00:11.000Z"),
    ),
}


def person(world: World, name: str) -> dict[str, str]:
    return {"participant_id": world.person(name), "name": name.title(), "type": "human"}


@pytest.mark.parametrize("spoiled", IN_THE_STORE)
def test_what_is_stored_wrongly_is_found(stage: Stage, spoiled: str) -> None:
    word, spoil = IN_THE_STORE[spoiled]
    world = good_world(stage)
    assert check(world, hears=PEOPLE).texts == ["one more", "(deleted)"]
    items = copy.deepcopy(world.items())
    spoil(world, items)
    with pytest.raises(AssertionError, match=word):
        check_items(world, items, hears=PEOPLE)


def history(world: World, **changes: Any) -> None:
    """A page of history was answered in which alice's message was shown with these changes."""
    (message, deleted) = world.process().messages("carol")["messages"]
    page = {"messages": [message | changes, deleted], "has_more": False}
    world.answers.append(Answered(world.person("carol"), "messages", page))


IN_WHAT_WAS_SAID: dict[str, Callable[[World], object]] = {
    "a text that it never had": lambda w: history(w, content="other"),
    "a text that it had at another time": lambda w: history(w, content="one"),
    "a count that never was": lambda w: history(w, reactions=[{"emoji": HEART, "count": 3}]),
    "a reaction that never was": lambda w: history(w, reactions=[{"emoji": THUMB, "count": 2}]),
    "a deletion that never was": lambda w: history(w, deleted_at="2027-01-15T08:00:10.000Z"),
}


@pytest.mark.parametrize("spoiled", IN_WHAT_WAS_SAID)
def test_what_is_shown_of_a_message_and_it_never_was_is_found(stage: Stage, spoiled: str) -> None:
    world = good_world(stage)
    check(world, hears=PEOPLE)
    IN_WHAT_WAS_SAID[spoiled](world)
    with pytest.raises(AssertionError, match="never was"):
        check(world, hears=PEOPLE)
