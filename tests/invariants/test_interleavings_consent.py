"""Pending memberships in every interleaving: accepted, withdrawn, blocked and banned at the same time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import Act, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables

BOTH = pytest.mark.parametrize("store", [Store.ATOMIC, Store.LOCKED])
SETUP = Setup(non_members=("dave",), roles=(("carol", "moderator"),))
"""Carol moderates; dave is to be added."""


class ConsentTables(Tables):
    """Tables of a deployment that requires consent, for conversations that were created before it did."""

    def __init__(self, tables: Tables, **limits: int) -> None:
        super().__init__(tables.engine, tables.conversations_table, tables.connections_table)
        self._original = tables
        original = tables.settings
        self.settings = replace(original, requires_consent=True, limits=replace(original.limits, **limits))

    def harness(self, shape: Setup | None = None) -> Harness:
        """Return a new conversation with this setup."""
        return replace(self._original.harness(shape), tables=self)


def some_of(store: Store, count: int) -> int | None:
    """All schedules with atomic transactions, as many samples with conflicts."""
    return None if store is Store.ATOMIC else count


def carol_adds_dave(harness: Harness) -> None:
    assert harness.process().add_participant("carol", "dave")["membership"] == "pending"


def joins(process: Process) -> object:
    return process.join("dave")


ACTS: dict[str, Act] = {
    "withdraws": lambda process: process.withdraw("alice", "dave"),
    "bans": lambda process: process.ban("alice", "dave"),
    "blocks": lambda process: process.block("dave", "carol"),
    "demotes": lambda process: process.set_role("alice", "carol", "member"),
    "removes the adder": lambda process: process.remove_participant("alice", "carol"),
}
"""Acts that make a pending membership void."""
UNDOES_A_MEMBERSHIP = ("bans",)


@BOTH
@pytest.mark.parametrize("name", ACTS)
def test_acceptance_is_before_the_end_of_a_pending_membership_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store, name: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        accepted = ends.succeeded("dave joins", "NOT_FOUND")
        ended = ends.succeeded(name, *(["NOT_FOUND"] if name == "withdraws" else []))
        verdict = check(harness)
        is_member = harness.participant_id("dave") in verdict.log.members
        assert is_member == (accepted and not (ended and name in UNDOES_A_MEMBERSHIP))
        if store is Store.ATOMIC:
            assert accepted or ended
            assert name != "withdraws" or accepted != ended, (
                "each of them takes the pending membership, or neither"
            )
        process = harness.process(skew=30.0)
        assert not accepted or process.list_pending("alice") == []
        if ended:
            assert process.list_own_pending("dave") == []

    acts = {"dave joins": joins, name: ACTS[name]}
    interleave(
        ConsentTables(tables),
        SETUP,
        acts,
        judge,
        store=store,
        arrange=carol_adds_dave,
        samples=some_of(store, 40),
        engine_tables=ConsentTables(engine_tables),
    )


@BOTH
def test_concurrent_acceptances_count_once(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        joined = ends.succeeded_names("ALREADY_PARTICIPANT", "NOT_FOUND")
        verdict = check(harness, subscribers=MEMBERS)
        assert len(joined) <= 1
        assert verdict.types.count("participant_joined") == len(joined)
        assert store is not Store.ATOMIC or len(joined) == 1

    acts: dict[str, Act] = {"dave joins": joins, "and again": joins}
    interleave(
        ConsentTables(tables),
        SETUP,
        acts,
        judge,
        store=store,
        arrange=carol_adds_dave,
        samples=some_of(store, 40),
        engine_tables=ConsentTables(engine_tables),
    )


@BOTH
@pytest.mark.parametrize("required", [False, True], ids=["anyone", "consent"])
def test_addition_concurrent_with_a_block_is_before_it_or_hidden(
    tables: Tables, engine_tables: Tables, store: Store, required: bool
) -> None:
    def blocks_and_looks(process: Process) -> object:
        process.block("dave", "carol")
        names = process.harness.conversation, process.harness.participant_id("dave")
        return process.app.stores.memberships.membership(*names) is not None

    def judge(harness: Harness, ends: Results) -> None:
        added = ends.succeeded("carol adds dave")
        blocked = ends.succeeded("dave blocks carol and looks")
        verdict = check(harness, subscribers=MEMBERS)
        is_member = harness.participant_id("dave") in verdict.log.members
        assert not blocked or is_member == ends["dave blocks carol and looks"], "nobody is added after the block"
        assert is_member == (added and ends["carol adds dave"]["membership"] == "active")
        process = harness.process(skew=30.0)
        assert not blocked or process.list_own_pending("dave") == []
        if added and not is_member:
            assert len(process.list_pending("alice")) == 1

    acts: dict[str, Act] = {
        "carol adds dave": lambda process: process.add_participant("carol", "dave"),
        "dave blocks carol and looks": blocks_and_looks,
    }
    interleave(
        ConsentTables(tables) if required else tables,
        SETUP,
        acts,
        judge,
        store=store,
        samples=some_of(store, 40),
        engine_tables=ConsentTables(engine_tables) if required else engine_tables,
    )


@BOTH
def test_pending_addition_concurrent_with_a_ban_is_void(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("carol adds dave", "BANNED")
        banned = ends.succeeded("alice bans dave")
        check(harness, subscribers=MEMBERS)
        process = harness.process(skew=30.0)
        assert not banned or process.list_pending("alice") == []
        assert not banned or process.list_own_pending("dave") == []

    acts: dict[str, Act] = {
        "carol adds dave": lambda process: process.add_participant("carol", "dave"),
        "alice bans dave": ACTS["bans"],
    }
    interleave(
        ConsentTables(tables),
        SETUP,
        acts,
        judge,
        store=store,
        samples=some_of(store, 40),
        engine_tables=ConsentTables(engine_tables),
    )


def test_concurrent_additions_respect_the_limit(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names()) == 2
        assert len(harness.process(skew=30.0).list_own_pending("dave")) == 1
        assert len(harness.process(skew=30.0).list_pending("alice")) == 2

    limited = [ConsentTables(original, pending_memberships=1) for original in (tables, engine_tables)]
    acts: dict[str, Act] = {
        "carol adds dave": lambda process: process.add_participant("carol", "dave"),
        "alice adds dave": lambda process: process.add_participant("alice", "dave"),
    }
    interleave(limited[0], SETUP, acts, judge, engine_tables=limited[1])


def test_erasure_concurrent_with_an_addition_leaves_nothing(tables: Tables, engine_tables: Tables) -> None:
    """Additions until the last moment are deleted with the rest; later ones are new."""

    def arrange(harness: Harness) -> None:
        harness.process().app.privacy.erasure.request(harness.process().principal("dave"))

    def erases(process: Process) -> object:
        job_id, _ = process.app.privacy.erasure.request(process.principal("dave"))
        return process.app.privacy.erasure.run(job_id, 60)

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("dave is erased", "CONVERSATION_BUSY")
        pending = ends.succeeded("carol adds dave")
        process = harness.process(skew=30.0)
        listed, own = process.list_pending("alice"), process.list_own_pending("dave")
        assert [entry["participant_id"] for entry in listed] == [
            entry and harness.participant_id("dave") for entry in own
        ]
        assert pending

    acts: dict[str, Act] = {
        "dave is erased": erases,
        "carol adds dave": lambda process: process.add_participant("carol", "dave"),
    }
    interleave(
        ConsentTables(tables),
        SETUP,
        acts,
        judge,
        arrange=arrange,
        samples=60,
        engine_tables=ConsentTables(engine_tables),
    )
