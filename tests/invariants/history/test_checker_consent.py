"""The checker accepts correct histories of pending memberships, and finds each violation."""

from __future__ import annotations

from tests.invariants.history.history_builder import CONVERSATION_ID, HistoryBuilder


def room() -> HistoryBuilder:
    """Dan, who is not a member, is connected."""
    builder = HistoryBuilder(["ann", "bob", "dan"], inside=["ann", "bob"])
    builder.subscribe("ann", "bob")
    builder.send("ann", "one")
    return builder


def test_accepted_addition_has_no_violation() -> None:
    builder = room()
    builder.ask("ann", "dan")
    builder.join("dan", None)
    builder.send("dan", "two")
    builder.finish()
    assert builder.violated_laws() == set()


def test_declined_addition_has_no_violation() -> None:
    builder = room()
    builder.ask("ann", "dan")
    builder.end(builder.begin("decline", "dan", {}), None, 204)
    builder.finish()
    assert builder.violated_laws() == set()


def test_frame_without_an_addition_violates_privacy() -> None:
    builder = room()
    builder.receive("dan", {"type": "invited", "conversation_id": CONVERSATION_ID})
    builder.finish()
    assert builder.violated_laws() == {"L7"}


def test_acceptance_without_an_addition_violates_privacy() -> None:
    builder = room()
    builder.join("dan", None)
    builder.finish()
    assert builder.violated_laws() == {"L7"}


def test_acceptance_of_an_addition_by_a_member_without_the_right_violates_privacy() -> None:
    builder = room()
    builder.ask("bob", "dan")
    builder.join("dan", None)
    builder.finish()
    assert builder.violated_laws() == {"L7"}
