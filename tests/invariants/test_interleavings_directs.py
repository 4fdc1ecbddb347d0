"""Direct conversations in every interleaving: opened from both sides, accepted, hidden, blocked and erased."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.ids import digest
from chalicelib.core.model.directs import DirectLink
from chalicelib.core.protocol.requests import SetProfile
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import BOTH_STORES, Act, Results, Store, interleave, some_of
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.invariants.test_interleavings_consent import ConsentTables

AVATAR = "https://cdn.example.com/picture.png"
SETUP = Setup(members=("carol",), non_members=("alice", "bob"), sockets=(), subscribed=())


def opens(name: str, other: str) -> Act:
    return lambda process: process.open_direct(name, other)


def link(harness: Harness, name: str, other: str) -> DirectLink | None:
    stores = harness.process(skew=40.0).app.stores
    return stores.consent.directs.link(harness.participant_id(name), harness.participant_id(other))


def direct_of(harness: Harness) -> str:
    """Return the conversation of alice and bob, which both links name."""
    links = link(harness, "alice", "bob"), link(harness, "bob", "alice")
    assert links[0] is not None
    assert links[1] is not None
    assert links[0].conversation_id == links[1].conversation_id
    return links[0].conversation_id


def is_member(harness: Harness, conversation: str, name: str) -> bool:
    stores = harness.process(skew=40.0).app.stores
    return stores.memberships.membership(conversation, harness.participant_id(name)) is not None


def blockers(harness: Harness, conversation: str) -> list[str]:
    head = harness.process(skew=40.0).app.stores.event_log.head(conversation)
    assert head is not None
    return [name for name in ("alice", "bob") if harness.participant_id(name) in head.blockers]


def alice_opens(harness: Harness) -> None:
    harness.process().open_direct("alice", "bob")


def explore(tables: tuple[Tables, Tables], acts: dict[str, Act], judge: Any, store: Store, **options: Any) -> None:
    found = interleave(
        tables[0],
        SETUP,
        acts,
        judge,
        store=store,
        samples=some_of(store, 30),
        engine_tables=tables[1],
        **options,
    )
    assert found.schedules


@BOTH_STORES
@pytest.mark.parametrize("required", [False, True], ids=["anyone", "consent"])
def test_opening_from_both_sides_makes_one_conversation(
    tables: Tables, engine_tables: Tables, store: Store, required: bool
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        opened = ends.succeeded_names()
        if store is Store.ATOMIC:
            assert len(opened) == 2
        if not opened:
            return
        conversation = direct_of(harness)
        assert {ends[name]["conversation_id"] for name in opened} == {conversation}
        if len(opened) == 2:
            assert is_member(harness, conversation, "alice")
            assert is_member(harness, conversation, "bob")

    both = (ConsentTables(tables), ConsentTables(engine_tables)) if required else (tables, engine_tables)
    acts = {"alice opens": opens("alice", "bob"), "bob opens": opens("bob", "alice")}
    explore(both, acts, judge, store)


@BOTH_STORES
def test_opening_again_concurrent_with_the_acceptance_keeps_the_conversation(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        opened = ends.succeeded_names()
        conversation = direct_of(harness)
        assert {ends[name]["conversation_id"] for name in opened} <= {conversation}
        assert "bob accepts" not in opened or is_member(harness, conversation, "bob")

    both = (ConsentTables(tables), ConsentTables(engine_tables))
    acts = {"alice opens again": opens("alice", "bob"), "bob accepts": opens("bob", "alice")}
    explore(both, acts, judge, store, arrange=alice_opens)


@BOTH_STORES
@pytest.mark.parametrize("blocker", ["alice", "bob"])
def test_opening_concurrent_with_a_block_agrees_with_it(
    tables: Tables, engine_tables: Tables, store: Store, blocker: str
) -> None:
    """Either the block is first, or the head of the conversation notes it: of the opener's own one, too."""
    other = "bob" if blocker == "alice" else "alice"

    def blocks(process: Process) -> object:
        process.block(blocker, other)
        return link(process.harness, "alice", "bob") is not None

    def judge(harness: Harness, ends: Results) -> None:
        opened = ends.succeeded("alice opens", "BLOCKED")
        blocked = ends.succeeded("blocks")
        if store is Store.ATOMIC:
            assert blocked
            assert opened or blocker == "alice"
        if not opened:
            return
        conversation = direct_of(harness)
        if blocked:
            assert blockers(harness, conversation) == [blocker]
            assert not is_member(harness, conversation, "bob") or ends["blocks"], "nobody is added after a block"
            assert not (blocker == "alice" and not ends["blocks"]), "the opener's own block was not seen"

    explore((tables, engine_tables), {"alice opens": opens("alice", "bob"), "blocks": blocks}, judge, store)


@BOTH_STORES
def test_acceptance_concurrent_with_a_block_leaves_the_block_in_force(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("bob accepts", "BLOCKED")
        if ends.succeeded("bob blocks"):
            assert blockers(harness, direct_of(harness)) == ["bob"]

    acts: dict[str, Act] = {
        "bob accepts": opens("bob", "alice"),
        "bob blocks": lambda process: process.block("bob", "alice"),
    }
    both = (ConsentTables(tables), ConsentTables(engine_tables))
    explore(both, acts, judge, store, arrange=alice_opens)


@BOTH_STORES
def test_messages_concurrent_with_the_acceptance_keep_the_limit(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    """Before the acceptance there is one message; the order of the log shows which ones were before it."""

    def sends(text: str) -> Act:
        return lambda process: replaced(process).post_message("alice", text, text)

    def replaced(process: Process) -> Process:
        process.harness = replace(process.harness, conversation=direct_of(process.harness))
        return process

    def judge(harness: Harness, ends: Results) -> None:
        names = ends.succeeded_names("NOT_ACCEPTED")
        sent = [name for name in names if name != "bob accepts"]
        app = harness.process(skew=40.0).app
        types = [stored.event["type"] for stored in app.stores.event_log.events(direct_of(harness), 1, 10)]
        assert types.count("message") == len(sent)
        before = types[: types.index("participant_joined")] if "participant_joined" in types else types
        assert before.count("message") <= 1
        if store is Store.ATOMIC:
            assert "bob accepts" in names
            assert sent

    acts: dict[str, Act] = {"one": sends("one"), "two": sends("two"), "bob accepts": opens("bob", "alice")}
    both = (ConsentTables(tables), ConsentTables(engine_tables))
    interleave(both[0], SETUP, acts, judge, store=store, arrange=alice_opens, samples=60, engine_tables=both[1])


@BOTH_STORES
@pytest.mark.parametrize("changed", ["alice", "bob"])
def test_notes_of_an_acceptance_follow_a_profile_that_changes_meanwhile(
    tables: Tables, engine_tables: Tables, store: Store, changed: str
) -> None:
    """When the job that copies the profile has run to its end, the other one names the participant as in it."""

    def sets_profile(process: Process) -> object:
        request = SetProfile(name="Renamed", avatar_url=AVATAR)
        process.app.conversations.profiles.set(process.principal(changed), request)
        process.app.privacy.jobs.run(f"profile:{digest(process.harness.participant_id(changed))}", 60)
        return True

    def judge(harness: Harness, ends: Results) -> None:
        accepted, renamed = ends.succeeded("bob accepts"), ends.succeeded("renames")
        app = harness.process(skew=40.0).app
        job = digest(harness.participant_id(changed))
        while app.stores.profiles.copy(job) is not None:
            app.privacy.jobs.run(f"profile:{job}", 60)
        if not (accepted and renamed):
            return
        viewer = "bob" if changed == "alice" else "alice"
        member = app.stores.memberships.membership(direct_of(harness), harness.participant_id(viewer))
        assert member is not None
        assert member.other is not None
        assert (member.other.name, member.other.avatar_url) == ("Renamed", AVATAR)

    both = (ConsentTables(tables), ConsentTables(engine_tables))
    acts: dict[str, Act] = {"renames": sets_profile, "bob accepts": opens("bob", "alice")}
    explore(both, acts, judge, store, arrange=alice_opens)


@BOTH_STORES
def test_conversation_that_is_left_is_hidden_unless_a_message_came_after(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def inside(process: Process) -> Process:
        process.harness = replace(process.harness, conversation=direct_of(process.harness))
        return process

    def judge(harness: Harness, ends: Results) -> None:
        left, sent = ends.succeeded("alice leaves"), ends.succeeded("bob sends")
        process = harness.process(skew=40.0)
        conversation = direct_of(harness)
        member = process.app.stores.memberships.membership(conversation, harness.participant_id("alice"))
        assert member is not None
        is_hidden = not process.list_conversations("alice")
        came_after = sent and ends["bob sends"]["sequence_id"] > member.hidden_at
        assert is_hidden == (left and not came_after)
        assert not left or member.hidden_at

    acts: dict[str, Act] = {
        "alice leaves": lambda process: inside(process).leave("alice"),
        "bob sends": lambda process: inside(process).post_message("bob", "hi", "k"),
    }
    explore((tables, engine_tables), acts, judge, store, arrange=alice_opens)


@BOTH_STORES
def test_opening_concurrent_with_the_request_of_an_erasure_adds_nobody_after_it(
    tables: Tables, engine_tables: Tables, store: Store
) -> None:
    def requests(process: Process) -> object:
        process.app.privacy.erasure.request(process.principal("bob"))
        return link(process.harness, "alice", "bob") is not None

    def judge(harness: Harness, ends: Results) -> None:
        opened, requested = ends.succeeded("alice opens"), ends.succeeded("bob is erased")
        if store is Store.ATOMIC:
            assert opened
            assert requested
        if opened and requested and not ends["bob is erased"]:
            assert not is_member(harness, direct_of(harness), "bob")

    acts: dict[str, Act] = {"alice opens": opens("alice", "bob"), "bob is erased": requests}
    explore((tables, engine_tables), acts, judge, store)
