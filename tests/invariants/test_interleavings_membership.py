"""Joining, leaving, roles and deletion, concurrent with each other and with sends, in every interleaving."""

from dataclasses import replace

import pytest

from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave, some_of
from tests.invariants.process import Process
from tests.invariants.tables import Tables

OPEN = Setup(non_members=("dave", "erin"), is_open=True)
TWO = Setup(members=("alice", "bob"), sockets=("alice", "bob"), subscribed=("alice", "bob"))
TWO_OWNERS = Setup(roles=(("bob", "owner"),))


def sends(socket: str) -> Act:
    return lambda process: process.send_message(socket, f"of {socket}", "k")


def leaves(name: str) -> Act:
    return lambda process: process.leave(name)


def removes(name: str, target: str) -> Act:
    return lambda process: process.remove_participant(name, target)


def joins(name: str) -> Act:
    return lambda process: process.join(name)


def and_then_alice_sends(harness: Harness) -> None:
    harness.process(skew=30.0).post_message("alice", "afterwards", "afterwards")


# ---- concurrent with sends -----------------------------------------------------------------------------


@BOTH_STORES
def test_message_concurrent_with_leaving_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND")
        left = ends.succeeded("bob leaves")
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.texts == (["of bob"] if sent else [])
        assert ("participant_left" in verdict.types) == left
        assert bool(harness.pushed_frames("bob", "conversation_removed")) == left

    acts = {"bob sends": sends("bob"), "bob leaves": leaves("bob")}
    interleave(tables, Setup(), acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


@BOTH_STORES
@pytest.mark.parametrize("sender", ["bob", "carol"], ids=["removed", "another"])
def test_member_removed_during_a_send_receives_nothing_after_the_removal(
    tables: Tables, engine_tables: Tables, store: Store, sender: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        sent = ends.succeeded(f"{sender} sends", *["NOT_FOUND"] if sender == "bob" else [])
        removed = ends.succeeded("alice removes bob")
        and_then_alice_sends(harness)
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.texts == ([f"of {sender}"] if sent else []) + ["afterwards"]
        assert bool(harness.pushed_frames("bob", "conversation_removed")) == removed

    acts = {f"{sender} sends": sends(sender), "alice removes bob": removes("alice", "bob")}
    interleave(tables, Setup(), acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


@BOTH_STORES
def test_message_concurrent_with_deletion_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND")
        deleted = ends.succeeded("alice deletes")
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.texts == (["of bob"] if sent else [])
        assert verdict.state == ("deleted" if deleted else "live")

    acts: dict[str, Act] = {
        "bob sends": sends("bob"),
        "alice deletes": lambda process: process.delete_conversation("alice"),
    }
    interleave(tables, Setup(), acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


def test_read_pointer_survives_leaving_and_returning_during_a_send(tables: Tables, engine_tables: Tables) -> None:
    def leaves_and_returns(process: Process) -> object:
        process.leave("bob")
        return process.join("bob")

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names() == ["carol sends", "bob leaves and returns"]
        verdict = check(harness, subscribers=("alice", "carol"))
        (listed,) = harness.process().list_conversations("bob")
        assert (listed["read_up_to"], listed["unread_count"]) == (1, 1)
        assert len(verdict.log.events) == 4

    acts = {"carol sends": sends("carol"), "bob leaves and returns": leaves_and_returns}
    interleave(tables, replace(OPEN, non_members=()), acts, judge, samples=80, engine_tables=engine_tables)


@BOTH_STORES
def test_read_pointer_moved_during_leaving_is_kept(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def arrange(harness: Harness) -> None:
        harness.process().send_message("alice", "news", "news")

    def judge(harness: Harness, ends: Results) -> None:
        read = ends.succeeded("bob reads", "NOT_FOUND")
        if ends.succeeded("bob leaves"):
            harness.process(skew=30.0).join("bob")
        check(harness, subscribers=("alice", "carol"))
        (listed,) = harness.process().list_conversations("bob")
        assert listed["read_up_to"] >= (ends["bob reads"]["read_up_to"] if read else 1), "it never goes back"

    acts: dict[str, Act] = {"bob reads": lambda process: process.mark_read("bob", 2), "bob leaves": leaves("bob")}
    shape = replace(OPEN, non_members=())
    interleave(
        tables,
        shape,
        acts,
        judge,
        store=store,
        arrange=arrange,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


# ---- joining -------------------------------------------------------------------------------------------


@BOTH_STORES
def test_two_concurrent_joins(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        joined = ends.succeeded_names()
        verdict = check(harness, subscribers=MEMBERS)
        assert len(verdict.log.members) == 3 + len(joined)
        assert store is not Store.ATOMIC or len(joined) == 2

    acts = {"dave joins": joins("dave"), "erin joins": joins("erin")}
    interleave(tables, OPEN, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


@BOTH_STORES
@pytest.mark.parametrize("added", [False, True], ids=["joins twice", "joins and is added"])
def test_two_concurrent_joins_of_one_participant(
    tables: Tables, engine_tables: Tables, store: Store, added: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        came = ends.succeeded_names("ALREADY_PARTICIPANT")
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.types.count("participant_joined") == len(came) == int(bool(came))
        assert store is not Store.ATOMIC or came

    acts: dict[str, Act] = {
        "dave joins": joins("dave"),
        "he comes once more": (lambda process: process.add_participant("alice", "dave"))
        if added
        else joins("dave"),
    }
    interleave(tables, OPEN, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


def test_concurrent_joins_for_the_last_seat_succeed_once(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names("PARTICIPANT_LIMIT")) == 1
        assert len(check(harness, subscribers=MEMBERS).log.members) == 4

    acts = {"dave joins": joins("dave"), "erin joins": joins("erin")}
    four = [original.with_limits(participants=4) for original in (tables, engine_tables)]
    interleave(four[0], OPEN, acts, judge, engine_tables=four[1])


@BOTH_STORES
def test_concurrent_removal_and_addition_match_the_log(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        removed = ends.succeeded("alice removes bob")
        added = ends.succeeded("carol adds bob", "ALREADY_PARTICIPANT")
        verdict = check(harness, subscribers=("alice", "carol"))
        assert not added or ends["carol adds bob"]["membership"] == "pending", "a removed member must accept"
        assert (harness.participant_id("bob") in verdict.log.members) == (not removed)

    shape = Setup(roles=(("carol", "moderator"),))
    acts: dict[str, Act] = {
        "alice removes bob": removes("alice", "bob"),
        "carol adds bob": lambda process: process.add_participant("carol", "bob"),
    }
    interleave(tables, shape, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


# ---- leaving and succession ----------------------------------------------------------------------------


@BOTH_STORES
def test_two_owners_leaving_concurrently_leave_an_owner(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        left = ends.succeeded_names()
        verdict = check(harness, subscribers=("carol",))
        assert len(verdict.log.members) == 3 - len(left)
        if len(left) == 2:
            assert verdict.log.members[harness.participant_id("carol")].role == "owner"

    acts = {"alice leaves": leaves("alice"), "bob leaves": leaves("bob")}
    interleave(
        tables, TWO_OWNERS, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables
    )


@BOTH_STORES
def test_last_two_members_leaving_concurrently_close_the_conversation(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        left = ends.succeeded_names()
        verdict = check(harness)
        assert verdict.state == ("closed" if len(left) == 2 else "live")
        remaining = sorted(ends[name]["remaining_participants"] for name in left)
        assert remaining == ([0, 1] if len(left) == 2 else [1] * len(left))

    acts = {"alice leaves": leaves("alice"), "bob leaves": leaves("bob")}
    interleave(tables, TWO, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


@pytest.mark.parametrize("removed", [False, True], ids=["leaves twice", "leaves and is removed"])
def test_concurrent_departures_of_one_member_count_once(
    tables: Tables, engine_tables: Tables, removed: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names("NOT_FOUND")) == 1
        assert check(harness, subscribers=("alice", "carol")).types.count("participant_left") == 1

    acts = {"bob leaves": leaves("bob"), "bob goes": removes("alice", "bob") if removed else leaves("bob")}
    interleave(tables, Setup(), acts, judge, engine_tables=engine_tables)


@BOTH_STORES
@pytest.mark.parametrize("role", ["moderator", "member"])
def test_demotion_concurrent_with_leaving_keeps_an_owner(
    tables: Tables, engine_tables: Tables, store: Store, role: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("alice steps down", "LAST_OWNER")
        ends.succeeded("bob leaves")
        check(harness, subscribers=("alice", "carol"))

    acts: dict[str, Act] = {
        "alice steps down": lambda process: process.set_role(
            "alice", "alice", "moderator" if role == "moderator" else "member"
        ),
        "bob leaves": leaves("bob"),
    }
    interleave(
        tables, TWO_OWNERS, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables
    )


def test_two_owners_demoting_each_other_keep_an_owner(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        # The member who was demoted first is no longer an owner; a premature check sees the other as the last one.
        assert len(ends.succeeded_names("FORBIDDEN", "LAST_OWNER")) == 1
        check(harness, subscribers=MEMBERS)

    acts: dict[str, Act] = {
        "alice demotes bob": lambda process: process.set_role("alice", "bob", "member"),
        "bob demotes alice": lambda process: process.set_role("bob", "alice", "member"),
    }
    interleave(tables, TWO_OWNERS, acts, judge, engine_tables=engine_tables)


def test_two_owners_removing_each_other_keep_one(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names("NOT_FOUND")) == 1
        check(harness, subscribers=MEMBERS)

    acts = {"alice removes bob": removes("alice", "bob"), "bob removes alice": removes("bob", "alice")}
    interleave(tables, TWO_OWNERS, acts, judge, engine_tables=engine_tables)


def test_promotion_concurrent_with_succession_appoints_one_owner(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("alice leaves")
        promoted = ends.succeeded("alice makes carol owner", "NOT_FOUND")
        owners = [
            participant_id
            for participant_id, member in check(harness).log.members.items()
            if member.role == "owner"
        ]
        # Bob and carol are equally old, and his id comes first: he is the successor if there is none yet.
        assert owners == [harness.participant_id("carol" if promoted else "bob")]

    acts: dict[str, Act] = {
        "alice leaves": leaves("alice"),
        "alice makes carol owner": lambda process: process.set_role("alice", "carol", "owner"),
    }
    interleave(tables, Setup(), acts, judge, engine_tables=engine_tables)


# ---- deletion ------------------------------------------------------------------------------------------


def test_concurrent_deletions_count_once(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names("NOT_FOUND")) == 1
        assert check(harness, subscribers=MEMBERS).state == "deleted"

    acts: dict[str, Act] = {
        "alice deletes": lambda process: process.delete_conversation("alice"),
        "bob deletes": lambda process: process.delete_conversation("bob"),
    }
    interleave(tables, TWO_OWNERS, acts, judge, engine_tables=engine_tables)


def test_deletion_concurrent_with_demotion_is_before_it_or_rejected(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        demoted = ends.succeeded("bob demotes alice", "NOT_FOUND")
        assert ends.succeeded("alice deletes", "FORBIDDEN") != demoted
        assert check(harness, subscribers=MEMBERS).state == ("live" if demoted else "deleted")

    acts: dict[str, Act] = {
        "alice deletes": lambda process: process.delete_conversation("alice"),
        "bob demotes alice": lambda process: process.set_role("bob", "alice", "member"),
    }
    interleave(tables, TWO_OWNERS, acts, judge, engine_tables=engine_tables)


def test_member_removed_before_a_deletion_is_not_notified_of_it(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("alice deletes")
        removed = ends.succeeded("carol removes bob", "NOT_FOUND")
        verdict = check(harness, subscribers=("alice", "carol"))
        assert (harness.participant_id("bob") in verdict.log.members) != removed
        if removed:
            assert not harness.pushed_frames("bob", "conversation_deleted"), "L7: it ended after bob had gone"

    acts: dict[str, Act] = {
        "carol removes bob": removes("carol", "bob"),
        "alice deletes": lambda process: process.delete_conversation("alice"),
    }
    interleave(tables, Setup(roles=(("carol", "moderator"),)), acts, judge, engine_tables=engine_tables)


def test_last_member_leaving_during_deletion_leaves_nothing(tables: Tables, engine_tables: Tables) -> None:
    shape = Setup(members=("alice",), sockets=("alice",), subscribed=("alice",))

    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names("NOT_FOUND")) == 1
        assert check(harness).state in ("closed", "deleted")

    acts: dict[str, Act] = {
        "alice leaves": leaves("alice"),
        "alice deletes": lambda process: process.delete_conversation("alice"),
    }
    interleave(tables, shape, acts, judge, engine_tables=engine_tables)
