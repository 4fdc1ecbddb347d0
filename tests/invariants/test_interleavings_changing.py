"""Changing messages beside each other, and beside what else can happen to them: every interleaving."""

import pytest

from tests.invariants.changing_cases import FIRST, HEART, THUMB, alice_spoke, edited, reacted, then
from tests.invariants.checker import Verdict, check
from tests.invariants.interleaving import Act, Ends, Store, interleave
from tests.invariants.present import DELETED
from tests.invariants.world import PEOPLE, Process, Shape, Stage, World

BOTH = pytest.mark.parametrize("store", [Store.ATOMIC, Store.HELD])
TWO_DEVICES = Shape(
    people=("alice", "bob"), sockets=("alice", "alice2", "bob"), listening=("alice", "alice2", "bob")
)
BOB_MODERATES = Shape(roles=(("bob", "moderator"),))


def some_of(store: Store, count: int) -> int | None:
    """Everything where transactions are atomic, and so many schedules where they conflict."""
    return None if store is Store.ATOMIC else count


def edits(name: str, text: str) -> Act:
    return lambda process: process.edit(name, FIRST, text)


def takes_back(name: str) -> Act:
    return lambda process: process.take_back(name, FIRST)


def reacts(name: str, emoji: str) -> Act:
    return lambda process: process.react(name, FIRST, emoji)


def unreacts(name: str, emoji: str) -> Act:
    return lambda process: process.unreact(name, FIRST, emoji)


def counts(verdict: Verdict) -> dict[str, int]:
    """The reactions to the first message."""
    return {each["emoji"]: each["count"] for each in verdict.story.messages[0].get("reactions", [])}


@BOTH
@pytest.mark.parametrize("same", [False, True], ids=["another text", "the same text"])
def test_two_edits_are_one_after_the_other(stage: Stage, engine_stage: Stage, store: Store, same: bool) -> None:
    def judge(world: World, ends: Ends) -> None:
        done = ends.successes()
        verdict = check(world, hears=TWO_DEVICES.sockets)
        edited_by = [event["content"] for event in verdict.story.events if event["type"] == "message_edited"]
        texts = {"one device edits": "A", "the other edits": "A" if same else "B"}
        assert edited_by == (["A"] if same and done else edited_by)
        assert sorted(set(edited_by)) == sorted({texts[each] for each in done})
        if len(done) == 2 and same:
            first, second = ends["one device edits"], ends["the other edits"]
            assert first["version"] == second["version"] == FIRST + 1, "a repeat is answered like the first"

    acts = {"one device edits": edits("alice", "A"), "the other edits": edits("alice", "A" if same else "B")}
    interleave(
        stage,
        TWO_DEVICES,
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
@pytest.mark.parametrize("deletes", ["alice", "bob"], ids=["its author", "a moderator"])
def test_an_edit_beside_a_deletion_is_before_it_or_refused_and_leaves_no_text(
    stage: Stage, engine_stage: Stage, store: Store, deletes: str
) -> None:
    def judge(world: World, ends: Ends) -> None:
        edit = ends.succeeded("alice edits", "VALIDATION_FAILED")
        deletion = ends.succeeded(f"{deletes} deletes")
        verdict = check(world, hears=PEOPLE)
        assert verdict.texts == [DELETED if deletion else "edited again" if edit else "edited"]
        assert verdict.types.count("message_edited") == 1 + edit
        if deletion:
            stored = str([item for key, item in world.items().items() if key.sk.startswith("E#")])
            assert "edited again" not in stored, "what was deleted is still there"

    acts = {"alice edits": edits("alice", "edited again"), f"{deletes} deletes": takes_back(deletes)}
    interleave(
        stage,
        BOB_MODERATES,
        acts,
        judge,
        store=store,
        arrange=then(edited("edited")),
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_a_reaction_beside_a_deletion_is_before_it_or_refused(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        reaction = ends.succeeded("bob reacts", "VALIDATION_FAILED")
        deletion = ends.succeeded("alice deletes")
        verdict = check(world, hears=PEOPLE)
        assert verdict.types.count("reaction_added") == 1 + reaction
        assert counts(verdict) == ({} if deletion else {HEART: 1 + reaction})

    acts = {"bob reacts": reacts("bob", HEART), "alice deletes": takes_back("alice")}
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        store=store,
        arrange=then(reacted("carol", HEART)),
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
@pytest.mark.parametrize("emoji", [HEART, THUMB], ids=["the same emoji", "another emoji"])
def test_two_people_react(stage: Stage, engine_stage: Stage, store: Store, emoji: str) -> None:
    def judge(world: World, ends: Ends) -> None:
        done = ends.successes()
        verdict = check(world, hears=PEOPLE)
        assert sum(counts(verdict).values()) == len(done)

    acts = {"bob reacts": reacts("bob", HEART), "carol reacts": reacts("carol", emoji)}
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_one_person_who_reacts_twice_at_once_has_reacted_once(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        done = ends.successes()
        verdict = check(world, hears=TWO_DEVICES.sockets)
        assert counts(verdict) == ({HEART: 1} if done else {})
        told = {answer["sequence_id"] for name in done for answer in ends[name]}
        assert len(told) <= 1, "a repeat is answered like the first"

    def by(socket: str) -> Act:
        return lambda process: process.says(socket, "react", target=FIRST, emoji=HEART)

    acts = {"one device reacts": by("alice"), "the other reacts": by("alice2")}
    interleave(
        stage,
        TWO_DEVICES,
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_who_reacts_and_takes_it_back_at_once_has_or_has_not(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.successes()
        verdict = check(world, hears=PEOPLE)
        kinds = verdict.types[2:]
        assert kinds == ["reaction_added", "reaction_removed", "reaction_added"][: len(kinds)]
        assert counts(verdict) == ({HEART: 1} if len(kinds) % 2 else {})

    acts = {"bob reacts": reacts("bob", HEART), "bob takes it back": unreacts("bob", HEART)}
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        store=store,
        arrange=then(reacted("bob", HEART)),
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_the_last_place_for_an_emoji_is_given_once(stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        done = [name for name in acts if ends.succeeded(name, "VALIDATION_FAILED")]
        verdict = check(world, hears=PEOPLE)
        assert len(done) <= 1 if store is not Store.ATOMIC else len(done) == 1
        assert sum(counts(verdict).values()) == len(done)

    acts = {"bob reacts": reacts("bob", HEART), "carol reacts": reacts("carol", THUMB)}
    few = stage.with_limits(emoji_per_message=1)
    interleave(few, Shape(), acts, judge, store=store, arrange=alice_spoke, samples=some_of(store, 40))


@BOTH
def test_a_message_is_deleted_once_whoever_else_deletes_it(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        done = ends.successes()
        verdict = check(world, hears=PEOPLE)
        assert verdict.types.count("message_deleted") == min(len(done), 1)

    acts = {"alice deletes": takes_back("alice"), "bob deletes": takes_back("bob")}
    interleave(
        stage,
        BOB_MODERATES,
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_a_reply_beside_a_deletion_stands(stage: Stage, engine_stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        replied, deletion = ends.succeeded("bob replies"), ends.succeeded("alice deletes")
        verdict = check(world, hears=PEOPLE)
        assert verdict.texts == [DELETED if deletion else "first", *(["reply"] if replied else [])]

    acts: dict[str, Act] = {
        "bob replies": lambda p: p.says("bob", "message", client_message_id="r", content="reply", reply_to=FIRST),
        "alice deletes": takes_back("alice"),
    }
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_who_is_removed_while_changing_a_message_has_done_it_before_or_learns_nothing(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        reaction = ends.succeeded("bob reacts", "NOT_FOUND")
        removed = ends.succeeded("alice removes bob")
        verdict = check(world, hears=PEOPLE)
        assert counts(verdict) == ({HEART: 1} if reaction else {})
        assert ("participant_left" in verdict.types) == removed

    acts: dict[str, Act] = {
        "bob reacts": reacts("bob", HEART),
        "alice removes bob": lambda process: process.remove("alice", "bob"),
    }
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_stage=engine_stage,
    )


@BOTH
def test_a_repeated_edit_of_who_is_removed_shows_them_nothing_later(stage: Stage, store: Store) -> None:
    """What is so already is answered without a commit: that the asker is still in is looked at last."""

    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("bob repeats his edit", "NOT_FOUND")
        ends.succeeded("alice removes bob and reacts")
        check(world, hears=("alice", "carol"))

    def bob_spoke_and_edited(world: World) -> None:
        world.process().sends("bob", "first", "k")
        world.process().edit("bob", FIRST, "second")

    def removes_and_reacts(process: Process) -> object:
        process.remove("alice", "bob")
        return process.react("alice", FIRST, THUMB)

    acts: dict[str, Act] = {
        "bob repeats his edit": edits("bob", "second"),
        "alice removes bob and reacts": removes_and_reacts,
    }
    interleave(stage, Shape(), acts, judge, store=store, arrange=bob_spoke_and_edited, samples=some_of(store, 60))
