"""The checker finds what is wrong with bans, mutes and the audit: a good world, spoiled in one place."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from local.faults.calls import ItemKey
from tests.invariants.checker import check, check_items
from tests.invariants.items import Items
from tests.invariants.test_checker import at, drop, event, place
from tests.invariants.world import Shape, Stage, World

SHAPE = Shape(roles=(("carol", "moderator"),), strangers=("dave", "erin"), is_open=True)


def moderated_world(stage: Stage) -> World:
    """Bob is muted, dave was in and is banned, erin is banned and was not."""
    world = stage.world(SHAPE)
    world.process().writes("bob", "before", "1")  # 2
    world.process(skew=1.0).mute("carol", "bob")  # 3
    world.process(skew=2.0).join("dave")  # 4
    world.process(skew=3.0).ban("carol", "dave")  # 5
    world.process(skew=4.0).ban("alice", "erin")  # 6
    world.process(skew=5.0).writes("carol", "after", "2")  # 7
    return world


def ban_sk(world: World, items: Items) -> str:
    (first, *_) = [key.sk for key in items if key.sk.startswith("B#") and world.conversation in key.pk]
    return first


def sender(world: World, name: str) -> dict[str, str]:
    return {"participant_id": world.person(name), "name": name.title(), "type": "human"}


SPOILED: dict[str, tuple[str, Callable[[World, Items], object]]] = {
    "a ban that is not kept": ("bans", lambda w, i: drop(w, i, ban_sk(w, i))),
    "somebody in who is banned": (
        "lets somebody in who is banned",
        lambda w, i: event(
            w, i, 7, type="participant_joined", reason="added",
            participant={"participant_id": w.person("erin"), "name": "Erin", "role": "member"},
        ),
    ),
    "a message of somebody muted": ("who is muted", lambda w, i: event(w, i, 7, sender=sender(w, "bob"))),
    "a mute that is not kept": ("memberships", lambda w, i: place(w, i, "bob").pop("muted_until")),
    "a mute that nobody sees": (
        "list of participants",
        lambda w, i: at(w, i, f"P#{w.person('bob')}").pop("muted_until"),
    ),
    "an act that is not in the audit": ("audit", lambda w, i: drop(w, i, f"A#{5:016d}#00")),
    "an act of somebody else": (
        "audit",
        lambda w, i: at(w, i, f"A#{5:016d}#00")["actor_id"].update(S=w.person("alice")),
    ),
    "no note of who was here": (
        "who was here",
        lambda w, i: i.pop(
            ItemKey(w.stage.conversations_table, f"U#{w.person('dave')}", f"F#{w.conversation}")
        ),
    ),
    "no mark of who was never here": ("who was here", lambda w, i: drop(w, i, f"L#{w.person('erin')}")),
}  # fmt: skip


@pytest.mark.parametrize("spoiled", SPOILED)
def test_what_is_stored_wrongly_is_found(stage: Stage, spoiled: str) -> None:
    word, spoil = SPOILED[spoiled]
    world = moderated_world(stage)
    assert check(world, hears=("alice", "bob", "carol")).texts == ["before", "after"]
    items = copy.deepcopy(world.items())
    spoil(world, items)
    with pytest.raises(AssertionError, match=word):
        check_items(world, items)
