"""The checker finds what it is there to find: a good world, spoiled in one place, is no good world."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from local.faults.calls import ItemKey
from tests.invariants.checker import check, check_items
from tests.invariants.items import Items, RawItem
from tests.invariants.world import PEOPLE, Answered, Post, Shape, Stage, World

SHAPE = Shape(strangers=("dave",), is_open=True)


def good_world(stage: Stage) -> World:
    """Some talk, somebody who came, somebody who went."""
    world = stage.world(SHAPE)
    world.process().writes("alice", "one", "1")
    world.process(skew=1.0).join("dave")
    world.process(skew=2.0).sends("bob", "two", "2")
    world.process(skew=3.0).leave("bob")
    world.process(skew=4.0).writes("carol", "three", "3")
    return world


def at(world: World, items: Items, sk: str, pk: str | None = None, table: str | None = None) -> RawItem:
    """One item, to be spoiled."""
    key = ItemKey(table or world.stage.conversations_table, pk or f"C#{world.conversation}", sk)
    return items[key]


def event(world: World, items: Items, number: int, **changes: Any) -> None:
    item = at(world, items, f"E#{number:016d}")
    item["event"]["S"] = json.dumps(json.loads(item["event"]["S"]) | changes)


def drop(world: World, items: Items, sk: str) -> None:
    del items[ItemKey(world.stage.conversations_table, f"C#{world.conversation}", sk)]


def place(world: World, items: Items, name: str) -> RawItem:
    return at(world, items, f"C#{world.conversation}", f"U#{world.person(name)}")


def subscription_of_bob(world: World, items: Items) -> None:
    """As if clearing away had forgotten it."""
    where, connection = f"C#{world.conversation}", world.connection("bob")
    row = copy.deepcopy(at(world, items, f"S#{world.connection('alice')}", table=world.stage.connections_table))
    row["connection_id"]["S"], row["participant_id"]["S"] = connection, world.person("bob")
    items[ItemKey(world.stage.connections_table, where, f"S#{connection}")] = row


Spoil = Callable[[World, Items], object]

IN_THE_STORE: dict[str, tuple[str, Spoil]] = {
    "a hole": ("L3", lambda w, i: drop(w, i, f"E#{3:016d}")),
    "an event beyond the head": ("L3", lambda w, i: at(w, i, "HEAD")["sequence_id"].update(N="5")),
    "an event under another id": ("L3", lambda w, i: event(w, i, 4, sequence_id=5)),
    "one send twice": (
        "L2",
        lambda w, i: event(
            w,
            i,
            6,
            sender={"participant_id": w.person("alice"), "name": "A", "type": "human"},
            client_message_id="1",
        ),
    ),
    "a record of another event": (
        "L2",
        lambda w, i: [item["sequence_id"].update(N="3") for key, item in i.items() if key.pk.startswith("K#")],
    ),
    "a message of a stranger": (
        "not in",
        lambda w, i: event(w, i, 6, sender={"participant_id": w.person("bob"), "name": "Bob", "type": "human"}),
    ),
    "a wrong count of messages": (
        "'message_count': 4",
        lambda w, i: at(w, i, "HEAD")["message_count"].update(N="4"),
    ),
    "a wrong count of people": (
        "participant_count",
        lambda w, i: at(w, i, "HEAD")["participant_count"].update(N="4"),
    ),
    "a wrong last message": ("last_message", lambda w, i: at(w, i, "HEAD")["last_message"].update(N="4")),
    "a listed participant too few": ("list of participants", lambda w, i: drop(w, i, f"P#{w.person('dave')}")),
    "another role": ("memberships", lambda w, i: place(w, i, "carol")["role"].update(S="owner")),
    "a pointer that counts wrongly": (
        "read",
        lambda w, i: place(w, i, "alice")["read_message_count"].update(N="0"),
    ),
    "a pointer that did not move": (
        "pointer",
        lambda w, i: (
            place(w, i, "carol")["read_message_count"].update(N="2"),
            place(w, i, "carol")["read_up_to"].update(N="4"),
        ),
    ),
    "a subscription of who left": ("L7", subscription_of_bob),
    "half a subscription": (
        "half subscribed",
        lambda w, i: i.pop(
            ItemKey(w.stage.connections_table, f"X#{w.connection('alice')}", f"S#{w.conversation}")
        ),
    ),
    "somebody who is noted as gone": (
        "still noted",
        lambda w, i: at(w, i, "HEAD")["departed"].update(M={"x": {"M": {}}}),
    ),
}


@pytest.mark.parametrize("spoiled", IN_THE_STORE)
def test_what_is_stored_wrongly_is_found(stage: Stage, spoiled: str) -> None:
    word, spoil = IN_THE_STORE[spoiled]
    world = good_world(stage)
    assert check(world, hears=PEOPLE).texts == ["one", "two", "three"]
    items = copy.deepcopy(world.items())
    spoil(world, items)
    with pytest.raises(AssertionError, match=word):
        check_items(world, items, hears=PEOPLE)


def push(world: World, socket: str, number: int, **changes: Any) -> Post:
    items = world.items()
    pushed = json.loads(at(world, items, f"E#{number:016d}")["event"]["S"]) | changes
    return Post(world.connection(socket), {"type": "event", "event": pushed})


def page(world: World, *numbers: int, has_more: bool = False, head: int = 6) -> dict[str, Any]:
    events = [push(world, "carol", number).frame["event"] for number in numbers]
    return {"events": events, "head": head, "has_more": has_more}


IN_WHAT_WAS_SAID: dict[str, tuple[str, Callable[[World], object]]] = {
    "a push that never came": (
        "L5: carol",
        lambda w: w.posts.remove(push(w, "carol", 4)),
    ),
    "a push to who left": ("L7", lambda w: w.posts.append(push(w, "bob", 6))),
    "a push of another text": ("L3", lambda w: w.posts.append(push(w, "carol", 6, content="other"))),
    "a push of an event that is not": ("L1", lambda w: w.posts.append(push(w, "carol", 6, sequence_id=7))),
    "an ack of an event that is not": (
        "L1",
        lambda w: [p.frame.update(sequence_id=9) for p in w.posts if p.frame["type"] == "message_ack"],
    ),
    "a page with a hole": (
        "L4",
        lambda w: w.answers.append(Answered(w.person("carol"), "events", page(w, 1, 3, has_more=True))),
    ),
    "a page that says it is all": (
        "L4",
        lambda w: w.answers.append(Answered(w.person("carol"), "events", page(w, 1, 2))),
    ),
    "a page for who left": (
        "L7",
        lambda w: w.answers.append(Answered(w.person("bob"), "events", page(w, 1, 2, 3, 4, 5, 6))),
    ),
    "messages with a hole": (
        "L4",
        lambda w: w.answers.append(
            Answered(w.person("carol"), "messages", {"messages": page(w, 2, 6)["events"], "has_more": False})
        ),
    ),
    "a frame of an unknown shape": (
        "no frame of type",
        lambda w: w.posts.append(Post(w.connection("carol"), {"type": "surprise"})),
    ),
}


@pytest.mark.parametrize("spoiled", IN_WHAT_WAS_SAID)
def test_what_is_said_wrongly_is_found(stage: Stage, spoiled: str) -> None:
    word, spoil = IN_WHAT_WAS_SAID[spoiled]
    world = good_world(stage)
    check(world, hears=PEOPLE)
    spoil(world)
    with pytest.raises((AssertionError, KeyError), match=word):
        check(world, hears=PEOPLE)


def test_an_end_that_nobody_was_told_of_is_found(stage: Stage) -> None:
    world = stage.world(SHAPE)
    world.process().delete("alice")
    assert check(world, hears=PEOPLE).state == "deleted"
    world.posts = [post for post in world.posts if post.frame["type"] != "conversation_deleted"]
    with pytest.raises(AssertionError, match="told of the deletion"):
        check(world, hears=PEOPLE)
