"""Updates of messages, concurrent with each other and with other requests, in every interleaving."""

import pytest

from tests.invariants.checker import Verdict, check
from tests.invariants.harness import MEMBERS, TWO_DEVICES, Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave, some_of
from tests.invariants.message_projection import DELETED
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.update_cases import FIRST, HEART, THUMB, alice_spoke, edited, reacted, then

BOB_MODERATES = Setup(roles=(("bob", "moderator"),))


def edits(name: str, text: str) -> Act:
    return lambda process: process.edit_message(name, FIRST, text)


def takes_back(name: str) -> Act:
    return lambda process: process.delete_message(name, FIRST)


def reacts(name: str, emoji: str) -> Act:
    return lambda process: process.add_reaction(name, FIRST, emoji)


def unreacts(name: str, emoji: str) -> Act:
    return lambda process: process.remove_reaction(name, FIRST, emoji)


def counts(verdict: Verdict) -> dict[str, int]:
    """Return the reaction counts of the first message."""
    return {reaction["emoji"]: reaction["count"] for reaction in verdict.log.messages[0].get("reactions", [])}


@BOTH_STORES
@pytest.mark.parametrize("same", [False, True], ids=["another text", "the same text"])
def test_concurrent_edits_are_ordered(tables: Tables, engine_tables: Tables, store: Store, same: bool) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        done = ends.succeeded_names()
        verdict = check(harness, subscribers=TWO_DEVICES.sockets)
        edited_by = [event["content"] for event in verdict.log.events if event["type"] == "message_edited"]
        texts = {"one device edits": "A", "the other edits": "A" if same else "B"}
        assert edited_by == (["A"] if same and done else edited_by)
        assert sorted(set(edited_by)) == sorted({texts[name] for name in done})
        if len(done) == 2 and same:
            first, second = ends["one device edits"], ends["the other edits"]
            assert first["version"] == second["version"] == FIRST + 1, "a repeat is answered like the first"

    acts = {"one device edits": edits("alice", "A"), "the other edits": edits("alice", "A" if same else "B")}
    interleave(
        tables,
        TWO_DEVICES,
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
@pytest.mark.parametrize("deletes", ["alice", "bob"], ids=["its author", "a moderator"])
def test_edit_concurrent_with_deletion_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store, deletes: str
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        edit = ends.succeeded("alice edits", "VALIDATION_FAILED")
        deletion = ends.succeeded(f"{deletes} deletes")
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.texts == [DELETED if deletion else "edited again" if edit else "edited"]
        assert verdict.types.count("message_edited") == 1 + edit
        if deletion:
            stored = str([item for key, item in harness.items().items() if key.sk.startswith("E#")])
            assert "edited again" not in stored, "what was deleted is still there"

    acts = {"alice edits": edits("alice", "edited again"), f"{deletes} deletes": takes_back(deletes)}
    interleave(
        tables,
        BOB_MODERATES,
        acts,
        judge,
        store=store,
        arrange=then(edited("edited")),
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_reaction_concurrent_with_deletion_is_before_it_or_rejected(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        reaction = ends.succeeded("bob reacts", "VALIDATION_FAILED")
        deletion = ends.succeeded("alice deletes")
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.types.count("reaction_added") == 1 + reaction
        assert counts(verdict) == ({} if deletion else {HEART: 1 + reaction})

    acts = {"bob reacts": reacts("bob", HEART), "alice deletes": takes_back("alice")}
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=then(reacted("carol", HEART)),
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
@pytest.mark.parametrize("emoji", [HEART, THUMB], ids=["the same emoji", "another emoji"])
def test_two_concurrent_reactions(tables: Tables, engine_tables: Tables, store: Store, emoji: str) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        done = ends.succeeded_names()
        verdict = check(harness, subscribers=MEMBERS)
        assert sum(counts(verdict).values()) == len(done)

    acts = {"bob reacts": reacts("bob", HEART), "carol reacts": reacts("carol", emoji)}
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_concurrent_equal_reactions_of_one_member_count_once(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        done = ends.succeeded_names()
        verdict = check(harness, subscribers=TWO_DEVICES.sockets)
        assert counts(verdict) == ({HEART: 1} if done else {})
        shown = {answer["sequence_id"] for name in done for answer in ends[name]}
        assert len(shown) <= 1, "a repeat is answered like the first"

    def by(socket: str) -> Act:
        return lambda process: process.send_frame(socket, "react", target=FIRST, emoji=HEART)

    acts = {"one device reacts": by("alice"), "the other reacts": by("alice2")}
    interleave(
        tables,
        TWO_DEVICES,
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_concurrent_react_and_unreact_are_consistent(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        verdict = check(harness, subscribers=MEMBERS)
        kinds = verdict.types[2:]
        assert kinds == ["reaction_added", "reaction_removed", "reaction_added"][: len(kinds)]
        assert counts(verdict) == ({HEART: 1} if len(kinds) % 2 else {})

    acts = {"bob reacts": reacts("bob", HEART), "bob takes it back": unreacts("bob", HEART)}
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=then(reacted("bob", HEART)),
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_last_allowed_emoji_is_added_once(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        done = [name for name in acts if ends.succeeded(name, "VALIDATION_FAILED")]
        verdict = check(harness, subscribers=MEMBERS)
        assert len(done) <= 1 if store is not Store.ATOMIC else len(done) == 1
        assert sum(counts(verdict).values()) == len(done)

    acts = {"bob reacts": reacts("bob", HEART), "carol reacts": reacts("carol", THUMB)}
    few = tables.with_limits(emoji_per_message=1)
    interleave(few, Setup(), acts, judge, store=store, arrange=alice_spoke, samples=some_of(store, 40))


@BOTH_STORES
def test_concurrent_deletions_of_a_message_count_once(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        done = ends.succeeded_names()
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.types.count("message_deleted") == min(len(done), 1)

    acts = {"alice deletes": takes_back("alice"), "bob deletes": takes_back("bob")}
    interleave(
        tables,
        BOB_MODERATES,
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_reply_concurrent_with_deletion_is_committed(tables: Tables, engine_tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        replied, deletion = ends.succeeded("bob replies"), ends.succeeded("alice deletes")
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.texts == [DELETED if deletion else "first", *(["reply"] if replied else [])]

    acts: dict[str, Act] = {
        "bob replies": lambda p: p.send_frame(
            "bob", "message", client_message_id="r", content="reply", reply_to=FIRST
        ),
        "alice deletes": takes_back("alice"),
    }
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_update_concurrent_with_removal_is_before_it_or_not_found(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        reaction = ends.succeeded("bob reacts", "NOT_FOUND")
        removed = ends.succeeded("alice removes bob")
        verdict = check(harness, subscribers=MEMBERS)
        assert counts(verdict) == ({HEART: 1} if reaction else {})
        assert ("participant_left" in verdict.types) == removed

    acts: dict[str, Act] = {
        "bob reacts": reacts("bob", HEART),
        "alice removes bob": lambda process: process.remove_participant("alice", "bob"),
    }
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=alice_spoke,
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )


@BOTH_STORES
def test_repeated_edit_of_a_removed_member_reveals_nothing(tables: Tables, store: Store) -> None:
    """A no-op update is answered without a commit, after a last check of the membership."""

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob repeats his edit", "NOT_FOUND")
        ends.succeeded("alice removes bob and reacts")
        check(harness, subscribers=("alice", "carol"))

    def bob_spoke_and_edited(harness: Harness) -> None:
        harness.process().post_message("bob", "first", "k")
        harness.process().edit_message("bob", FIRST, "second")

    def removes_and_reacts(process: Process) -> object:
        process.remove_participant("alice", "bob")
        return process.add_reaction("alice", FIRST, THUMB)

    acts: dict[str, Act] = {
        "bob repeats his edit": edits("bob", "second"),
        "alice removes bob and reacts": removes_and_reacts,
    }
    interleave(tables, Setup(), acts, judge, store=store, arrange=bob_spoke_and_edited, samples=some_of(store, 60))


@BOTH_STORES
def test_reaction_that_is_removed_twice_concurrently_is_removed_once(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        done = ends.succeeded_names()
        verdict = check(harness, subscribers=MEMBERS)
        assert verdict.types[2:] == ["reaction_added", "reaction_removed"][: 1 + bool(done)]
        assert counts(verdict) == ({} if done else {HEART: 1})

    acts: dict[str, Act] = {
        "bob takes it back": unreacts("bob", HEART),
        "alice removes it": lambda process: process.remove_reaction_of("alice", "bob", FIRST, HEART),
    }
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        store=store,
        arrange=then(reacted("bob", HEART)),
        samples=some_of(store, 40),
        engine_tables=engine_tables,
    )
