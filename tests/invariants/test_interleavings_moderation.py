"""Bans, mutes and invites, concurrent with sends, subscriptions, joins and each other, in every interleaving."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import NotFound
from tests.invariants.checker import Verdict, check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Arrange, Results, Store, interleave, some_of
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.sequential import run_backwards, run_sequential

OTHERS = ("alice", "carol")
OPEN = Setup(non_members=("dave", "erin"), is_open=True)
CLOSED = replace(OPEN, is_open=False)
BOB_IS_SILENT = Setup(subscribed=OTHERS)
CAROL_MODERATES = Setup(roles=(("carol", "moderator"),))


def bans(name: str, target: str) -> Act:
    return lambda process: process.ban(name, target)


def mutes(name: str, target: str) -> Act:
    return lambda process: process.mute(name, target)


def sends(socket: str) -> Act:
    return lambda process: process.send_message(socket, f"of {socket}", "k")


def joins(name: str, invite: Callable[[Harness], str] | None = None) -> Act:
    return lambda process: process.join(name, None if invite is None else invite(process.harness))


class Invites:
    """One invite for each harness, created before the operations start."""

    def __init__(self, **fields: int) -> None:
        self._fields = fields
        self._of: dict[str, str] = {}

    def make(self, harness: Harness) -> None:
        """Create the invite."""
        self._of[harness.tag] = harness.process().create_invite("alice", **self._fields)

    def of(self, harness: Harness) -> str:
        """Return its secret."""
        return self._of[harness.tag]


def then_alice_sends(harness: Harness) -> Verdict:
    """Exactly the members receive this message."""
    harness.process(skew=30.0).post_message("alice", "afterwards", "afterwards")
    return check(harness, subscribers=OTHERS)


# ---- bans ----------------------------------------------------------------------------------------------


@BOTH_STORES
@pytest.mark.parametrize("crowded", [False, True], ids=["alone", "in a crowd"])
def test_message_concurrent_with_ban_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store, crowded: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND")
        banned = ends.succeeded("alice bans bob")
        verdict = then_alice_sends(harness)
        assert verdict.texts == (["of bob"] if sent else []) + ["afterwards"]
        assert (harness.participant_id("bob") in verdict.log.members) != banned
        assert [frame["reason"] for frame in harness.pushed_frames("bob", "conversation_removed")] == [
            "banned"
        ] * banned

    acts = {"bob sends": sends("bob"), "alice bans bob": bans("alice", "bob")}
    arrange: Arrange = Harness.make_contended if crowded else lambda harness: None
    batch = 40 if crowded else some_of(store, 40)
    interleave(
        tables, Setup(), acts, judge, store=store, arrange=arrange, samples=batch, engine_tables=engine_tables
    )


@BOTH_STORES
def test_member_banned_during_subscribe_receives_nothing_after_the_ban(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob subscribes", "NOT_FOUND")
        banned = ends.succeeded("alice bans bob")
        verdict = then_alice_sends(harness)
        assert (harness.participant_id("bob") in verdict.log.members) != banned
        assert not banned or verdict.log.events[-1]["sequence_id"] not in harness.pushed_event_ids("bob")

    acts: dict[str, Act] = {
        "bob subscribes": lambda process: process.send_frame("bob", "subscribe"),
        "alice bans bob": bans("alice", "bob"),
    }
    interleave(
        tables, BOB_IS_SILENT, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables
    )


@BOTH_STORES
@pytest.mark.parametrize("how", ["open", "invite", "added"])
def test_user_banned_while_joining_is_not_a_member(
    tables: Tables, engine_tables: Tables, store: Store, how: str
) -> None:
    invites = Invites()

    def judge(harness: Harness, ends: Results) -> None:
        came = ends.succeeded("dave comes", "BANNED" if how == "added" else "NOT_FOUND")
        banned = ends.succeeded("alice bans dave")
        verdict = then_alice_sends(harness)
        assert (harness.participant_id("dave") in verdict.log.members) == (came and not banned)
        assert (harness.participant_id("dave") in verdict.log.banned) == banned
        if banned:
            assert verdict.types.count("participant_left") == int(came)
            assert verdict.types.count("participant_banned") == int(not came)

    comes: dict[str, Act] = {
        "open": joins("dave"),
        "invite": joins("dave", invites.of),
        "added": lambda process: process.add_participant("carol", "dave"),
    }
    acts = {"dave comes": comes[how], "alice bans dave": bans("alice", "dave")}
    shape = replace(OPEN if how == "open" else CLOSED, roles=(("carol", "moderator"),))
    interleave(
        tables,
        shape,
        acts,
        judge,
        store=store,
        arrange=invites.make,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_join_concurrent_with_unban_is_after_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        joined = ends.succeeded("dave joins", "NOT_FOUND")
        unbanned = ends.succeeded("alice unbans dave")
        verdict = check(harness, subscribers=MEMBERS)
        assert unbanned or not joined
        assert (harness.participant_id("dave") in verdict.log.members) == joined

    acts: dict[str, Act] = {
        "dave joins": joins("dave"),
        "alice unbans dave": lambda process: process.unban("alice", "dave"),
    }
    interleave(
        tables,
        OPEN,
        acts,
        judge,
        store=store,
        arrange=lambda harness: harness.process().ban("alice", "dave"),
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
@pytest.mark.parametrize("target", ["bob", "dave"], ids=["a member", "a non-member"])
def test_concurrent_bans_of_one_user_count_once(
    tables: Tables, engine_tables: Tables, store: Store, target: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        banned = ends.succeeded_names()
        verdict = check(harness, subscribers=OTHERS)
        assert [act for _, act, *_ in verdict.log.audit] == ["banned"] * bool(banned)

    acts = {"alice bans": bans("alice", target), "carol bans": bans("carol", target)}
    shape = replace(CAROL_MODERATES, non_members=("dave",))
    interleave(tables, shape, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


def test_ban_concurrent_with_demotion_is_before_it_or_rejected(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("alice demotes carol")
        banned = ends.succeeded("carol bans bob", "FORBIDDEN")
        verdict = check(harness, subscribers=OTHERS)
        assert (harness.participant_id("bob") in verdict.log.banned) == banned
        if banned:
            assert verdict.types[1:] == ["participant_left", "participant_updated"]

    acts: dict[str, Act] = {
        "carol bans bob": bans("carol", "bob"),
        "alice demotes carol": lambda process: process.set_role("alice", "carol", "member"),
    }
    interleave(tables, CAROL_MODERATES, acts, judge, engine_tables=engine_tables)


# ---- mutes ---------------------------------------------------------------------------------------------


@BOTH_STORES
@pytest.mark.parametrize("crowded", [False, True], ids=["alone", "in a crowd"])
def test_message_concurrent_with_mute_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store, crowded: bool
) -> None:
    """The checker finds every message of a muted member."""

    def judge(harness: Harness, ends: Results) -> None:
        sent = ends.succeeded("bob sends", "MUTED")
        muted = ends.succeeded("alice mutes bob")
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.texts == (["of bob"] if sent else [])
        assert (verdict.log.members[harness.participant_id("bob")].muted_until is not None) == muted
        if sent and muted:
            assert verdict.types[1:] == ["message", "participant_updated"]

    acts = {"bob sends": sends("bob"), "alice mutes bob": mutes("alice", "bob")}
    arrange: Arrange = Harness.make_contended if crowded else lambda harness: None
    batch = 60 if crowded else some_of(store, 40)
    interleave(
        tables, Setup(), acts, judge, store=store, arrange=arrange, samples=batch, engine_tables=engine_tables
    )


def test_message_concurrent_with_unmute_is_after_it_or_rejected(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("alice unmutes bob")
        sent = ends.succeeded("bob sends", "MUTED")
        assert check(harness, subscribers=MEMBERS).texts == (["of bob"] if sent else [])

    acts: dict[str, Act] = {
        "bob sends": sends("bob"),
        "alice unmutes bob": lambda process: process.mute("alice", "bob", 0),
    }
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        arrange=lambda harness: harness.process().mute("alice", "bob"),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_member_muted_while_leaving_returns_muted(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        muted = ends.succeeded("alice mutes bob", "NOT_FOUND")
        if ends.succeeded("bob leaves"):
            harness.process(skew=30.0).join("bob")
        verdict = check(harness, subscribers=OTHERS)
        assert (verdict.log.members[harness.participant_id("bob")].muted_until is not None) == muted

    acts: dict[str, Act] = {
        "bob leaves": lambda process: process.leave("bob"),
        "alice mutes bob": mutes("alice", "bob"),
    }
    shape = Setup(is_open=True)
    interleave(tables, shape, acts, judge, store=store, samples=some_of(store, 40), engine_tables=engine_tables)


def test_member_muted_while_becoming_owner_is_not_muted(tables: Tables, engine_tables: Tables) -> None:
    """The checker finds every muted owner."""

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("alice makes bob owner")
        ends.succeeded("carol mutes bob", "FORBIDDEN")
        assert check(harness, subscribers=MEMBERS).log.members[harness.participant_id("bob")].role == "owner"

    acts: dict[str, Act] = {
        "carol mutes bob": mutes("carol", "bob"),
        "alice makes bob owner": lambda process: process.set_role("alice", "bob", "owner"),
    }
    interleave(tables, CAROL_MODERATES, acts, judge, engine_tables=engine_tables)


# ---- invites -------------------------------------------------------------------------------------------


@BOTH_STORES
@pytest.mark.parametrize("uses", [1, 2])
def test_concurrent_uses_of_an_invite_are_counted(
    tables: Tables, engine_tables: Tables, store: Store, uses: int
) -> None:
    invites = Invites(max_uses=uses)

    def judge(harness: Harness, ends: Results) -> None:
        joined = ends.succeeded_names("NOT_FOUND")
        verdict = check(harness, subscribers=MEMBERS)
        assert len(verdict.log.members) == 3 + len(joined)
        assert len(joined) <= uses
        assert store is not Store.ATOMIC or len(joined) == uses
        (invite,) = harness.process().list_invites("alice")
        assert invite["uses"] == len(joined)

    acts = {"dave joins": joins("dave", invites.of), "erin joins": joins("erin", invites.of)}
    interleave(
        tables,
        CLOSED,
        acts,
        judge,
        store=store,
        arrange=invites.make,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_invite_use_concurrent_with_revocation_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    invites = Invites(max_uses=5)

    def judge(harness: Harness, ends: Results) -> None:
        joined = ends.succeeded("dave joins", "NOT_FOUND")
        revoked = ends.succeeded("alice revokes it")
        verdict = check(harness, subscribers=MEMBERS)
        assert (harness.participant_id("dave") in verdict.log.members) == joined
        assert bool(harness.process().list_invites("alice")) != revoked

    acts: dict[str, Act] = {
        "dave joins": joins("dave", invites.of),
        "alice revokes it": lambda process: process.revoke_invite("alice", invites.of(process.harness)),
    }
    interleave(
        tables,
        CLOSED,
        acts,
        judge,
        store=store,
        arrange=invites.make,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


def test_concurrent_joins_by_one_invite_use_it_once(tables: Tables, engine_tables: Tables) -> None:
    invites = Invites(max_uses=5)

    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names("ALREADY_PARTICIPANT")) == 1
        check(harness, subscribers=MEMBERS)
        assert [invite["uses"] for invite in harness.process().list_invites("alice")] == [1]

    acts = {"dave joins": joins("dave", invites.of), "and again": joins("dave", invites.of)}
    interleave(tables, CLOSED, acts, judge, arrange=invites.make, engine_tables=engine_tables)


def test_concurrent_revocations_count_once(tables: Tables, engine_tables: Tables) -> None:
    invites = Invites()

    def revokes(process: Process) -> object:
        return process.revoke_invite("alice", invites.of(process.harness))

    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names("NOT_FOUND")) == 1
        acts = [entry["action"] for entry in harness.process().list_audit("alice")["entries"]]
        assert acts == ["invite_created", "invite_revoked"]

    acts: dict[str, Act] = {"once": revokes, "again": revokes}
    interleave(tables, CLOSED, acts, judge, arrange=invites.make, engine_tables=engine_tables)


@BOTH_STORES
@pytest.mark.parametrize("gather", [run_sequential, run_backwards], ids=["head first", "membership first"])
def test_invite_creation_concurrent_with_demotion_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store, gather: Gather
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        demoted = ends.succeeded("alice demotes carol and looks")
        made = ends.succeeded("carol invites", "FORBIDDEN")
        check(harness, subscribers=MEMBERS)
        entries = harness.process().list_audit("alice")["entries"]
        assert [entry["action"] for entry in entries] == ["invite_created"] * made + ["role_changed"] * demoted
        invites = harness.process().list_invites("alice")
        assert len(invites) == int(made)
        assert not demoted or ends["alice demotes carol and looks"] == invites, "nothing is made after it"

    def demotes_and_looks(process: Process) -> object:
        process.set_role("alice", "carol", "member")
        return process.list_invites("alice")

    acts: dict[str, Act] = {
        "carol invites": lambda process: process.create_invite("carol"),
        "alice demotes carol and looks": demotes_and_looks,
    }
    samples = some_of(store, 40)
    options: dict[str, Any] = {"store": store, "samples": samples, "engine_tables": engine_tables}
    interleave(tables, CAROL_MODERATES, acts, judge, gather=gather, **options)


@BOTH_STORES
def test_member_removed_while_returning_by_an_older_invite_is_not_a_member(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    invites = Invites()

    def judge(harness: Harness, ends: Results) -> None:
        returned = ends.succeeded("bob leaves and returns", "NOT_FOUND", "ALREADY_PARTICIPANT")
        removed = ends.succeeded("alice removes bob", "NOT_FOUND")
        verdict = check(harness)
        is_member = harness.participant_id("bob") in verdict.log.members
        assert is_member == (returned and not removed)

    def leaves_and_returns(process: Process) -> object:
        with contextlib.suppress(NotFound):  # removed before
            process.leave("bob")
        return process.join("bob", invites.of(process.harness))

    acts: dict[str, Act] = {
        "bob leaves and returns": leaves_and_returns,
        "alice removes bob": lambda process: process.remove_participant("alice", "bob"),
    }
    interleave(
        tables,
        CLOSED,
        acts,
        judge,
        store=store,
        arrange=invites.make,
        samples=40,
        engine_tables=engine_tables,
    )
