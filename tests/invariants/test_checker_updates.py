"""The checker finds each kind of corruption of updated messages, in the store and in responses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.keys import event_sk, reaction_key
from tests.invariants.checker import check, check_items
from tests.invariants.harness import MEMBERS, Harness
from tests.invariants.http_reads import Response
from tests.invariants.tables import Tables
from tests.invariants.test_checker import at, drop, event
from tests.invariants.update_cases import FIRST, HEART, THUMB
from tests.support.items import Items

DELETED, REACTION, EDIT, EDIT_OF_DELETED = 3, 4, 6, 7


def good_world(tables: Tables) -> Harness:
    """Return a message of alice's (edited, two reactions) and one of bob's (edited, deleted by alice)."""
    harness = tables.harness()
    process = harness.process()
    process.post_message("alice", "one", "1")
    process.post_message("bob", "two", "2")
    process.add_reaction("bob", FIRST, HEART)
    process.add_reaction("carol", FIRST, HEART)
    process.edit_message("alice", FIRST, "one more")
    process.edit_message("bob", DELETED, "two more")
    process.delete_message("alice", DELETED)
    process.list_messages("carol")
    return harness


def state(harness: Harness, items: Items, **changes: Any) -> None:
    """Return the state of alice's message to corrupt."""
    item = at(harness, items, event_sk(FIRST))
    item["state"]["S"] = json.dumps(json.loads(item["state"]["S"]) | changes)


def row(harness: Harness, name: str, emoji: str) -> str:
    return reaction_key(harness.conversation, FIRST, harness.participant_id(name), emoji)[1]


Spoil = Callable[[Harness, Items], object]
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


def person(harness: Harness, name: str) -> dict[str, str]:
    return {"participant_id": harness.participant_id(name), "name": name.title(), "type": "human"}


@pytest.mark.parametrize("spoiled", IN_THE_STORE)
def test_corrupted_message_items_are_found(tables: Tables, spoiled: str) -> None:
    word, spoil = IN_THE_STORE[spoiled]
    harness = good_world(tables)
    assert check(harness, subscribers=MEMBERS).texts == ["one more", "(deleted)"]
    items = copy.deepcopy(harness.items())
    spoil(harness, items)
    with pytest.raises(AssertionError, match=word):
        check_items(harness, items, subscribers=MEMBERS)


def history(harness: Harness, **changes: Any) -> None:
    """Record a history page in which alice's message has these differences."""
    (message, deleted) = harness.process().list_messages("carol")["messages"]
    page = {"messages": [message | changes, deleted], "has_more": False}
    harness.responses.append(Response(harness.participant_id("carol"), "messages", page))


IN_WHAT_WAS_SAID: dict[str, Callable[[Harness], object]] = {
    "a text that it never had": lambda w: history(w, content="other"),
    "a text that it had at another time": lambda w: history(w, content="one"),
    "a count that never was": lambda w: history(w, reactions=[{"emoji": HEART, "count": 3}]),
    "a reaction that never was": lambda w: history(w, reactions=[{"emoji": THUMB, "count": 2}]),
    "a deletion that never was": lambda w: history(w, deleted_at="2027-01-15T08:00:10.000Z"),
}


@pytest.mark.parametrize("spoiled", IN_WHAT_WAS_SAID)
def test_message_version_that_never_existed_is_found(tables: Tables, spoiled: str) -> None:
    harness = good_world(tables)
    check(harness, subscribers=MEMBERS)
    IN_WHAT_WAS_SAID[spoiled](harness)
    with pytest.raises(AssertionError, match="never was"):
        check(harness, subscribers=MEMBERS)
