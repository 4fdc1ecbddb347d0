"""Coming, going, roles and the end of a conversation, beside each other and beside sending: every interleaving."""

from dataclasses import replace

import pytest

from tests.invariants.checker import check
from tests.invariants.interleaving import Act, Ends, Store, interleave
from tests.invariants.world import PEOPLE, Process, Shape, Stage, World

BOTH = pytest.mark.parametrize("store", [Store.ATOMIC, Store.HELD])
OPEN = Shape(strangers=("dave", "erin"), is_open=True)
TWO = Shape(people=("alice", "bob"), sockets=("alice", "bob"), listening=("alice", "bob"))
TWO_OWNERS = Shape(roles=(("bob", "owner"),))


def sends(socket: str) -> Act:
    return lambda process: process.writes(socket, f"of {socket}", "k")


def leaves(name: str) -> Act:
    return lambda process: process.leave(name)


def removes(name: str, whom: str) -> Act:
    return lambda process: process.remove(name, whom)


def joins(name: str) -> Act:
    return lambda process: process.join(name)


def some_of(store: Store, count: int) -> int | None:
    """Everything where transactions are atomic, and so many schedules where they conflict."""
    return None if store is Store.ATOMIC else count


def and_then_alice_sends(world: World) -> None:
    world.process(skew=30.0).sends("alice", "afterwards", "afterwards")


# ---- beside sending ------------------------------------------------------------------------------------


@BOTH
def test_who_leaves_while_sending_is_in_the_log_before_leaving_or_not_at_all(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND")
        left = ends.succeeded("bob leaves")
        verdict = check(world, hears=PEOPLE)
        assert verdict.texts == (["of bob"] if sent else [])
        assert ("participant_left" in verdict.types) == left
        assert bool(world.frames("bob", "conversation_removed")) == left

    acts = {"bob sends": sends("bob"), "bob leaves": leaves("bob")}
    interleave(stage, Shape(), acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


@BOTH
@pytest.mark.parametrize("sender", ["bob", "carol"], ids=["removed", "another"])
def test_who_is_removed_while_somebody_sends_hears_nothing_from_then_on(
    stage: Stage, engine_stage: Stage, store: Store, sender: str
) -> None:
    def judge(world: World, ends: Ends) -> None:
        sent = ends.succeeded(f"{sender} sends", *["NOT_FOUND"] if sender == "bob" else [])
        removed = ends.succeeded("alice removes bob")
        and_then_alice_sends(world)
        verdict = check(world, hears=PEOPLE)
        assert verdict.texts == ([f"of {sender}"] if sent else []) + ["afterwards"]
        assert bool(world.frames("bob", "conversation_removed")) == removed

    acts = {f"{sender} sends": sends(sender), "alice removes bob": removes("alice", "bob")}
    interleave(stage, Shape(), acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


@BOTH
def test_what_is_sent_while_the_conversation_is_deleted_is_before_the_end_or_refused(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND")
        deleted = ends.succeeded("alice deletes")
        verdict = check(world, hears=PEOPLE)
        assert verdict.texts == (["of bob"] if sent else [])
        assert verdict.state == ("deleted" if deleted else "live")

    acts: dict[str, Act] = {"bob sends": sends("bob"), "alice deletes": lambda process: process.delete("alice")}
    interleave(stage, Shape(), acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


def test_who_leaves_and_returns_while_somebody_sends_has_the_pointer_of_before(
    stage: Stage, engine_stage: Stage
) -> None:
    def leaves_and_returns(process: Process) -> object:
        process.leave("bob")
        return process.join("bob")

    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["carol sends", "bob leaves and returns"]
        verdict = check(world, hears=("alice", "carol"))
        (listed,) = world.process().listing("bob")
        assert (listed["read_up_to"], listed["unread_count"]) == (1, 1)
        assert len(verdict.story.events) == 4

    acts = {"carol sends": sends("carol"), "bob leaves and returns": leaves_and_returns}
    interleave(stage, replace(OPEN, strangers=()), acts, judge, samples=80, engine_stage=engine_stage)


@BOTH
def test_a_pointer_that_moves_while_its_owner_leaves_is_where_it_was_when_they_return(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def arrange(world: World) -> None:
        world.process().writes("alice", "news", "news")

    def judge(world: World, ends: Ends) -> None:
        read = ends.succeeded("bob reads", "NOT_FOUND")
        if ends.succeeded("bob leaves"):
            world.process(skew=30.0).join("bob")
        check(world, hears=("alice", "carol"))
        (listed,) = world.process().listing("bob")
        assert listed["read_up_to"] >= (ends["bob reads"]["read_up_to"] if read else 1), "it never goes back"

    acts: dict[str, Act] = {"bob reads": lambda process: process.read("bob", 2), "bob leaves": leaves("bob")}
    shape = replace(OPEN, strangers=())
    interleave(
        stage,
        shape,
        acts,
        judge,
        store=store,
        arrange=arrange,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


# ---- coming --------------------------------------------------------------------------------------------


@BOTH
def test_two_people_join_at_once(stage: Stage, engine_stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        joined = ends.successes()
        verdict = check(world, hears=PEOPLE)
        assert len(verdict.story.members) == 3 + len(joined)
        assert store is not Store.ATOMIC or len(joined) == 2

    acts = {"dave joins": joins("dave"), "erin joins": joins("erin")}
    interleave(stage, OPEN, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


@BOTH
@pytest.mark.parametrize("added", [False, True], ids=["joins twice", "joins and is added"])
def test_one_person_comes_in_twice_at_once(stage: Stage, engine_stage: Stage, store: Store, added: bool) -> None:
    def judge(world: World, ends: Ends) -> None:
        came = ends.successes("ALREADY_PARTICIPANT")
        verdict = check(world, hears=PEOPLE)
        assert verdict.types.count("participant_joined") == len(came) == int(bool(came))
        assert store is not Store.ATOMIC or came

    acts: dict[str, Act] = {
        "dave joins": joins("dave"),
        "he comes once more": (lambda process: process.add("alice", "dave")) if added else joins("dave"),
    }
    interleave(stage, OPEN, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


def test_two_people_join_at_once_where_one_seat_is_free(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes("PARTICIPANT_LIMIT")) == 1
        assert len(check(world, hears=PEOPLE).story.members) == 4

    acts = {"dave joins": joins("dave"), "erin joins": joins("erin")}
    four = [each.with_limits(participants=4) for each in (stage, engine_stage)]
    interleave(four[0], OPEN, acts, judge, engine_stage=four[1])


@BOTH
def test_who_is_removed_while_being_added_elsewhere_is_in_or_out_as_the_log_says(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        removed = ends.succeeded("alice removes bob")
        added = ends.succeeded("carol adds bob", "ALREADY_PARTICIPANT")
        verdict = check(world, hears=("alice", "carol"))
        assert (world.person("bob") in verdict.story.members) == (added or not removed)

    shape = Shape(roles=(("carol", "moderator"),))
    acts: dict[str, Act] = {
        "alice removes bob": removes("alice", "bob"),
        "carol adds bob": lambda process: process.add("carol", "bob"),
    }
    interleave(stage, shape, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


# ---- going, and who is owner then ----------------------------------------------------------------------


@BOTH
def test_two_owners_leave_at_once_and_leave_an_owner_behind(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        left = ends.successes()
        verdict = check(world, hears=("carol",))
        assert len(verdict.story.members) == 3 - len(left)
        if len(left) == 2:
            assert verdict.story.members[world.person("carol")].role == "owner"

    acts = {"alice leaves": leaves("alice"), "bob leaves": leaves("bob")}
    interleave(stage, TWO_OWNERS, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


@BOTH
def test_the_last_two_leave_at_once_and_close_the_conversation(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        left = ends.successes()
        verdict = check(world)
        assert verdict.state == ("closed" if len(left) == 2 else "live")
        remaining = sorted(ends[name]["remaining_participants"] for name in left)
        assert remaining == ([0, 1] if len(left) == 2 else [1] * len(left))

    acts = {"alice leaves": leaves("alice"), "bob leaves": leaves("bob")}
    interleave(stage, TWO, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


@pytest.mark.parametrize("removed", [False, True], ids=["leaves twice", "leaves and is removed"])
def test_one_person_goes_twice_at_once(stage: Stage, engine_stage: Stage, removed: bool) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes("NOT_FOUND")) == 1
        assert check(world, hears=("alice", "carol")).types.count("participant_left") == 1

    acts = {"bob leaves": leaves("bob"), "bob goes": removes("alice", "bob") if removed else leaves("bob")}
    interleave(stage, Shape(), acts, judge, engine_stage=engine_stage)


@BOTH
@pytest.mark.parametrize("role", ["moderator", "member"])
def test_an_owner_steps_down_while_the_other_one_leaves_and_somebody_stays_owner(
    stage: Stage, engine_stage: Stage, store: Store, role: str
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("alice steps down", "LAST_OWNER")
        ends.succeeded("bob leaves")
        check(world, hears=("alice", "carol"))

    acts: dict[str, Act] = {
        "alice steps down": lambda process: process.set_role(
            "alice", "alice", "moderator" if role == "moderator" else "member"
        ),
        "bob leaves": leaves("bob"),
    }
    interleave(stage, TWO_OWNERS, acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


def test_two_owners_demote_each_other_and_somebody_stays_owner(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        # Who was demoted first is no owner any more; who is told that too soon finds the last one in the other.
        assert len(ends.successes("FORBIDDEN", "LAST_OWNER")) == 1
        check(world, hears=PEOPLE)

    acts: dict[str, Act] = {
        "alice demotes bob": lambda process: process.set_role("alice", "bob", "member"),
        "bob demotes alice": lambda process: process.set_role("bob", "alice", "member"),
    }
    interleave(stage, TWO_OWNERS, acts, judge, engine_stage=engine_stage)


def test_two_owners_remove_each_other_and_one_stays(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes("NOT_FOUND")) == 1
        check(world, hears=PEOPLE)

    acts = {"alice removes bob": removes("alice", "bob"), "bob removes alice": removes("bob", "alice")}
    interleave(stage, TWO_OWNERS, acts, judge, engine_stage=engine_stage)


def test_who_is_made_owner_while_the_last_owner_leaves_is_owner_once(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.succeeded("alice leaves")
        promoted = ends.succeeded("alice makes carol owner", "NOT_FOUND")
        owners = [each for each, member in check(world).story.members.items() if member.role == "owner"]
        # Bob has been in as long as carol, and comes first by his id: he is the heir if there is none by then.
        assert owners == [world.person("carol" if promoted else "bob")]

    acts: dict[str, Act] = {
        "alice leaves": leaves("alice"),
        "alice makes carol owner": lambda process: process.set_role("alice", "carol", "owner"),
    }
    interleave(stage, Shape(), acts, judge, engine_stage=engine_stage)


# ---- the end -------------------------------------------------------------------------------------------


def test_a_conversation_is_deleted_once(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes("NOT_FOUND")) == 1
        assert check(world, hears=PEOPLE).state == "deleted"

    acts: dict[str, Act] = {
        "alice deletes": lambda process: process.delete("alice"),
        "bob deletes": lambda process: process.delete("bob"),
    }
    interleave(stage, TWO_OWNERS, acts, judge, engine_stage=engine_stage)


def test_an_owner_who_is_demoted_while_deleting_deletes_before_that_or_not_at_all(
    stage: Stage, engine_stage: Stage
) -> None:
    def judge(world: World, ends: Ends) -> None:
        demoted = ends.succeeded("bob demotes alice", "NOT_FOUND")
        assert ends.succeeded("alice deletes", "FORBIDDEN") != demoted
        assert check(world, hears=PEOPLE).state == ("live" if demoted else "deleted")

    acts: dict[str, Act] = {
        "alice deletes": lambda process: process.delete("alice"),
        "bob demotes alice": lambda process: process.set_role("bob", "alice", "member"),
    }
    interleave(stage, TWO_OWNERS, acts, judge, engine_stage=engine_stage)


def test_who_is_removed_while_the_conversation_is_deleted_does_not_learn_of_a_later_end(
    stage: Stage, engine_stage: Stage
) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.succeeded("alice deletes")
        removed = ends.succeeded("carol removes bob", "NOT_FOUND")
        verdict = check(world, hears=("alice", "carol"))
        assert (world.person("bob") in verdict.story.members) != removed
        if removed:
            assert not world.frames("bob", "conversation_deleted"), "L7: it ended after bob had gone"

    acts: dict[str, Act] = {
        "carol removes bob": removes("carol", "bob"),
        "alice deletes": lambda process: process.delete("alice"),
    }
    interleave(stage, Shape(roles=(("carol", "moderator"),)), acts, judge, engine_stage=engine_stage)


def test_the_last_one_leaves_while_deleting_and_nothing_is_left(stage: Stage, engine_stage: Stage) -> None:
    shape = Shape(people=("alice",), sockets=("alice",), listening=("alice",))

    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes("NOT_FOUND")) == 1
        assert check(world).state in ("closed", "deleted")

    acts: dict[str, Act] = {
        "alice leaves": leaves("alice"),
        "alice deletes": lambda process: process.delete("alice"),
    }
    interleave(stage, shape, acts, judge, engine_stage=engine_stage)
