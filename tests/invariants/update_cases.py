"""Every request that updates a message, each with its precondition and the check of its effect."""

from __future__ import annotations

from collections.abc import Callable

from tests.invariants.cases import Case, events, texts
from tests.invariants.checker import Verdict
from tests.invariants.harness import Harness
from tests.invariants.interleaving import Arrange
from tests.invariants.message_projection import DELETED

HEART, THUMB, WAVE = "❤️", "👍🏽", "👋"
FIRST = 2
"""The sequence id of the first message of a conversation."""


def alice_spoke(harness: Harness) -> None:
    """Send a message of alice's."""
    harness.process().post_message("alice", "first", "k")


def then(*steps: Arrange) -> Arrange:
    """Run several arrangements after alice's message."""

    def arrange(harness: Harness) -> None:
        alice_spoke(harness)
        for step in steps:
            step(harness)

    return arrange


def edited(text: str) -> Arrange:
    """Edit it."""

    def edit(harness: Harness) -> None:
        harness.process().edit_message("alice", FIRST, text)

    return edit


def reacted(name: str, emoji: str) -> Arrange:
    """React to it."""

    def react(harness: Harness) -> None:
        harness.process().add_reaction(name, FIRST, emoji)

    return react


def taken_back(harness: Harness) -> None:
    """Delete it."""
    harness.process().delete_message("alice", FIRST)


def stands(emoji: str, count: int, *kinds: str) -> Callable[[Harness, Verdict], None]:
    """Check the count of this emoji after these events."""

    def done(harness: Harness, verdict: Verdict) -> None:
        events("message", *kinds)(harness, verdict)
        (message,) = verdict.log.messages
        found = {reaction["emoji"]: reaction["count"] for reaction in message.get("reactions", [])}
        assert found.get(emoji, 0) == count
        shown = harness.process(skew=9.0).list_reactions("carol", FIRST, emoji)
        assert len(shown) == count, "who reacted is not as many as are counted"

    return done


EDIT = Case(
    "edit",
    lambda p: p.send_frame("alice", "edit", target=FIRST, content="second"),
    texts("second"),
    arrange=alice_spoke,
)
UPDATES = [
    EDIT,
    Case("edit by HTTP", lambda p: p.edit_message("alice", FIRST, "second"), texts("second"), arrange=alice_spoke),
    Case(
        "edit once more, with all that can be edited",
        lambda p: p.send_frame(
            "alice",
            "edit",
            target=FIRST,
            content="third",
            mentions=[p.harness.participant_id("carol")],
            metadata={"a": 1},
        ),
        texts("third"),
        arrange=then(edited("second"), reacted("bob", HEART)),
    ),
    Case(
        "delete a message",
        lambda p: p.send_frame("alice", "delete", target=FIRST),
        texts(DELETED),
        arrange=alice_spoke,
    ),
    Case(
        "delete what was edited and reacted to, by HTTP",
        lambda p: p.delete_message("alice", FIRST),
        texts(DELETED),
        arrange=then(edited("second"), reacted("bob", HEART), edited("third"), reacted("carol", THUMB)),
    ),
    Case(
        "delete another's message",
        lambda p: p.send_frame("alice", "delete", target=FIRST),
        texts(DELETED),
        arrange=lambda harness: harness.process().post_message("bob", "first", "k"),
    ),
    Case(
        "react",
        lambda p: p.send_frame("bob", "react", target=FIRST, emoji=HEART),
        stands(HEART, 1, "reaction_added"),
        arrange=alice_spoke,
    ),
    Case(
        "react like another, by HTTP",
        lambda p: p.add_reaction("bob", FIRST, HEART),
        stands(HEART, 2, "reaction_added", "reaction_added"),
        arrange=then(reacted("carol", HEART)),
    ),
    Case(
        "take a reaction back",
        lambda p: p.send_frame("bob", "unreact", target=FIRST, emoji=HEART),
        stands(HEART, 0, "reaction_added", "reaction_removed"),
        arrange=then(reacted("bob", HEART)),
    ),
    Case(
        "take one of two back, by HTTP",
        lambda p: p.remove_reaction("bob", FIRST, HEART),
        stands(HEART, 1, "reaction_added", "reaction_added", "reaction_removed"),
        arrange=then(reacted("bob", HEART), reacted("carol", HEART)),
    ),
    Case(
        "take another's back, as a moderator",
        lambda p: p.remove_reaction_of("alice", "bob", FIRST, HEART),
        stands(HEART, 1, "reaction_added", "reaction_added", "reaction_removed"),
        arrange=then(reacted("bob", HEART), reacted("carol", HEART)),
    ),
]
