"""Batches concurrent with other writers, and pairs of commands of one connection: their order and their laws."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from chalicelib.core.kernel.limits import Timing
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.plans import CRASH_AFTER, nth
from tests.invariants.cases import said_as
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, QUANTUM, TWO_DEVICES, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_group_commit import PATIENT, crowded, leave_queued
from tests.support.message_fields import for_any_reader


def batch(socket: str, *keys: str) -> Act:
    return lambda process: process.send_batch(socket, *map(said_as, keys))


def are_contiguous(texts: list[str], keys: str) -> bool:
    """Whether the messages with these keys stand together, in this order."""
    return keys in "".join(texts)


@BOTH_STORES
@pytest.mark.parametrize("contended", [False, True], ids=["direct", "queued"])
def test_runs_of_two_senders_stay_contiguous(
    tables: Tables, engine_tables: Tables, store: Store, contended: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        sent = list(ends.succeeded_names("CONVERSATION_BUSY", "NOT_ATTEMPTED"))
        texts = check(harness, subscribers=MEMBERS).texts
        assert sorted(texts) == sorted("".join(sent))
        assert all(are_contiguous(texts, keys) for keys in sent), f"a run is torn apart: {texts}"

    acts = {"abc": batch("alice", *"abc"), "xyz": batch("bob", *"xyz")}
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=crowded if contended else lambda harness: None,
        timing=PATIENT,
        samples=40,
        engine_tables=engine_tables if store is Store.ATOMIC else None,
    )


@pytest.mark.parametrize("contended", [False, True], ids=["direct", "queued"])
def test_concurrent_repeat_of_a_batch_appends_each_message_once(
    tables: Tables, engine_tables: Tables, contended: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        texts = check(harness, subscribers=TWO_DEVICES.subscribed).texts
        answers = [ends[name] for name in ends.succeeded_names("CONVERSATION_BUSY", "NOT_ATTEMPTED")]
        if answers:
            assert texts == ["a", "b", "c"]
        for results in answers:
            assert [result["client_message_id"] for result in results] == ["a", "b", "c"]
            assert [result["sequence_id"] for result in results] == [2, 3, 4]

    acts = {"sends": batch("alice", *"abc"), "repeats": batch("alice2", *"abc")}
    interleave(
        tables,
        TWO_DEVICES,
        acts,
        judge,
        arrange=crowded if contended else lambda harness: None,
        timing=PATIENT,
        samples=40,
        engine_tables=engine_tables,
    )


@pytest.mark.parametrize("contended", [False, True], ids=["direct", "queued"])
def test_message_of_the_batch_that_is_sent_alone_as_well_is_appended_once(tables: Tables, contended: bool) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        texts = check(harness, subscribers=TWO_DEVICES.subscribed).texts
        assert len(texts) == len(set(texts)), f"L2: {texts}"
        if ends.succeeded("batch", "CONVERSATION_BUSY", "NOT_ATTEMPTED"):
            assert sorted(texts) == ["a", "b", "c"]
            assert texts in (["a", "b", "c"], ["b", "a", "c"]), "a and c are in the order of the batch"

    acts: dict[str, Act] = {
        "batch": batch("alice", *"abc"),
        "alone": lambda process: process.send_message("alice2", "b", "b"),
    }
    interleave(
        tables,
        TWO_DEVICES,
        acts,
        judge,
        arrange=crowded if contended else lambda harness: None,
        timing=PATIENT,
        samples=60,
    )


def test_member_who_is_removed_meanwhile_leaves_a_prefix(tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("alice removes bob")
        results = ends["bob sends"]
        done = [result["type"] != "error" for result in results]
        assert done == sorted(done, reverse=True), f"a result after an error: {results}"
        verdict = check(harness, subscribers=("alice", "carol"))
        assert len(verdict.types) == 2 + sum(done)

    acts: dict[str, Act] = {
        "bob sends": lambda process: process.send_batch(
            "bob", said_as("1"), said_as("2"), {"type": "react", "target": 2, "emoji": "👍"}, said_as("3")
        ),
        "alice removes bob": lambda process: process.remove_participant("alice", "bob"),
    }
    interleave(tables, Setup(), acts, judge, samples=80)


def test_queued_run_of_a_crashed_sender_is_committed_whole_by_the_next_leader(tables: Tables) -> None:
    harness = tables.harness()
    harness.make_contended()
    dying = FaultyClient(tables.engine, nth(1, CRASH_AFTER, "put_item"))
    with pytest.raises(Crash):
        harness.process(dying).send_batch("alice", *map(said_as, "abc"))
    assert harness.process(skew=0.1, timing=PATIENT).send_message("bob", "alive", "k")["type"] == "message_ack"
    assert check(harness).texts == ["a", "b", "c", "alive"]
    again = harness.process(skew=1.0).send_batch("alice", *map(said_as, "abcd"))
    assert [result["duplicate"] for result in again] == [True, True, True, False]
    assert check(harness).texts == ["a", "b", "c", "alive", "d"]


def test_queued_run_with_a_duplicate_does_not_block_the_queue(tables: Tables) -> None:
    harness = tables.harness()
    harness.process().send_message("alice", "b", "b")
    leave_queued(harness, "bob", "k")
    results = harness.process(skew=0.1, timing=PATIENT).send_batch("alice", *map(said_as, "abc"))
    assert [(result["sequence_id"], result["duplicate"]) for result in results] == [
        (4, False), (2, True), (5, False),
    ]  # fmt: skip
    assert check(harness).texts == ["b", "dead", "a", "c"]


def test_full_runs_of_many_senders_are_committed_within_the_limits_of_a_transaction(tables: Tables) -> None:
    harness = tables.harness()
    keys = [f"k{number}" for number in range(24)]
    for member in MEMBERS:
        harness.make_contended()
        dying = FaultyClient(tables.engine, nth(1, CRASH_AFTER, "put_item"))
        with pytest.raises(Crash):
            harness.process(dying).send_batch(member, *map(said_as, keys))
    patient = Timing(append_deadline=30 * QUANTUM)
    for number in range(3):
        process = harness.process(skew=0.1 + number, timing=patient)
        assert process.send_message("bob", "alive", f"alive{number}")["type"] == "message_ack"
    # Each leader takes its own message and the oldest run: a second one does not fit into the transaction.
    assert check(harness).texts == 3 * [*keys, "alive"]


# ---- pairs of commands on one connection -------------------------------------------------------------------

PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "react, unreact": (
        {"type": "react", "target": 2, "emoji": "👍"},
        {"type": "unreact", "target": 2, "emoji": "👍"},
    ),
    "unreact, react": (
        {"type": "unreact", "target": 2, "emoji": "👋"},
        {"type": "react", "target": 2, "emoji": "👋"},
    ),
    "edit, edit": (
        {"type": "edit", "target": 2, "content": "one"},
        {"type": "edit", "target": 2, "content": "two"},
    ),
    "edit, delete": ({"type": "edit", "target": 2, "content": "one"}, {"type": "delete", "target": 2}),
    "message, message": (said_as("1"), said_as("2")),
    "message, react": (said_as("1"), {"type": "react", "target": 2, "emoji": "👍"}),
    "message, read": (said_as("1"), {"type": "read", "sequence_id": 2}),
}
SHOWN = {
    "react, unreact": ("first", [{"emoji": "👋", "count": 1}]),
    "unreact, react": ("first", [{"emoji": "👋", "count": 1}]),
    "edit, edit": ("two", [{"emoji": "👋", "count": 1}]),
    "edit, delete": (None, None),
    "message, message": ("first", [{"emoji": "👋", "count": 1}]),
    "message, react": ("first", [{"emoji": "👋", "count": 1}, {"emoji": "👍", "count": 1}]),
    "message, read": ("first", [{"emoji": "👋", "count": 1}]),
}
"""The content and the reactions of the first message after each pair."""


def one_message_with_a_reaction(harness: Harness) -> None:
    harness.process().post_message("alice", "first", "first")
    harness.process().add_reaction("alice", 2, "👋")


@pytest.mark.parametrize("pair", PAIRS)
def test_pair_in_a_batch_has_its_effects_in_order_beside_another_writer(tables: Tables, pair: str) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        results = ends["alice"]
        assert ends.succeeded("bob", "CONVERSATION_BUSY") in (True, False)
        if any(result["type"] == "error" for result in results):
            return
        assert check(harness, subscribers=MEMBERS).types.count("message") >= 1
        first = harness.process(skew=5.0).list_messages("alice")["messages"][0]
        first = for_any_reader(first)
        assert (first.get("content"), first.get("reactions")) == SHOWN[pair]

    acts: dict[str, Act] = {
        "alice": lambda process: process.send_batch("alice", *PAIRS[pair]),
        "bob": lambda process: process.send_message("bob", "beside", "k"),
    }
    interleave(tables, Setup(), acts, judge, arrange=one_message_with_a_reaction, samples=30)


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1])), ids=["in order", "overtaken"])
@pytest.mark.parametrize("pair", PAIRS)
def test_pair_without_a_batch_has_its_effects_in_the_order_of_execution(
    tables: Tables, pair: str, order: tuple[int, int]
) -> None:
    """API Gateway may execute frames in any order: the laws hold in each, and only a batch fixes the order."""
    harness = tables.harness()
    one_message_with_a_reaction(harness)
    for number, index in enumerate(order):
        command = dict(PAIRS[pair][index])
        harness.process(skew=float(number)).send_frame("alice", command.pop("type"), **command)
    check(harness, subscribers=MEMBERS)


@pytest.mark.parametrize("pair", PAIRS)
def test_concurrent_frames_of_one_connection_keep_the_laws(tables: Tables, pair: str) -> None:
    def act(command: dict[str, Any]) -> Act:
        fields = {name: value for name, value in command.items() if name != "type"}

        def send(process: Process) -> Any:
            return process.send_frame("alice", command["type"], **fields)

        return send

    def judge(harness: Harness, ends: Results) -> None:
        check(harness, subscribers=MEMBERS)

    acts = {f"{number}": act(command) for number, command in enumerate(PAIRS[pair])}
    interleave(tables, Setup(), acts, judge, arrange=one_message_with_a_reaction, samples=30)
