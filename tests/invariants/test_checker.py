"""The checker finds each kind of corruption of a correct conversation."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.protocol.frames import with_history_id
from local.faults.calls import ItemKey
from tests.invariants.checker import check, check_items
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.http_reads import Response
from tests.invariants.tables import Tables
from tests.support.fakes import Post
from tests.support.items import Items, RawItem

SHAPE = Setup(non_members=("dave",), is_open=True)


def good_world(tables: Tables) -> Harness:
    """Return a conversation with messages, an arrival and a departure."""
    harness = tables.harness(SHAPE)
    harness.process().send_message("alice", "one", "1")
    harness.process(skew=1.0).join("dave")
    harness.process(skew=2.0).post_message("bob", "two", "2")
    harness.process(skew=3.0).leave("bob")
    harness.process(skew=4.0).send_message("carol", "three", "3")
    return harness


def at(harness: Harness, items: Items, sk: str, pk: str | None = None, table: str | None = None) -> RawItem:
    """Return an item to corrupt."""
    key = ItemKey(table or harness.tables.conversations_table, pk or f"C#{harness.conversation}", sk)
    return items[key]


def event(harness: Harness, items: Items, number: int, **changes: Any) -> None:
    item = at(harness, items, f"E#{number:016d}")
    item["event"]["S"] = json.dumps(json.loads(item["event"]["S"]) | changes)


def drop(harness: Harness, items: Items, sk: str) -> None:
    del items[ItemKey(harness.tables.conversations_table, f"C#{harness.conversation}", sk)]


def place(harness: Harness, items: Items, name: str) -> RawItem:
    return at(harness, items, f"C#{harness.conversation}", f"U#{harness.participant_id(name)}")


def subscription_of_bob(harness: Harness, items: Items) -> None:
    """Leave the subscription of a removed member."""
    where, connection = f"C#{harness.conversation}", harness.connection_id("bob")
    row = copy.deepcopy(
        at(harness, items, f"S#{harness.connection_id('alice')}", table=harness.tables.connections_table)
    )
    row["connection_id"]["S"], row["participant_id"]["S"] = connection, harness.participant_id("bob")
    items[ItemKey(harness.tables.connections_table, where, f"S#{connection}")] = row


Spoil = Callable[[Harness, Items], object]

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
            sender={"participant_id": w.participant_id("alice"), "name": "A", "type": "human"},
            client_message_id="1",
        ),
    ),
    "a record of another event": (
        "L2",
        lambda w, i: [item["sequence_id"].update(N="3") for key, item in i.items() if key.pk.startswith("K#")],
    ),
    "a message of a stranger": (
        "not in",
        lambda w, i: event(
            w, i, 6, sender={"participant_id": w.participant_id("bob"), "name": "Bob", "type": "human"}
        ),
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
    "a listed participant too few": (
        "list of participants",
        lambda w, i: drop(w, i, f"P#{w.participant_id('dave')}"),
    ),
    "another role": ("memberships", lambda w, i: place(w, i, "carol")["role"].update(S="owner")),
    "a pointer that counts wrongly": (
        "read",
        lambda w, i: place(w, i, "alice")["read_message_count"].update(N="0"),
    ),
    "a pointer beyond the log": (
        "beyond",
        lambda w, i: (
            place(w, i, "carol")["read_message_count"].update(N="3"),
            place(w, i, "carol")["read_up_to"].update(N="9"),
        ),
    ),
    "an own message that is not kept": ("misses", lambda w, i: place(w, i, "carol").pop("own_unread_0")),
    "a message of another as an own one": (
        "are not",
        lambda w, i: place(w, i, "alice").update(own_unread_1={"NS": ["4"]}),
    ),
    "a subscription of who left": ("L7", subscription_of_bob),
    "half a subscription": (
        "half subscribed",
        lambda w, i: i.pop(
            ItemKey(w.tables.connections_table, f"X#{w.connection_id('alice')}", f"S#{w.conversation}")
        ),
    ),
    "somebody who is noted as gone": (
        "still noted",
        lambda w, i: at(w, i, "HEAD")["departed"].update(M={"x": {"M": {}}}),
    ),
}


@pytest.mark.parametrize("spoiled", IN_THE_STORE)
def test_corrupted_items_are_found(tables: Tables, spoiled: str) -> None:
    word, spoil = IN_THE_STORE[spoiled]
    harness = good_world(tables)
    assert check(harness, subscribers=MEMBERS).texts == ["one", "two", "three"]
    items = copy.deepcopy(harness.items())
    spoil(harness, items)
    with pytest.raises(AssertionError, match=word):
        check_items(harness, items, subscribers=MEMBERS)


def push(harness: Harness, socket: str, number: int, **changes: Any) -> Post:
    items = harness.items()
    pushed = json.loads(at(harness, items, f"E#{number:016d}")["event"]["S"]) | changes
    frame = {"type": "events", "conversation_id": harness.conversation, "events": [pushed]}
    return Post(harness.connection_id(socket), with_history_id(frame, harness.tables.settings.history_id))


def page(harness: Harness, *numbers: int, has_more: bool = False, head: int = 6) -> dict[str, Any]:
    events = [push(harness, "carol", number).frame["events"][0] for number in numbers]
    return {"events": events, "head": head, "has_more": has_more}


IN_WHAT_WAS_SAID: dict[str, tuple[str, Callable[[Harness], object]]] = {
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
        lambda w: w.responses.append(Response(w.participant_id("carol"), "events", page(w, 1, 3, has_more=True))),
    ),
    "a page that says it is all": (
        "L4",
        lambda w: w.responses.append(Response(w.participant_id("carol"), "events", page(w, 1, 2))),
    ),
    "a page for who left": (
        "L7",
        lambda w: w.responses.append(Response(w.participant_id("bob"), "events", page(w, 1, 2, 3, 4, 5, 6))),
    ),
    "messages with a hole": (
        "L4",
        lambda w: w.responses.append(
            Response(
                w.participant_id("carol"), "messages", {"messages": page(w, 2, 6)["events"], "has_more": False}
            )
        ),
    ),
    "a push of another history": (
        "a frame of another history: {'1.restored'}",
        lambda w: w.posts.append(
            Post(w.connection_id("carol"), {**push(w, "carol", 6).frame, "history_id": "1.restored"})
        ),
    ),
    "a frame of an unknown shape": (
        "no frame of type",
        lambda w: w.posts.append(Post(w.connection_id("carol"), {"type": "surprise"})),
    ),
}


@pytest.mark.parametrize("spoiled", IN_WHAT_WAS_SAID)
def test_wrong_pushes_and_responses_are_found(tables: Tables, spoiled: str) -> None:
    word, spoil = IN_WHAT_WAS_SAID[spoiled]
    harness = good_world(tables)
    check(harness, subscribers=MEMBERS)
    spoil(harness)
    with pytest.raises((AssertionError, KeyError), match=word):
        check(harness, subscribers=MEMBERS)


def test_missing_push_of_a_deletion_is_found(tables: Tables) -> None:
    harness = tables.harness(SHAPE)
    harness.process().delete_conversation("alice")
    assert check(harness, subscribers=MEMBERS).state == "deleted"
    harness.posts = [post for post in harness.posts if post.frame["type"] != "conversation_deleted"]
    with pytest.raises(AssertionError, match="told of the deletion"):
        check(harness, subscribers=MEMBERS)
