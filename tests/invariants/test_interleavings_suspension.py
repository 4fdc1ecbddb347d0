"""Suspension in every interleaving: no membership, connection or ownership begins after it; and after a crash."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import ChatError
from chalicelib.identity.model import Identity
from local.faults.client import DynamoClient
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave, some_of
from tests.invariants.process import TOKEN_EXPIRY, Process
from tests.invariants.tables import Tables
from tests.support.stepper import crash_points

SETUP = Setup(members=("alice", "bob"), non_members=("dave",), is_open=True, sockets=(), subscribed=())
SUSPENSION = "is suspended, then looked up"


def membership_of(process: Process, name: str) -> str | None:
    """Return the role of a member, None of others."""
    names = process.harness.conversation, process.harness.participant_id(name)
    member = process.app.stores.memberships.membership(*names)
    return None if member is None else member.role


def suspends(name: str) -> Act:
    def act(process: Process) -> str | None:
        process.app.backend.suspensions.suspend(process.harness.participant_id(name))
        return membership_of(process, name)

    return act


WAYS: dict[str, Act] = {
    "joins": lambda process: process.join("dave"),
    "is added": lambda process: process.add_participant("alice", "dave"),
}


@BOTH_STORES
@pytest.mark.parametrize("way", WAYS)
def test_membership_begins_before_a_suspension_or_not_at_all(
    tables: Tables, engine_tables: Tables, store: Store, way: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded(way, "SUSPENDED")
        if ends.succeeded(SUSPENSION):
            assert membership_of(harness.process(skew=30.0), "dave") == ends[SUSPENSION]

    acts: dict[str, Act] = {way: WAYS[way], SUSPENSION: suspends("dave")}
    samples = some_of(store, 40)
    interleave(tables, SETUP, acts, judge, store=store, samples=samples, engine_tables=engine_tables)


@BOTH_STORES
def test_member_inherits_before_a_suspension_or_not_at_all(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("alice leaves")
        if ends.succeeded(SUSPENSION):
            assert membership_of(harness.process(skew=30.0), "bob") == ends[SUSPENSION]

    acts: dict[str, Act] = {"alice leaves": lambda process: process.leave("alice"), SUSPENSION: suspends("bob")}
    samples = some_of(store, 40)
    interleave(tables, SETUP, acts, judge, store=store, samples=samples, engine_tables=engine_tables)


@BOTH_STORES
def test_connection_is_closed_by_a_suspension_or_refused(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def connects(process: Process) -> None:
        identity = Identity(process.harness.participant_id("bob"), "Bob", TOKEN_EXPIRY, TOKEN_EXPIRY - 3600)
        process.app.sessions.connections.open(process.harness.connection_id("bob"), identity)

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob connects", "SUSPENDED")
        if ends.succeeded(SUSPENSION):
            connections = harness.process(skew=30.0).app.stores.connections
            assert connections.get(harness.connection_id("bob")) is None

    acts: dict[str, Act] = {"bob connects": connects, SUSPENSION: suspends("bob")}
    samples = some_of(store, 40)
    interleave(tables, SETUP, acts, judge, store=store, samples=samples, engine_tables=engine_tables)


def test_crashed_suspension_is_in_force_everywhere_or_nowhere_and_can_be_repeated(tables: Tables) -> None:
    setup = Setup(members=("alice", "bob"), non_members=("dave",), is_open=True, sockets=("bob",), subscribed=())

    def suspend(harness: Harness, client: DynamoClient) -> None:
        suspends("bob")(harness.process(client))

    points = 0
    for point in crash_points(tables.engine, lambda: tables.harness(setup), suspend):
        with point as harness:
            stores, bob = harness.process(skew=1.0).app.stores, harness.participant_id("bob")
            is_marked = stores.consent.pending.standing(bob).is_suspended
            assert is_marked == (stores.revocations.rules(bob).suspended_at > 0)
            suspends("bob")(harness.process(skew=2.0))
            assert stores.consent.pending.standing(bob).is_suspended
            assert stores.connections.get(harness.connection_id("bob")) is None
        points += 1
    assert points >= 4


def test_crashed_lifting_is_complete_or_has_no_effect(tables: Tables) -> None:
    def begin() -> Harness:
        harness = tables.harness(SETUP)
        suspends("dave")(harness.process())
        return harness

    def lift(harness: Harness, client: DynamoClient) -> None:
        harness.process(client).app.backend.suspensions.lift(harness.participant_id("dave"))

    for point in crash_points(tables.engine, begin, lift):
        with point as harness:
            stores, dave = harness.process(skew=1.0).app.stores, harness.participant_id("dave")
            is_suspended = stores.revocations.rules(dave).suspended_at > 0
            try:
                harness.process(skew=1.0).join("dave")
                assert not is_suspended
            except ChatError as error:
                assert (is_suspended, error.code) == (True, "SUSPENDED")
            harness.process(skew=2.0).app.backend.suspensions.lift(dave)
            assert not stores.consent.pending.standing(dave).is_suspended
