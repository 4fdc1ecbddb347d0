"""Every request that changes a message, each with how it begins and what must be so once it was made for good."""

from __future__ import annotations

from collections.abc import Callable

from tests.invariants.cases import Case, events, texts
from tests.invariants.checker import Verdict
from tests.invariants.interleaving import Arrange
from tests.invariants.present import DELETED
from tests.invariants.world import World

HEART, THUMB, WAVE = "❤️", "👍🏽", "👋"
FIRST = 2
"""The sequence id of the first message of a world."""


def alice_spoke(world: World) -> None:
    """One message, of alice."""
    world.process().sends("alice", "first", "k")


def then(*steps: Arrange) -> Arrange:
    """One thing after the other, alice's message before them all."""

    def arrange(world: World) -> None:
        alice_spoke(world)
        for step in steps:
            step(world)

    return arrange


def edited(text: str) -> Arrange:
    """Alice has edited it."""

    def edit(world: World) -> None:
        world.process().edit("alice", FIRST, text)

    return edit


def reacted(name: str, emoji: str) -> Arrange:
    """Somebody has reacted to it."""

    def react(world: World) -> None:
        world.process().react(name, FIRST, emoji)

    return react


def taken_back(world: World) -> None:
    """Alice has deleted it."""
    world.process().take_back("alice", FIRST)


def stands(emoji: str, count: int, *kinds: str) -> Callable[[World, Verdict], None]:
    """So many people react with this emoji, after these events."""

    def done(world: World, verdict: Verdict) -> None:
        events("message", *kinds)(world, verdict)
        (message,) = verdict.story.messages
        found = {each["emoji"]: each["count"] for each in message.get("reactions", [])}
        assert found.get(emoji, 0) == count
        told = world.process(skew=9.0).who_reacted("carol", FIRST, emoji)
        assert len(told) == count, "who reacted is not as many as are counted"

    return done


EDIT = Case(
    "edit",
    lambda p: p.says("alice", "edit", target=FIRST, content="second"),
    texts("second"),
    arrange=alice_spoke,
)
CHANGING = [
    EDIT,
    Case("edit by HTTP", lambda p: p.edit("alice", FIRST, "second"), texts("second"), arrange=alice_spoke),
    Case(
        "edit once more, with all that can be edited",
        lambda p: p.says(
            "alice",
            "edit",
            target=FIRST,
            content="third",
            mentions=[p.world.person("carol")],
            metadata={"a": 1},
        ),
        texts("third"),
        arrange=then(edited("second"), reacted("bob", HEART)),
    ),
    Case(
        "delete a message",
        lambda p: p.says("alice", "delete", target=FIRST),
        texts(DELETED),
        arrange=alice_spoke,
    ),
    Case(
        "delete what was edited and reacted to, by HTTP",
        lambda p: p.take_back("alice", FIRST),
        texts(DELETED),
        arrange=then(edited("second"), reacted("bob", HEART), edited("third"), reacted("carol", THUMB)),
    ),
    Case(
        "delete another's message",
        lambda p: p.says("alice", "delete", target=FIRST),
        texts(DELETED),
        arrange=lambda world: world.process().sends("bob", "first", "k"),
    ),
    Case(
        "react",
        lambda p: p.says("bob", "react", target=FIRST, emoji=HEART),
        stands(HEART, 1, "reaction_added"),
        arrange=alice_spoke,
    ),
    Case(
        "react like another, by HTTP",
        lambda p: p.react("bob", FIRST, HEART),
        stands(HEART, 2, "reaction_added", "reaction_added"),
        arrange=then(reacted("carol", HEART)),
    ),
    Case(
        "take a reaction back",
        lambda p: p.says("bob", "unreact", target=FIRST, emoji=HEART),
        stands(HEART, 0, "reaction_added", "reaction_removed"),
        arrange=then(reacted("bob", HEART)),
    ),
    Case(
        "take one of two back, by HTTP",
        lambda p: p.unreact("bob", FIRST, HEART),
        stands(HEART, 1, "reaction_added", "reaction_added", "reaction_removed"),
        arrange=then(reacted("bob", HEART), reacted("carol", HEART)),
    ),
]
