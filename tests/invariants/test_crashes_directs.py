"""A crash at each store call of opening, accepting, leaving and blocking a direct conversation, and a repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from local.faults.client import DynamoClient
from tests.invariants.harness import Harness
from tests.invariants.interleaving import Act
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_interleavings_consent import ConsentTables
from tests.invariants.test_interleavings_directs import (
    SETUP,
    alice_opens,
    blockers,
    direct_of,
    is_member,
    opens,
)
from tests.support.stepper import crash_points


def nothing(_harness: Harness) -> None:
    """Begin without a conversation."""


def leaves(process: Process) -> object:
    process.harness = replace(process.harness, conversation=direct_of(process.harness))
    return process.leave("alice")


def is_pending(harness: Harness) -> bool:
    chat = direct_of(harness)
    (listed,) = harness.process(skew=9.0).list_conversations("alice")
    is_alone = is_member(harness, chat, "alice") and not is_member(harness, chat, "bob")
    return listed["conversation_id"] == chat and is_alone and len(listed["pending"]) == 1


def is_open(harness: Harness) -> bool:
    chat = direct_of(harness)
    return is_member(harness, chat, "alice") and is_member(harness, chat, "bob")


def is_hidden(harness: Harness) -> bool:
    return not harness.process(skew=9.0).list_conversations("alice") and is_member(
        harness, direct_of(harness), "alice"
    )


CASES: dict[str, tuple[bool, Callable[[Harness], None], Act, Callable[[Harness], bool]]] = {
    "open": (False, nothing, opens("alice", "bob"), is_open),
    "open, pending": (True, nothing, opens("alice", "bob"), is_pending),
    "accept": (True, alice_opens, opens("bob", "alice"), is_open),
    "leave": (False, alice_opens, leaves, is_hidden),
    "block": (
        False,
        alice_opens,
        lambda process: process.block("bob", "alice"),
        lambda harness: blockers(harness, direct_of(harness)) == ["bob"],
    ),
}
"""By name: whether consent is required, the state before, the request, and a check of the state after a repeat."""


@pytest.mark.parametrize("name", CASES)
def test_repeat_after_a_crash_takes_effect_once(tables: Tables, name: str) -> None:
    required, arrange, act, is_done = CASES[name]
    used = ConsentTables(tables) if required else tables

    def begin() -> Harness:
        harness = used.harness(SETUP)
        arrange(harness)
        return harness

    def crash(harness: Harness, client: DynamoClient) -> None:
        act(harness.process(client))

    points = 0
    for point in crash_points(tables.engine, begin, crash):
        with point as harness:
            act(harness.process(skew=1.0))
            assert is_done(harness)
        points += 1
    assert points >= 4
