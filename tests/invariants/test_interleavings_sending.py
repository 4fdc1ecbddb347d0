"""Sends concurrent with sends, repeats, joins and reads, in every interleaving of the store calls."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.limits import Timing
from tests.invariants.cases import said_as
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, TWO_DEVICES, Harness, Setup
from tests.invariants.interleaving import (
    BOTH_STORES,
    Act,
    Results,
    Store,
    interleave,
    samples_unless_whole,
    some_of,
)
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.fakes import START_TIME


def by_socket(socket: str, text: str, key: str) -> Act:
    return lambda process: process.send_message(socket, text, key)


def by_http(name: str, text: str, key: str | None) -> Act:
    return lambda process: process.post_message(name, text, key)


def judge_all_said(
    harness: Harness, ends: Results, texts: dict[str, str], hears: tuple[str, ...] = MEMBERS
) -> None:
    """Check that acknowledged messages are in the log once and pushed to all, and rejected ones are not."""
    sent = [texts[name] for name in ends.succeeded_names()]
    assert sorted(check(harness, subscribers=hears).texts) == sorted(sent)


@BOTH_STORES
@pytest.mark.parametrize("http", [False, True], ids=["sockets", "a socket and HTTP"])
def test_two_concurrent_sends(tables: Tables, engine_tables: Tables, store: Store, http: bool) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, {"alice sends": "A", "bob sends": "B"})

    acts = {
        "alice sends": by_socket("alice", "A", "same-key"),
        "bob sends": by_http("bob", "B", None) if http else by_socket("bob", "B", "same-key"),
    }
    found = interleave(tables, Setup(), acts, judge, store=store, engine_tables=engine_tables)
    assert len(found.schedules) >= 4


@BOTH_STORES
def test_two_concurrent_sends_of_one_member(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, {"one device": "A", "the other": "B"}, TWO_DEVICES.subscribed)

    acts = {"one device": by_socket("alice", "A", "a"), "the other": by_socket("alice2", "B", "b")}
    interleave(
        tables, TWO_DEVICES, acts, judge, store=store, samples=some_of(store, 60), engine_tables=engine_tables
    )


@pytest.mark.parametrize("spent", [0, 22])
def test_concurrent_charges_are_at_most_the_burst(tables: Tables, engine_tables: Tables, spent: int) -> None:
    """Each of three callers asks for an equal part of the burst; there is room for one less of them."""
    burst = 24

    def acquires(count: int) -> Act:
        def act(process: Process) -> object:
            rate_limits, alice = process.app.stores.rate_limits, process.harness.participant_id("alice")
            return rate_limits.acquire(alice, int(START_TIME * 1000), count, interval=1000, burst=burst).allowed

        return act

    def arrange(harness: Harness) -> None:
        if spent:
            acquires(spent)(harness.process())

    def judge(harness: Harness, ends: Results) -> None:
        assert [ends[name] for name in acts].count(True) == 2

    each = (burst - spent) // 2
    acts = {name: acquires(each) for name in ("one", "another", "a third")}
    interleave(tables, Setup(), acts, judge, arrange=arrange, engine_tables=engine_tables)


def test_concurrent_sends_beyond_the_burst_are_refused(tables: Tables, engine_tables: Tables) -> None:
    """Of three messages in flight at once, only as many are accepted as the burst has room for."""
    burst, room = 24, 1
    limits = {"message_burst": burst, "messages_per_second": 1}
    tables, engine_tables = tables.with_limits(**limits), engine_tables.with_limits(**limits)
    setup = replace(TWO_DEVICES, sockets=(*TWO_DEVICES.sockets, "alice3"))

    def arrange(harness: Harness) -> None:
        earlier = harness.process()
        earlier.post_batch("alice", *(said_as(f"{number}") for number in range(burst - room)))

    def judge(harness: Harness, ends: Results) -> None:
        accepted = ends.succeeded_names("RATE_LIMITED")
        assert len(accepted) == room
        assert len(check(harness, subscribers=TWO_DEVICES.subscribed).texts) == burst - room + len(accepted)

    acts = {
        "one device": by_socket("alice", "A", "a"),
        "another": by_socket("alice2", "B", "b"),
        "a third": by_http("alice", "C", None),
    }
    interleave(
        tables, setup, acts, judge, arrange=arrange, timing=Timing(), samples=60, engine_tables=engine_tables
    )


@BOTH_STORES
@pytest.mark.parametrize("http", [False, True], ids=["sockets", "a socket and HTTP"])
def test_concurrent_repeats_of_one_send(tables: Tables, engine_tables: Tables, store: Store, http: bool) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        verdict = check(harness, subscribers=TWO_DEVICES.subscribed)
        answers: list[dict[str, Any]] = [ends[name] for name in ends.succeeded_names()]
        assert len(verdict.texts) == (1 if answers else 0)
        assert {(answer["message_id"], answer["sequence_id"]) for answer in answers} == {
            (event["message_id"], event["sequence_id"]) for event in verdict.log.messages
        }
        firsts = [answer for answer in answers if answer.get("duplicate") is False]
        repeats = [answer for answer in answers if answer.get("duplicate") is True]
        assert len(firsts) <= 1
        if not http and len(answers) == 2:
            assert len(repeats) == 1, "one of the two is the first and one a repeat"

    acts = {
        "sends": by_socket("alice", "first body", "k"),
        "repeats": by_http("alice", "another body", "k") if http else by_socket("alice2", "another body", "k"),
    }
    interleave(
        tables, TWO_DEVICES, acts, judge, store=store, samples=some_of(store, 60), engine_tables=engine_tables
    )


def test_three_concurrent_sends(tables: Tables, engine_tables: Tables) -> None:
    texts = {"alice sends": "A", "bob sends": "B", "carol sends": "C"}

    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, texts)

    acts = {
        name: by_socket(socket, text, "k") for socket, (name, text) in zip(MEMBERS, texts.items(), strict=True)
    }
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        max_schedules=3000,
        samples=samples_unless_whole(240),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_send_concurrent_with_a_join(tables: Tables, engine_tables: Tables, store: Store) -> None:
    shape = Setup(non_members=("dave",), is_open=True, sockets=(*MEMBERS, "dave"))

    def joins_and_listens(process: Process) -> Any:
        process.join("dave")
        return process.send_frame("dave", "subscribe")

    def judge(harness: Harness, ends: Results) -> None:
        joined = ends.succeeded("dave joins and listens")
        verdict = check(harness, subscribers=(*MEMBERS, "dave") if joined else MEMBERS)
        assert verdict.texts == (["A"] if ends.succeeded("alice sends") else [])
        if not joined:
            return
        # A new member's pointer starts at the head: earlier messages are not unread, later ones are.
        epoch = verdict.log.members[harness.participant_id("dave")].epoch
        later = [event for event in verdict.log.messages if event["sequence_id"] > epoch]
        (listed,) = harness.process().list_conversations("dave")
        assert listed["unread_count"] == len(later)

    acts: dict[str, Act] = {
        "alice sends": by_socket("alice", "A", "a"),
        "dave joins and listens": joins_and_listens,
    }
    samples = some_of(store, 50)
    interleave(tables, shape, acts, judge, store=store, samples=samples, engine_tables=engine_tables)


@BOTH_STORES
def test_read_concurrent_with_a_send_of_the_same_member(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def arrange(harness: Harness) -> None:
        for text in ("news", "more"):
            harness.process().send_message("bob", text, text)

    def judge(harness: Harness, ends: Results) -> None:
        check(harness, subscribers=TWO_DEVICES.subscribed)
        (listed,) = harness.process().list_conversations("alice")
        assert listed["unread_count"] == 3 - listed["read_up_to"], "her own message never counts"
        if ends.succeeded("alice reads", "UNAVAILABLE"):
            assert listed["read_up_to"] >= ends["alice reads"][0]["read_up_to"] >= 2

    acts: dict[str, Act] = {
        "alice sends": by_socket("alice", "A", "a"),
        "alice reads": lambda process: process.send_frame("alice2", "read", sequence_id=2),
    }
    interleave(tables, TWO_DEVICES, acts, judge, store=store, arrange=arrange, engine_tables=engine_tables)


def test_concurrent_reads_never_move_the_pointer_back(tables: Tables, engine_tables: Tables) -> None:
    def arrange(harness: Harness) -> None:
        for text in ("news", "more"):
            harness.process().send_message("bob", text, text)

    def judge(harness: Harness, ends: Results) -> None:
        check(harness, subscribers=TWO_DEVICES.subscribed)
        assert ends["reads the first"]["read_up_to"] >= 2
        assert ends["reads the second"] == {"read_up_to": 3, "unread_count": 0}
        (listed,) = harness.process().list_conversations("alice")
        assert (listed["read_up_to"], listed["unread_count"]) == (3, 0)

    acts: dict[str, Act] = {
        "reads the first": lambda process: process.mark_read("alice", 2),
        "reads the second": lambda process: process.mark_read("alice", 3),
    }
    interleave(tables, TWO_DEVICES, acts, judge, arrange=arrange, engine_tables=engine_tables)


@BOTH_STORES
def test_send_concurrent_with_a_title_update(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.texts == (["B"] if ends.succeeded("bob sends") else [])
        assert ("conversation_updated" in verdict.types) == ends.succeeded("alice changes the title")

    acts: dict[str, Act] = {
        "bob sends": by_socket("bob", "B", "b"),
        "alice changes the title": lambda process: process.update_conversation("alice", title="Another title"),
    }
    interleave(tables, Setup(), acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


def test_two_concurrent_title_updates(tables: Tables, engine_tables: Tables) -> None:
    shape = Setup(roles=(("bob", "moderator"),))

    def judge(harness: Harness, ends: Results) -> None:
        verdict = check(harness, subscribers=MEMBERS)
        assert ends.succeeded_names() == ["alice's title", "bob's title"]
        changes = [event["title"] for event in verdict.log.events if event["type"] == "conversation_updated"]
        assert sorted(changes) == ["of alice", "of bob"]
        assert harness.process().get_conversation("carol")["title"] == changes[-1], (
            "the last change is what stands"
        )

    acts: dict[str, Act] = {
        "alice's title": lambda process: process.update_conversation("alice", title="of alice"),
        "bob's title": lambda process: process.update_conversation("bob", title="of bob"),
    }
    interleave(tables, shape, acts, judge, samples=40, engine_tables=engine_tables)
