"""Bans, mutes and invites beside sending, listening, coming and each other: every interleaving."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.invariants.checker import Verdict, check
from tests.invariants.interleaving import Act, Arrange, Ends, Store, interleave
from tests.invariants.world import PEOPLE, Process, Shape, Stage, World

BOTH = pytest.mark.parametrize("store", [Store.ATOMIC, Store.HELD])
OTHERS = ("alice", "carol")
OPEN = Shape(strangers=("dave", "erin"), is_open=True)
CLOSED = replace(OPEN, is_open=False)
BOB_IS_SILENT = Shape(listening=OTHERS)
CAROL_MODERATES = Shape(roles=(("carol", "moderator"),))


def bans(name: str, whom: str) -> Act:
    return lambda process: process.ban(name, whom)


def mutes(name: str, whom: str) -> Act:
    return lambda process: process.mute(name, whom)


def sends(socket: str) -> Act:
    return lambda process: process.writes(socket, f"of {socket}", "k")


def joins(name: str, invite: Callable[[World], str] | None = None) -> Act:
    return lambda process: process.join(name, None if invite is None else invite(process.world))


class Invites:
    """An invite for each world, made before the operations begin."""

    def __init__(self, **fields: int) -> None:
        self._fields = fields
        self._of: dict[str, str] = {}

    def make(self, world: World) -> None:
        """Arrange it."""
        self._of[world.tag] = world.process().invite("alice", **self._fields)

    def of(self, world: World) -> str:
        """Its secret."""
        return self._of[world.tag]


def some_of(store: Store, count: int) -> int | None:
    """Everything where transactions are atomic, and so many schedules where they conflict."""
    return None if store is Store.ATOMIC else count


def then_alice_sends(world: World) -> Verdict:
    """Who hears this is who is in."""
    world.process(skew=30.0).sends("alice", "afterwards", "afterwards")
    return check(world, hears=OTHERS)


# ---- bans ----------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("crowded", [False, True], ids=["alone", "in a crowd"])
def test_who_is_banned_while_sending_is_in_the_log_before_it_or_not_at_all(
    stage: Stage, engine_stage: Stage, store: Store, crowded: bool
) -> None:
    def judge(world: World, ends: Ends) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND")
        banned = ends.succeeded("alice bans bob")
        verdict = then_alice_sends(world)
        assert verdict.texts == (["of bob"] if sent else []) + ["afterwards"]
        assert (world.person("bob") in verdict.story.members) != banned
        assert [each["reason"] for each in world.frames("bob", "conversation_removed")] == ["banned"] * banned

    acts = {"bob sends": sends("bob"), "alice bans bob": bans("alice", "bob")}
    arrange: Arrange = World.crowd if crowded else lambda world: None
    some = 40 if crowded else some_of(store, 40)
    interleave(stage, Shape(), acts, judge, store=store, arrange=arrange, samples=some, engine_stage=engine_stage)


@BOTH
def test_who_is_banned_while_subscribing_hears_nothing_from_then_on(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("bob subscribes", "NOT_FOUND")
        banned = ends.succeeded("alice bans bob")
        verdict = then_alice_sends(world)
        assert (world.person("bob") in verdict.story.members) != banned
        assert not banned or verdict.story.events[-1]["sequence_id"] not in world.events_posted("bob")

    acts: dict[str, Act] = {
        "bob subscribes": lambda process: process.says("bob", "subscribe"),
        "alice bans bob": bans("alice", "bob"),
    }
    interleave(
        stage, BOB_IS_SILENT, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage
    )


@BOTH
@pytest.mark.parametrize("how", ["open", "invite", "added"])
def test_who_is_banned_while_coming_is_out_in_the_end(
    stage: Stage, engine_stage: Stage, store: Store, how: str
) -> None:
    invites = Invites()

    def judge(world: World, ends: Ends) -> None:
        came = ends.succeeded("dave comes", "BANNED" if how == "added" else "NOT_FOUND")
        banned = ends.succeeded("alice bans dave")
        verdict = then_alice_sends(world)
        assert (world.person("dave") in verdict.story.members) == (came and not banned)
        assert (world.person("dave") in verdict.story.banned) == banned
        if banned:
            assert verdict.types.count("participant_left") == int(came)
            assert verdict.types.count("participant_banned") == int(not came)

    comes: dict[str, Act] = {
        "open": joins("dave"),
        "invite": joins("dave", invites.of),
        "added": lambda process: process.add("carol", "dave"),
    }
    acts = {"dave comes": comes[how], "alice bans dave": bans("alice", "dave")}
    shape = replace(OPEN if how == "open" else CLOSED, roles=(("carol", "moderator"),))
    interleave(
        stage,
        shape,
        acts,
        judge,
        store=store,
        arrange=invites.make,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_who_is_unbanned_while_joining_comes_in_after_it_or_not_at_all(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        joined = ends.succeeded("dave joins", "NOT_FOUND")
        unbanned = ends.succeeded("alice unbans dave")
        verdict = check(world, hears=PEOPLE)
        assert unbanned or not joined
        assert (world.person("dave") in verdict.story.members) == joined

    acts: dict[str, Act] = {
        "dave joins": joins("dave"),
        "alice unbans dave": lambda process: process.unban("alice", "dave"),
    }
    interleave(
        stage,
        OPEN,
        acts,
        judge,
        store=store,
        arrange=lambda world: world.process().ban("alice", "dave"),
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
@pytest.mark.parametrize("whom", ["bob", "dave"], ids=["somebody who is in", "a stranger"])
def test_two_who_ban_the_same_person_ban_once(stage: Stage, engine_stage: Stage, store: Store, whom: str) -> None:
    def judge(world: World, ends: Ends) -> None:
        banned = ends.successes()
        verdict = check(world, hears=OTHERS)
        assert [act for _, act, *_ in verdict.story.audit] == ["banned"] * bool(banned)

    acts = {"alice bans": bans("alice", whom), "carol bans": bans("carol", whom)}
    shape = replace(CAROL_MODERATES, strangers=("dave",))
    interleave(stage, shape, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


def test_who_bans_while_losing_the_right_to_it_banned_before(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.succeeded("alice demotes carol")
        banned = ends.succeeded("carol bans bob", "FORBIDDEN")
        verdict = check(world, hears=OTHERS)
        assert (world.person("bob") in verdict.story.banned) == banned
        if banned:
            assert verdict.types[1:] == ["participant_left", "participant_updated"]

    acts: dict[str, Act] = {
        "carol bans bob": bans("carol", "bob"),
        "alice demotes carol": lambda process: process.set_role("alice", "carol", "member"),
    }
    interleave(stage, CAROL_MODERATES, acts, judge, engine_stage=engine_stage)


# ---- mutes ---------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("crowded", [False, True], ids=["alone", "in a crowd"])
def test_who_is_muted_while_sending_is_in_the_log_before_it_or_not_at_all(
    stage: Stage, engine_stage: Stage, store: Store, crowded: bool
) -> None:
    """The checker finds every message of somebody who was muted at its place in the log."""

    def judge(world: World, ends: Ends) -> None:
        sent = ends.succeeded("bob sends", "MUTED")
        muted = ends.succeeded("alice mutes bob")
        verdict = check(world, hears=PEOPLE)
        assert verdict.texts == (["of bob"] if sent else [])
        assert (verdict.story.members[world.person("bob")].muted_until is not None) == muted
        if sent and muted:
            assert verdict.types[1:] == ["message", "participant_updated"]

    acts = {"bob sends": sends("bob"), "alice mutes bob": mutes("alice", "bob")}
    arrange: Arrange = World.crowd if crowded else lambda world: None
    some = 60 if crowded else some_of(store, 40)
    interleave(stage, Shape(), acts, judge, store=store, arrange=arrange, samples=some, engine_stage=engine_stage)


def test_who_is_unmuted_while_sending_gets_in_after_it_or_not_at_all(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.succeeded("alice unmutes bob")
        sent = ends.succeeded("bob sends", "MUTED")
        assert check(world, hears=PEOPLE).texts == (["of bob"] if sent else [])

    acts: dict[str, Act] = {
        "bob sends": sends("bob"),
        "alice unmutes bob": lambda process: process.mute("alice", "bob", 0),
    }
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        arrange=lambda world: world.process().mute("alice", "bob"),
        engine_stage=engine_stage,
    )


@BOTH
def test_who_leaves_while_being_muted_returns_muted(stage: Stage, engine_stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        muted = ends.succeeded("alice mutes bob", "NOT_FOUND")
        if ends.succeeded("bob leaves"):
            world.process(skew=30.0).join("bob")
        verdict = check(world, hears=OTHERS)
        assert (verdict.story.members[world.person("bob")].muted_until is not None) == muted

    acts: dict[str, Act] = {
        "bob leaves": lambda process: process.leave("bob"),
        "alice mutes bob": mutes("alice", "bob"),
    }
    shape = Shape(is_open=True)
    interleave(stage, shape, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


def test_who_is_muted_while_becoming_owner_is_not_muted_as_one(stage: Stage, engine_stage: Stage) -> None:
    """The checker finds every owner who is muted."""

    def judge(world: World, ends: Ends) -> None:
        assert ends.succeeded("alice makes bob owner")
        ends.succeeded("carol mutes bob", "FORBIDDEN")
        assert check(world, hears=PEOPLE).story.members[world.person("bob")].role == "owner"

    acts: dict[str, Act] = {
        "carol mutes bob": mutes("carol", "bob"),
        "alice makes bob owner": lambda process: process.set_role("alice", "bob", "owner"),
    }
    interleave(stage, CAROL_MODERATES, acts, judge, engine_stage=engine_stage)


# ---- invites -------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("uses", [1, 2])
def test_two_people_use_an_invite_at_once(stage: Stage, engine_stage: Stage, store: Store, uses: int) -> None:
    invites = Invites(max_uses=uses)

    def judge(world: World, ends: Ends) -> None:
        joined = ends.successes("NOT_FOUND")
        verdict = check(world, hears=PEOPLE)
        assert len(verdict.story.members) == 3 + len(joined)
        assert len(joined) <= uses
        assert store is not Store.ATOMIC or len(joined) == uses
        (invite,) = world.process().invites("alice")
        assert invite["uses"] == len(joined)

    acts = {"dave joins": joins("dave", invites.of), "erin joins": joins("erin", invites.of)}
    interleave(
        stage,
        CLOSED,
        acts,
        judge,
        store=store,
        arrange=invites.make,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_an_invite_is_used_before_it_is_revoked_or_not_at_all(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    invites = Invites(max_uses=5)

    def judge(world: World, ends: Ends) -> None:
        joined = ends.succeeded("dave joins", "NOT_FOUND")
        revoked = ends.succeeded("alice revokes it")
        verdict = check(world, hears=PEOPLE)
        assert (world.person("dave") in verdict.story.members) == joined
        assert bool(world.process().invites("alice")) != revoked

    acts: dict[str, Act] = {
        "dave joins": joins("dave", invites.of),
        "alice revokes it": lambda process: process.revoke("alice", invites.of(process.world)),
    }
    interleave(
        stage,
        CLOSED,
        acts,
        judge,
        store=store,
        arrange=invites.make,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


def test_the_same_person_comes_twice_by_one_invite_and_uses_it_once(stage: Stage, engine_stage: Stage) -> None:
    invites = Invites(max_uses=5)

    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes("ALREADY_PARTICIPANT")) == 1
        check(world, hears=PEOPLE)
        assert [each["uses"] for each in world.process().invites("alice")] == [1]

    acts = {"dave joins": joins("dave", invites.of), "and again": joins("dave", invites.of)}
    interleave(stage, CLOSED, acts, judge, arrange=invites.make, engine_stage=engine_stage)


def test_two_who_revoke_an_invite_revoke_it_once(stage: Stage, engine_stage: Stage) -> None:
    invites = Invites()

    def revokes(process: Process) -> object:
        return process.revoke("alice", invites.of(process.world))

    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes("NOT_FOUND")) == 1
        acts = [each["action"] for each in world.process().audit("alice")["entries"]]
        assert acts == ["invite_created", "invite_revoked"]

    acts: dict[str, Act] = {"once": revokes, "again": revokes}
    interleave(stage, CLOSED, acts, judge, arrange=invites.make, engine_stage=engine_stage)


@BOTH
def test_who_makes_an_invite_while_losing_the_right_to_it_made_it_before(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        demoted = ends.succeeded("alice demotes carol and looks")
        made = ends.succeeded("carol invites", "FORBIDDEN")
        check(world, hears=PEOPLE)
        entries = world.process().audit("alice")["entries"]
        assert [each["action"] for each in entries] == ["invite_created"] * made + ["role_changed"] * demoted
        invites = world.process().invites("alice")
        assert len(invites) == int(made)
        assert not demoted or ends["alice demotes carol and looks"] == invites, "nothing is made after it"

    def demotes_and_looks(process: Process) -> object:
        process.set_role("alice", "carol", "member")
        return process.invites("alice")

    acts: dict[str, Act] = {
        "carol invites": lambda process: process.invite("carol"),
        "alice demotes carol and looks": demotes_and_looks,
    }
    interleave(
        stage, CAROL_MODERATES, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage
    )
