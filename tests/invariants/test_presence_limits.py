"""Presence and typing in large conversations: none above the limits, without writes or queries."""

import pytest

from tests.invariants.checker import check
from tests.invariants.harness import Harness
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_costs import Bill, crowd

MOST = 3
ENOUGH, TOO_MANY = MOST, MOST + 1


def world_of(tables: Tables, count: int, *, most: int = MOST) -> Harness:
    return tables.with_limits(typing_participants=most, presence_participants=most).harness(crowd(count))


def types(process: Process) -> object:
    return process.send_frame("alice", "typing", is_typing=True)


def subscribes(process: Process) -> object:
    return process.send_frame("alice", "subscribe")


def online(harness: Harness, name: str = "alice") -> set[str]:
    """Return the participants that a member sees as online."""
    participants = harness.process(skew=1.0).get_conversation(name)["participants"]
    return {participant["participant_id"] for participant in participants if participant["online"]}


def pushed_states(harness: Harness, socket: str, kind: str) -> list[bool]:
    """Return the states that were pushed to a socket, in order."""
    return [
        frame["online" if kind == "presence" else "is_typing"] for frame in harness.pushed_frames(socket, kind)
    ]


@pytest.mark.parametrize(("count", "is_told"), [(ENOUGH, True), (TOO_MANY, False)])
def test_typing_is_pushed_up_to_the_participant_limit(tables: Tables, count: int, is_told: bool) -> None:
    harness = world_of(tables, count)
    types(harness.process())
    harness.process(skew=0.1).send_frame("alice", "typing", is_typing=False)
    assert pushed_states(harness, "guest_0x", "typing") == ([True, False] if is_told else [])
    assert pushed_states(harness, "alice", "typing") == []


@pytest.mark.parametrize(("count", "is_told"), [(ENOUGH, True), (TOO_MANY, False)])
def test_presence_is_pushed_up_to_the_participant_limit(tables: Tables, count: int, is_told: bool) -> None:
    harness = world_of(tables, count)
    harness.posts.clear()
    harness.process(skew=0.1).send_frame("alice", "unsubscribe")
    harness.process(skew=0.2).send_frame("alice", "subscribe")
    harness.process(skew=0.3).disconnect("alice")
    assert pushed_states(harness, "guest_0x", "presence") == ([False, True, False] if is_told else [])
    everybody = {harness.participant_id(member) for member in harness.setup.members}
    assert online(harness, "guest_0x") == (everybody - {harness.participant_id("alice")} if is_told else set())
    check(harness)


@pytest.mark.parametrize("most", [0, 1])
def test_limit_of_zero_disables_presence_and_typing(tables: Tables, most: int) -> None:
    harness = world_of(tables, 2, most=most)
    types(harness.process())
    harness.process(skew=0.1).send_frame("alice", "unsubscribe")
    assert not harness.pushed_frames("guest_0x", "typing")
    assert not harness.pushed_frames("guest_0x", "presence")
    assert online(harness) == set()


def test_events_are_pushed_above_the_limits(tables: Tables) -> None:
    harness = world_of(tables, TOO_MANY)
    harness.process().send_message("alice", "hi", "k")
    assert check(harness, subscribers=harness.sockets).texts == ["hi"]


def test_typing_above_the_limit_writes_nothing(tables: Tables) -> None:
    bill = Bill(world_of(tables, TOO_MANY), types)
    assert bill.calls == {"get_item": 3}, "socket, head, membership"
    assert Bill(world_of(tables, ENOUGH), types).calls == {"get_item": 3, "update_item": 1, "query": 1}


def test_subscribe_above_the_limit_does_not_query_presence(tables: Tables) -> None:
    bill = Bill(world_of(tables, TOO_MANY), subscribes)
    # Connection, membership; subscription; head; events, participants, their read pointers; membership; head.
    assert bill.calls == {"get_item": 5, "transact_write_items": 1, "query": 2, "batch_get_item": 1}
    assert bill.recipient_queries() == 0


def test_typing_interval_is_shared_by_all_processes(tables: Tables) -> None:
    harness = world_of(tables, ENOUGH)
    for number in range(29):
        types(harness.process(skew=0.1 * number))
    assert pushed_states(harness, "guest_0x", "typing") == [True]
    types(harness.process(skew=3.0))
    assert pushed_states(harness, "guest_0x", "typing") == [True, True]
    for number in range(3):
        harness.process(skew=4.0 + number).send_frame("alice", "typing", is_typing=False)
    assert pushed_states(harness, "guest_0x", "typing") == [True, True, False]


def test_presence_is_pushed_for_the_first_and_last_connection(tables: Tables) -> None:
    harness = world_of(tables, ENOUGH)
    harness.posts.clear()
    for number, name in enumerate(("alice2", "alice3")):
        harness.late_sockets.add(name)
        process = harness.process(skew=0.1 * number)
        process.connect(name)
        process.send_frame(name, "subscribe")
        process.send_frame(name, "subscribe")
    for name in ("alice2", "alice", "alice3"):
        harness.process(skew=1.0).disconnect(name)
    assert pushed_states(harness, "guest_0x", "presence") == [False]
