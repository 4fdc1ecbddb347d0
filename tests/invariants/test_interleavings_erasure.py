"""Erasure concurrent with other requests of the conversation.

In both orders: the other request has read everything that it depends on, and the whole erasure runs before its
write; and the other request runs before each write of the erasure in turn. Then some schedules with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.model.privacy import erasure_id
from chalicelib.identity.model import Identity
from tests.invariants.erasure_scenario import AT_ONCE, LIVELY, erase, eraser, finish, in_history, nothing_is_left
from tests.invariants.harness import Harness
from tests.invariants.interleaving import Act, Results, interleave
from tests.invariants.interrupt import Interrupt, error_code
from tests.invariants.process import TOKEN_EXPIRY, Process
from tests.invariants.tables import Tables

SAMPLES = 12
IN_TIME = replace(AT_ONCE, erasure_grace=60.0)
TEXTS = ("what bob said", "what bob meant")
OTHERS: dict[str, Act] = {
    "send": lambda p: p.post_message("carol", "of carol", "k"),
    "react": lambda p: p.add_reaction("carol", 2, "🎉"),
    "unreact": lambda p: p.remove_reaction("carol", 2, "👍"),
    "edit": lambda p: p.edit_message("carol", 5, "of carol"),
    "react to what mentions him": lambda p: p.add_reaction("alice", 5, "🎉"),
    "delete": lambda p: p.delete_message("alice", 2),
    "update": lambda p: p.update_conversation("alice", title="Another"),
    "leave": lambda p: p.leave("alice"),
    "remove": lambda p: p.remove_participant("alice", "bob"),
    "mute": lambda p: p.mute("alice", "bob"),
}
"""Requests of the other members; each succeeds on its own."""
WAYS = pytest.mark.parametrize("name", OTHERS)


def bob_said(harness: Harness) -> None:
    """Create a message of bob's with an edit and a reaction, and an edited reply of carol's."""
    process = harness.process()
    sent = process.post_message("bob", "what bob said", "1")["sequence_id"]
    process.edit_message("bob", sent, "what bob meant")
    process.add_reaction("carol", sent, "👍")
    process.send_frame(
        "carol", "message", client_message_id="m", content="hello bob", mentions=[harness.participant_id("bob")]
    )
    process.edit_message("carol", 5, "hello again")


def run(tables: Tables, acts: dict[str, Act], judge: Callable[[Harness, Results], Any]) -> None:
    interleave(tables, LIVELY, acts, judge, arrange=bob_said, samples=SAMPLES, timing=AT_ONCE)


def leave(harness: Harness) -> float | None:
    """Start the erasure: bob has left, and nothing is rewritten yet."""
    process = eraser(harness, timing=IN_TIME)
    process.app.privacy.jobs.erase(process.principal("bob"))
    return process.app.privacy.erasure.run(erasure_id(harness.participant_id("bob")), 60.0)


def lived(tables: Tables) -> Harness:
    harness = tables.harness(LIVELY)
    bob_said(harness)
    return harness


@WAYS
@pytest.mark.parametrize("has_left", [False, True], ids=["all of it", "after they left"])
def test_append_does_not_restore_values_read_before_erasure(tables: Tables, name: str, has_left: bool) -> None:
    writes = 0
    while True:
        writes += 1
        harness = lived(tables)
        if has_left:
            leave(harness)

        def meanwhile(harness: Harness = harness) -> None:
            if has_left:
                finish(eraser(harness, skew=200.0, timing=IN_TIME))
            else:
                erase(eraser(harness))

        client = Interrupt(tables.engine, writes, meanwhile)
        code = error_code(OTHERS[name], harness.process(client, skew=150.0))
        if not client.has_run:
            assert writes > 1 or has_left, "who is not there any more is found to be so before anything is written"
            return
        assert code in (None, "VALIDATION_FAILED", "NOT_FOUND")
        nothing_is_left(harness, secrets=TEXTS)


@WAYS
def test_concurrent_changes_are_kept_and_restore_nothing(tables: Tables, name: str) -> None:
    writes = 0
    while True:
        writes += 1
        harness = lived(tables)
        codes: list[str | None] = []

        def other(harness: Harness = harness, codes: list[str | None] = codes) -> None:
            codes.append(error_code(OTHERS[name], harness.process(skew=150.0)))

        client = Interrupt(tables.engine, writes, other)
        erase(eraser(harness, client))
        if not client.has_run:
            assert writes > 5
            return
        nothing_is_left(harness, secrets=TEXTS)
        events = in_history(harness, "carol")
        assert [event["type"] for event in events].count("participant_erased") == 1
        if name in ("send", "edit"):
            assert codes == [None]
            messages = harness.process(skew=501.0).list_messages("carol")["messages"]
            assert "of carol" in [message.get("content") for message in messages]


@pytest.mark.parametrize("first", ["ban", "unban"])
def test_ban_concurrent_with_erasure_holds_without_a_name(tables: Tables, first: str) -> None:
    acts: dict[str, Act] = {"ban": lambda p: p.ban("alice", "bob"), "unban": lambda p: p.unban("alice", "bob")}
    writes = 0
    while True:
        writes += 1
        harness = lived(tables)
        codes: list[str | None] = []
        if first == "unban":
            harness.process(skew=50.0).ban("alice", "bob")

        def other(harness: Harness = harness, codes: list[str | None] = codes) -> None:
            codes.append(error_code(acts[first], harness.process(skew=150.0)))

        client = Interrupt(tables.engine, writes, other)
        erase(eraser(harness, client))
        if not client.has_run:
            assert writes > 5
            return
        assert harness.process().app.privacy.erasure.status(harness.process().principal("bob"))["status"] == "done"
        if tables.items_with(harness.participant_id("bob")):
            assert first == "ban", "who lifts a ban names nobody"
            # It joined after the last lookup of memberships: a later erasure covers it.
            erase(eraser(harness, skew=450.0))
        nothing_is_left(harness, secrets=TEXTS)
        bans = harness.process(skew=500.0).list_bans("alice")
        assert len(bans) == (1 if first == "ban" else 0)


@pytest.mark.parametrize("how", ["sends", "edits"])
def test_mention_checked_before_departure_is_erased(tables: Tables, how: str) -> None:
    def mentions(process: Process) -> object:
        bob = process.harness.participant_id("bob")
        if how == "edits":
            return process.edit_message("carol", 5, "hey bob", mentions=[bob])
        return process.send_frame("carol", "message", client_message_id="k", content="hey bob", mentions=[bob])

    for writes in (1, 2):
        harness = lived(tables)
        waits: list[float | None] = []

        def leaves(harness: Harness = harness, waits: list[float | None] = waits) -> None:
            waits.append(leave(harness))

        client = Interrupt(tables.engine, writes, leaves)
        code = error_code(mentions, harness.process(client, skew=100.0))
        assert client.has_run
        assert code in (None, "VALIDATION_FAILED")
        assert None not in waits, "somebody may be about to mention them"
        finish(eraser(harness, skew=200.0, timing=IN_TIME))
        nothing_is_left(harness, secrets=TEXTS)


@pytest.mark.parametrize("how", ["joins", "is added", "creates"])
def test_join_concurrent_with_erasure_is_before_or_after_it(tables: Tables, how: str) -> None:
    acts: dict[str, Act] = {
        "joins": lambda p: p.join("dave"),
        "is added": lambda p: p.add_participant("alice", "dave"),
        "creates": lambda p: p.create_conversation("dave", ["carol"]),
    }

    def judge(harness: Harness, ends: Results) -> None:
        came = ends.succeeded("dave comes", "ERASURE_RUNNING", "CONVERSATION_BUSY")
        assert ends.succeeded("erase")
        if came and harness.process(skew=400.0).list_conversations("dave"):
            # They joined after the erasure, as a new participant.
            erase(eraser(harness, skew=450.0), "dave")
        nothing_is_left(harness, "dave", ["nothing"])

    run(tables, {"erase": lambda p: erase(p, "dave"), "dave comes": acts[how]}, judge)


def test_two_workers_on_one_erasure_do_no_harm(tables: Tables) -> None:
    def works(process: Process) -> object:
        for _ in range(20):
            if process.app.privacy.erasure.run(erasure_id(process.harness.participant_id("bob")), 60.0) is None:
                return True
        return False

    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded_names("CONVERSATION_BUSY")
        finish(eraser(harness, skew=200.0))
        nothing_is_left(harness, secrets=TEXTS)
        types = [event["type"] for event in in_history(harness)]
        assert types.count("participant_erased") == 1
        assert types.count("participant_left") == 1
        status = eraser(harness).app.privacy.erasure.status(harness.process().principal("bob"))
        assert (status["conversations_done"], status["conversations_total"]) == (1, 1)

    def arrange(harness: Harness) -> None:
        bob_said(harness)
        process = eraser(harness)
        process.app.privacy.jobs.erase(process.principal("bob"))

    acts: dict[str, Act] = {"one": works, "another": works}
    interleave(tables, LIVELY, acts, judge, arrange=arrange, samples=3 * SAMPLES, timing=AT_ONCE)


def test_mute_before_the_end_of_a_membership_outlasts_its_erasure(tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        muted = ends.succeeded("alice mutes bob", "NOT_FOUND")
        assert ends.succeeded("bob is erased")
        process = harness.process(skew=300.0)
        process.join("bob")
        code = error_code(lambda process: process.post_message("bob", "back again", "back"), process)
        assert code == ("MUTED" if muted else None)

    acts: dict[str, Act] = {"alice mutes bob": lambda p: p.mute("alice", "bob"), "bob is erased": erase}
    run(tables, acts, judge)


def test_nothing_names_an_erased_participant_who_connects_or_has_a_ticket(tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        assert ends.succeeded("bob is erased")
        ends.succeeded("bob connects", "UNAUTHORIZED")
        nothing_is_left(harness, secrets=())

    acts: dict[str, Act] = {"bob connects": connects_again, "bob is erased": erase}
    interleave(tables, LIVELY, acts, judge, arrange=bob_has_a_ticket, timing=AT_ONCE)


def connects_again(process: Process) -> None:
    """Connect, and send no frame."""
    process.app.sessions.connections.open("bob-again=", identity_of_bob(process.harness))


def bob_has_a_ticket(harness: Harness) -> None:
    harness.process().app.realtime.tickets.issue(identity_of_bob(harness))


def identity_of_bob(harness: Harness) -> Identity:
    return Identity(harness.participant_id("bob"), "Bob", TOKEN_EXPIRY)
