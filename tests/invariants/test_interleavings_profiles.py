"""Profiles, concurrent with arrivals, messages, other changes and erasures, and after crashes of the job."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.ids import digest
from chalicelib.core.protocol.requests import SetProfile
from local.faults.client import DynamoClient
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Arrange, Results, Store, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.stepper import crash_points

DAVE_OUTSIDE = Setup(non_members=("dave",), is_open=True)
SETUP = Setup()


def sets(name: str, shown: str) -> Act:
    return lambda process: process.app.conversations.profiles.set(process.principal(name), SetProfile(name=shown))


def copies(name: str) -> Act:
    """Return the act of running the job that copies the profile."""

    def act(process: Process) -> Any:
        return process.app.privacy.jobs.run(f"profile:{digest(process.harness.participant_id(name))}", 60)

    return act


def in_turn(*acts: Act) -> Act:
    return lambda process: [act(process) for act in acts]


def having(*acts: Act) -> Arrange:
    def arrange(harness: Harness) -> None:
        in_turn(*acts)(harness.process())

    return arrange


def names(harness: Harness, name: str) -> set[str]:
    """Return the names in the membership and the roster, after all copies are complete."""
    process, person = harness.process(), harness.participant_id(name)
    stores = process.app.stores
    while stores.profiles.copy(digest(person)) is not None:
        copies(name)(process)
    member = stores.memberships.membership(harness.conversation, person)
    assert member is not None
    roster = stores.memberships.roster(harness.conversation)
    return {member.name, *(entry.name for entry in roster if entry.participant_id == person)}


@BOTH_STORES
def test_membership_that_begins_meanwhile_has_the_profile(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        was_set = ends.succeeded("dave sets")
        joined = ends.succeeded("dave joins")
        if was_set and joined:
            assert names(harness, "dave") == {"Davy"}

    acts: dict[str, Act] = {
        "dave sets": in_turn(sets("dave", "Davy"), copies("dave")),
        "dave joins": lambda process: process.join("dave"),
    }
    interleave(tables, DAVE_OUTSIDE, acts, judge, store=store, samples=30)


@BOTH_STORES
def test_participant_who_is_added_meanwhile_has_the_profile(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        was_set = ends.succeeded("dave sets")
        added = ends.succeeded("alice adds dave")
        if was_set and added:
            assert names(harness, "dave") == {"Davy"}

    acts: dict[str, Act] = {
        "dave sets": in_turn(sets("dave", "Davy"), copies("dave")),
        "alice adds dave": lambda process: process.add_participant("alice", "dave"),
    }
    interleave(tables, DAVE_OUTSIDE, acts, judge, store=store, samples=30)


@BOTH_STORES
def test_newest_of_two_profiles_is_in_all_memberships(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        profile = harness.process().app.stores.profiles.profile(harness.participant_id("bob"))
        assert names(harness, "bob") == {"Bob" if profile is None else profile.name}

    acts = {
        "bob sets one": in_turn(sets("bob", "One"), copies("bob")),
        "bob sets two": in_turn(sets("bob", "Two"), copies("bob")),
    }
    interleave(tables, SETUP, acts, judge, store=store, samples=30)


@BOTH_STORES
def test_message_with_the_name_of_the_token_does_not_undo_a_copy(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob sends")
        if ends.succeeded("copies"):
            assert names(harness, "bob") == {"Bobby"}

    def with_another_token(harness: Harness) -> None:
        having(sets("bob", "Bobby"))(harness)
        harness.display_names["bob"] = "Robert"

    acts: dict[str, Act] = {
        "bob sends": lambda process: process.post_message("bob", "hello", "k"),
        "copies": copies("bob"),
    }
    interleave(tables, SETUP, acts, judge, store=store, arrange=with_another_token, samples=30)


def test_two_jobs_copy_like_one(tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        assert names(harness, "bob") == {"Bobby"}

    acts = {"one": copies("bob"), "another": copies("bob")}
    interleave(tables, SETUP, acts, judge, arrange=having(sets("bob", "Bobby")), samples=30)


def test_departed_member_gets_no_membership_back(tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("bob leaves")
        ends.succeeded("copies")
        stores = harness.process().app.stores
        assert stores.memberships.membership(harness.conversation, harness.participant_id("bob")) is None
        people = [entry.participant_id for entry in stores.memberships.roster(harness.conversation)]
        assert harness.participant_id("bob") not in people

    acts: dict[str, Act] = {"copies": copies("bob"), "bob leaves": lambda process: process.leave("bob")}
    interleave(tables, SETUP, acts, judge, arrange=having(sets("bob", "Bobby")), samples=30)


@pytest.mark.parametrize("act", [sets("bob", "Bobby"), copies("bob")], ids=["set", "copy"])
def test_repeat_after_a_crash_completes_the_copies(tables: Tables, act: Act) -> None:
    def begin() -> Harness:
        harness = tables.harness(SETUP)
        sets("bob", "First")(harness.process())
        return harness

    def run(harness: Harness, client: DynamoClient) -> None:
        act(harness.process(client))

    points = 0
    for point in crash_points(tables.engine, begin, run):
        with point as harness:
            act(harness.process(skew=1.0))
            profile = harness.process().app.stores.profiles.profile(harness.participant_id("bob"))
            assert profile is not None
            assert names(harness, "bob") == {profile.name}
        points += 1
    assert points >= 2
