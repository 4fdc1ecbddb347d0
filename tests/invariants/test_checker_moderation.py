"""The checker finds each kind of corruption of bans, mutes and the audit."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from local.faults.calls import ItemKey
from tests.invariants.checker import check, check_items
from tests.invariants.harness import Harness, Setup
from tests.invariants.tables import Tables
from tests.invariants.test_checker import at, drop, event, place
from tests.support.items import Items

SHAPE = Setup(roles=(("carol", "moderator"),), non_members=("dave", "erin"), is_open=True)


def moderated_world(tables: Tables) -> Harness:
    """Return a conversation: bob is muted, dave is a banned former member, erin a banned non-member."""
    harness = tables.harness(SHAPE)
    harness.process().send_message("bob", "before", "1")  # 2
    harness.process(skew=1.0).mute("carol", "bob")  # 3
    harness.process(skew=2.0).join("dave")  # 4
    harness.process(skew=3.0).ban("carol", "dave")  # 5
    harness.process(skew=4.0).ban("alice", "erin")  # 6
    harness.process(skew=5.0).send_message("carol", "after", "2")  # 7
    return harness


def ban_sk(harness: Harness, items: Items) -> str:
    (first, *_) = [key.sk for key in items if key.sk.startswith("B#") and harness.conversation in key.pk]
    return first


def sender(harness: Harness, name: str) -> dict[str, str]:
    return {"participant_id": harness.participant_id(name), "name": name.title(), "type": "human"}


SPOILED: dict[str, tuple[str, Callable[[Harness, Items], object]]] = {
    "a ban that is not kept": ("bans", lambda w, i: drop(w, i, ban_sk(w, i))),
    "admission of a banned user": (
        "admits a banned user",
        lambda w, i: event(
            w, i, 7, type="participant_joined", reason="added",
            participant={"participant_id": w.participant_id("erin"), "name": "Erin", "role": "member"},
        ),
    ),
    "a message of somebody muted": ("who is muted", lambda w, i: event(w, i, 7, sender=sender(w, "bob"))),
    "a mute that is not kept": ("memberships", lambda w, i: place(w, i, "bob").pop("muted_until")),
    "a mute that nobody sees": (
        "list of participants",
        lambda w, i: at(w, i, f"P#{w.participant_id('bob')}").pop("muted_until"),
    ),
    "an act that is not in the audit": ("audit", lambda w, i: drop(w, i, f"A#{5:016d}#00")),
    "an act of somebody else": (
        "audit",
        lambda w, i: at(w, i, f"A#{5:016d}#00")["actor_id"].update(S=w.participant_id("alice")),
    ),
    "an act of a service as one of the person": (
        "hides who acted",
        lambda w, i: at(w, i, f"A#{5:016d}#00").update(service={"S": "backend"}),
    ),
    "no note of who was here": (
        "who was here",
        lambda w, i: i.pop(
            ItemKey(w.tables.conversations_table, f"U#{w.participant_id('dave')}", f"F#{w.conversation}")
        ),
    ),
    "no mark of who was never here": ("who was here", lambda w, i: drop(w, i, f"L#{w.participant_id('erin')}")),
}  # fmt: skip


@pytest.mark.parametrize("spoiled", SPOILED)
def test_corrupted_moderation_is_found(tables: Tables, spoiled: str) -> None:
    word, spoil = SPOILED[spoiled]
    harness = moderated_world(tables)
    assert check(harness, subscribers=("alice", "bob", "carol")).texts == ["before", "after"]
    items = copy.deepcopy(harness.items())
    spoil(harness, items)
    with pytest.raises(AssertionError, match=word):
        check_items(harness, items)
