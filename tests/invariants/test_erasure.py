"""Erasure: no trace of the participant is left, everything else is unchanged, despite crashes and delays."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.model.privacy import erasure_id
from chalicelib.core.protocol.queries import PageQuery
from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.plans import CRASH_BEFORE, nth
from tests.invariants.erasure_scenario import (
    AT_ONCE,
    LIVELY,
    bob_lives,
    bob_lives_briefly,
    erase,
    eraser,
    finish,
    in_history,
    nothing_is_left,
)
from tests.invariants.harness import QUANTUM, Harness, Setup
from tests.invariants.interleaving import Act
from tests.invariants.tables import Tables
from tests.support.crashes import crash_points
from tests.support.fakes import START_TIME, FakeClock
from tests.support.items import batch_write


@pytest.fixture
def harness(tables: Tables) -> Harness:
    """Return a conversation in which bob has left every kind of trace."""
    made = tables.harness(LIVELY)
    bob_lives(made)
    return made


def stored(harness: Harness) -> list[str]:
    """Return the keys of all conversations' items."""
    return harness.tables.stored_keys()


def test_erasure_removes_every_trace_from_every_item(harness: Harness) -> None:
    erase(eraser(harness))
    nothing_is_left(harness)


def test_messages_that_a_crash_left_in_the_queue_are_erased(harness: Harness) -> None:
    """The queue also has the lease of the sender who crashed, and runs of others."""
    harness.make_contended()
    for name in ("bob", "alice"):
        dying = FaultyClient(harness.tables.engine, nth(1, CRASH_BEFORE, "transact_write_items"))
        with pytest.raises(Crash):
            harness.process(dying).send_message(name, f"queued by {name}", "crashed")
    erase(eraser(harness))
    nothing_is_left(harness)
    assert "queued by alice" in str(harness.items())
    assert "queued by bob" not in str(harness.items())


def test_erased_log_keeps_all_other_contents(harness: Harness) -> None:
    before = in_history(harness)
    erase(eraser(harness))
    after = in_history(harness)
    (departed,) = [event for event in after if event["type"] == "participant_erased"]
    alias = departed["participant_id"]
    assert alias.startswith("erased_")
    assert [event["type"] for event in after[len(before) :]] == ["participant_left", "participant_erased"]
    assert departed["sender"] == {"participant_id": alias, "name": "Erased", "type": "human"}
    for old, new in zip(before, after, strict=False):
        assert (old["sequence_id"], old["type"], old["created_at"]) == (
            new["sequence_id"],
            new["type"],
            new["created_at"],
        )
        assert old.get("message_id") == new.get("message_id"), "L1: the id of a message stays"
        if old["sender"]["participant_id"] == harness.participant_id("bob"):
            assert new["sender"] == departed["sender"]
            assert "content" not in new
            assert ("deleted_at" in new) == (new["type"] == "message")
        else:
            assert new["sender"] == old["sender"]
            assert new.get("content") == old.get("content")
    mentions = [event["mentions"] for event in after if event.get("mentions")]
    assert mentions == [[alias], [alias]]


def test_history_and_views_agree_after_erasure(harness: Harness) -> None:
    erase(eraser(harness))
    process = harness.process(skew=500.0)
    alias = in_history(harness)[-1]["participant_id"]
    shown = {message["sequence_id"]: message for message in process.list_messages("alice")["messages"]}
    theirs = [frame for frame in shown.values() if frame["sender"]["participant_id"] == alias]
    assert len(theirs) == 3
    for their in theirs:
        assert {*their} <= {
            "conversation_id", "sequence_id", "type", "created_at", "sender", "message_id", "deleted_at"
        }  # fmt: skip
    (of_carol,) = [
        frame for frame in shown.values() if frame["sender"]["participant_id"] == harness.participant_id("carol")
    ]
    assert of_carol["content"] == "hello again"
    assert of_carol["mentions"] == [alias]
    assert of_carol["reactions"] == [{"emoji": "🎉", "count": 1, "mine": False}], (
        "reactions to messages of others are counted"
    )
    assert [
        reaction["participant_id"] for reaction in process.list_reactions("alice", of_carol["sequence_id"])
    ] == [alias]
    assert {
        participant["participant_id"] for participant in process.get_conversation("alice")["participants"]
    } == {
        harness.participant_id("alice"),
        harness.participant_id("carol"),
    }
    acts = process.list_audit("alice")["entries"]
    assert {act["actor_id"] for act in acts} == {harness.participant_id("alice"), alias}
    (ban,) = process.list_bans("alice")
    assert (ban["participant_id"], ban["banned_by"]) == (harness.participant_id("dave"), alias)


def test_erasure_notifies_members_and_disconnects_the_participant(harness: Harness) -> None:
    received = len(harness.pushed_frames("alice", "event"))
    erase(eraser(harness))
    left, erased = [frame["event"] for frame in harness.pushed_frames("alice", "event")[received:]]
    assert (left["type"], left["reason"]) == ("participant_left", "left")
    assert erased["type"] == "participant_erased"
    assert erased["sender"]["participant_id"] == harness.participant_id("bob"), "by this, clients know who it was"
    (last_words,) = harness.pushed_frames("bob", "disconnect")
    assert (last_words["code"], last_words["reconnect"]) == ("ERASED", False)
    harness.process(skew=300.0).post_message("alice", "after", "after")
    assert harness.pushed_frames("bob")[-1] == last_words


def test_idempotency_record_survives_erasure(harness: Harness) -> None:
    sent = len([event for event in in_history(harness) if event["type"] == "message"])
    erase(eraser(harness))
    records = [key for key in stored(harness) if key.startswith("K#")]
    assert len(records) == sent, "L2: the record of each send stays"


def test_repeated_request_returns_the_running_erasure(harness: Harness) -> None:
    process = eraser(harness)
    first = process.app.privacy.jobs.erase(process.principal("bob"))
    again = eraser(harness, skew=101.0).app.privacy.jobs.erase(process.principal("bob"))
    assert first == again
    assert first["status"] == "running"
    assert (first["conversations_done"], first["conversations_total"]) == (0, 1)
    finish(process)
    done = process.app.privacy.erasure.status(process.principal("bob"))
    assert done["status"] == "done"
    assert (done["conversations_done"], done["conversations_total"]) == (1, 1)


def test_erasure_status_without_a_request_is_not_found(harness: Harness) -> None:
    process = eraser(harness)
    with pytest.raises(ChatError) as refused:
        process.app.privacy.erasure.status(process.principal("bob"))
    assert refused.value.code == "NOT_FOUND"


def test_erased_participant_returns_as_a_new_participant(harness: Harness) -> None:
    erase(eraser(harness))
    process = harness.process(skew=300.0)
    process.add_participant("alice", "bob")
    process.post_message("bob", "a new life", "1")
    listed = process.list_conversations("bob")
    assert [conversation["conversation_id"] for conversation in listed] == [harness.conversation]
    erase(eraser(harness, skew=400.0))
    nothing_is_left(harness, secrets=["a new life"])
    aliases = [event["participant_id"] for event in in_history(harness) if event["type"] == "participant_erased"]
    assert len({*aliases}) == 2


def test_erasure_of_the_last_owner_leaves_a_successor(tables: Tables) -> None:
    harness = tables.harness()
    harness.process().post_message("alice", "what alice said", "1")
    erase(eraser(harness), "alice")
    nothing_is_left(harness, "alice", ["what alice said"])
    view = harness.process(skew=300.0).get_conversation("bob")
    assert {participant["role"] for participant in view["participants"]} == {"owner", "member"}
    assert view["created_by"].startswith("erased_")


@pytest.mark.parametrize("ending", ["left by all", "deleted"])
def test_deleted_and_closed_conversations_are_erased_too(tables: Tables, ending: str) -> None:
    harness = tables.harness()
    process = harness.process()
    process.post_message("bob", "what bob said", "1")
    if ending == "deleted":
        process.delete_conversation("alice")
    else:
        for name in ("bob", "carol", "alice"):
            process.leave(name)
    erase(eraser(harness))
    nothing_is_left(harness)


@pytest.mark.parametrize("how", ["left", "removed", "banned", "banned without having been in"])
def test_past_memberships_are_erased_too(tables: Tables, how: str) -> None:
    harness = tables.harness(LIVELY)
    process = harness.process()
    name = "dave" if how == "banned without having been in" else "bob"
    if name == "bob":
        process.post_message("bob", "what bob said", "1")
    acts = {"left": lambda: process.leave("bob"), "removed": lambda: process.remove_participant("alice", "bob")}
    acts.get(how, lambda: process.ban("alice", name))()
    erase(eraser(harness), name)
    nothing_is_left(harness, name)
    if "banned" not in how:
        return
    (ban,) = harness.process(skew=300.0).list_bans("alice")
    assert ban["participant_id"].startswith("erased_")
    with pytest.raises(ChatError) as refused:
        harness.process(skew=301.0).join(name)
    assert refused.value.code == "NOT_FOUND", "the ban holds"
    harness.process(skew=302.0).unban("alice", name)
    assert in_history(harness)[-1]["participant"]["participant_id"] == ban["participant_id"]
    harness.process(skew=303.0).join(name)


# ---- while it runs -------------------------------------------------------------------------------------


def test_participant_cannot_join_during_erasure(harness: Harness) -> None:
    process = eraser(harness)
    process.unban("alice", "dave")
    process.app.privacy.jobs.erase(process.principal("dave"))
    guests = [f"guest_{number}x" for number in range(50)]
    acts: list[Act] = [
        lambda p: p.join("dave"),
        lambda p: p.create_conversation("dave"),
    ]
    codes = []
    for act in acts:
        with pytest.raises(ChatError) as refused:
            act(process)
        codes.append(refused.value.code)
    assert codes == ["ERASURE_RUNNING"] * 2
    assert process.add_participant("alice", "dave")["membership"] == "pending"
    for people in (["dave"], [*guests, "dave"]):
        created = process.create_conversation("alice", people)
        assert [entry["participant_id"] for entry in created["pending"]] == [harness.participant_id("dave")]
        assert created["participant_count"] == len(people)
    finish(process, "dave")
    assert process.app.conversations.pending.list_in(
        process.principal("alice"), harness.conversation, PageQuery()
    ) == {"pending": []}
    process.join("dave")


def test_erasure_waits_for_the_grace_period(harness: Harness) -> None:
    """A mention that was checked before the departure can be appended after it."""
    slow = replace(AT_ONCE, erasure_grace=60.0)
    process = eraser(harness, timing=slow)
    process.app.privacy.jobs.erase(process.principal("bob"))
    job_id = process.app.privacy.erasure.request(process.principal("bob"))[0]
    delay = process.app.privacy.erasure.run(job_id, 60.0)
    assert delay is not None
    assert 55 < delay <= 60
    assert eraser(harness, skew=130.0, timing=slow).app.privacy.erasure.run(job_id, 60.0) is not None
    assert eraser(harness, skew=170.0, timing=slow).app.privacy.erasure.run(job_id, 60.0) is None
    nothing_is_left(harness)


def test_erasure_completes_in_very_short_steps(harness: Harness) -> None:
    steps = erase(eraser(harness), seconds=0.0, times=50)
    assert 2 < steps < 50
    nothing_is_left(harness)


# ---- crashes -------------------------------------------------------------------------------------------


def test_crashed_step_is_completed_by_the_next_one(tables: Tables) -> None:
    def begin() -> Harness:
        harness = tables.harness(LIVELY)
        bob_lives_briefly(harness)
        return harness

    points = 0
    for point in crash_points(tables.engine, begin, lambda harness, client: erase(eraser(harness, client))):
        with point as harness:
            process = eraser(harness, skew=200.0)
            process.app.privacy.jobs.erase(process.principal("bob"))
            finish(process)
            nothing_is_left(harness)
            types = [event["type"] for event in in_history(harness)]
            # A request after a crash behind the last commit starts another erasure, of nothing.
            assert types.count("participant_erased") == 1
            status = process.app.privacy.erasure.status(process.principal("bob"))
            assert (status["status"], status["conversations_done"]) in (("done", 1), ("done", 0))
        points += 1
    print(f"erasure: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    assert points > 30


def test_sweep_finds_an_erasure_whose_job_was_lost(harness: Harness) -> None:
    """There is no queue: every job is lost."""
    process = eraser(harness)
    process.app.privacy.jobs.erase(process.principal("bob"))
    later = eraser(harness, skew=101.0)
    later.app.privacy.jobs.sweep(45.0)
    nothing_is_left(harness)
    notes = [item for item in stored(harness) if item.startswith("JOBS ")]
    assert notes == [], "what is done is not looked for again"


# ---- large erasures ------------------------------------------------------------------------------------


STORE_CALL = 0.01
"""Seconds that each store call takes: longer than most calls of DynamoDB."""
BUDGET = 15.0


class Slow(Layer):
    """A store whose calls take time on the clock of one process."""

    def __init__(self, engine: DynamoClient, clock: FakeClock) -> None:
        super().__init__(engine)
        self._clock = clock
        self.calls = 0

    def call(self, call: Call) -> Any:
        """Take some time, and forward the call."""
        self.calls += 1
        self._clock.advance(STORE_CALL)
        return self.forward(call)


def many_more(harness: Harness, count: int) -> None:
    """Copy the conversation under other ids."""
    engine = harness.tables.engine
    items = json.dumps([[key.table, item] for key, item in harness.items().items() if not key.pk.startswith("K#")])
    for _ in range(count):
        copy = items.replace(harness.conversation, f"conv_{secrets.token_urlsafe(16)}")
        batch_write(engine, [pair for pair in json.loads(copy) if "RATE" not in str(pair)])


def test_large_erasure_takes_bounded_steps(tables: Tables) -> None:
    harness = tables.with_limits(message_burst=1000).harness(
        Setup(members=("alice", "bob"), sockets=(), subscribed=())
    )
    for number in range(50):
        harness.process().post_message("bob", f"what bob said {number}", f"k{number}")
    many_more(harness, 199)
    longest, steps = 0.0, 0
    clock = FakeClock(START_TIME + 1000.0, quantum=QUANTUM)
    store = Slow(tables.engine, clock)
    process = harness.process(store, clock=clock, timing=AT_ONCE)
    process.app.privacy.jobs.erase(process.principal("bob"))
    while process.app.privacy.erasure.status(process.principal("bob"))["status"] == "running":
        started = clock.now()
        process.app.privacy.erasure.run(erasure_id(harness.participant_id("bob")), BUDGET)
        longest, steps = max(longest, clock.now() - started), steps + 1
        assert steps < 20
    print(f"{steps} steps of at most {longest:.1f} s, {store.calls} store calls")  # noqa: T201
    assert steps > 1
    assert longest < BUDGET + 5.0, "what runs out of time must end soon enough for its function"
    status = process.app.privacy.erasure.status(process.principal("bob"))
    assert (status["conversations_done"], status["conversations_total"]) == (200, 200)
    nothing_is_left(harness, secrets=["what bob said"])
