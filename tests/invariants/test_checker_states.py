"""The checker reads each state once: the same state has other ids and times that differ by milliseconds."""

from __future__ import annotations

from tests.invariants.checker.reads import Reads
from tests.invariants.harness import Harness
from tests.invariants.tables import Tables
from tests.invariants.test_checker import good_world


def state(harness: Harness) -> str:
    return Reads(harness, harness.items(), tidy=True, frozen=True).state()


def reacted(harness: Harness, emoji: str = "👍", skew: float = 5.0) -> Harness:
    """Let a member react, whose item has a digest of the member in its key."""
    harness.process(skew=skew).send_frame("alice", "react", target=2, emoji=emoji)
    return harness


def test_same_acts_in_another_conversation_lead_to_the_same_state(tables: Tables) -> None:
    other_tables = Tables(tables.engine, "conversations", "connections")
    first = state(reacted(good_world(tables)))
    assert first == state(reacted(good_world(tables), skew=5.004)) == state(reacted(good_world(other_tables)))


def test_state_depends_on_contents_order_of_times_limits_and_devices(tables: Tables) -> None:
    states = [state(reacted(good_world(tables)))]
    states.append(state(reacted(good_world(tables), "🚆")))
    states.append(state(reacted(good_world(tables), skew=3.5)))
    states.append(state(reacted(good_world(tables), skew=60.0)))
    states.append(state(reacted(good_world(tables.with_limits(content_bytes=100)))))
    late = reacted(good_world(tables))
    late.late_sockets.add("alice3")
    states.append(state(late))
    assert len({*states}) == len(states)
