"""Erasure: nothing is left of the person, everything else is as it was; whoever dies, comes late or meddles."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.model.privacy import erasure_id
from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from tests.invariants.erasing import (
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
from tests.invariants.interleaving import Act
from tests.invariants.items import batch_write
from tests.invariants.memory import MemoryStore
from tests.invariants.world import BEGIN, OwnClock, Shape, Stage, World
from tests.support.crashes import crash_points


@pytest.fixture
def world(stage: Stage) -> World:
    """A conversation in which bob has done all that can be done."""
    made = stage.world(LIVELY)
    bob_lives(made)
    return made


def stored(world: World) -> list[str]:
    """The keys of all conversations' items."""
    engine = world.stage.engine
    assert isinstance(engine, MemoryStore)
    return engine.keys(world.stage.conversations_table)


def test_nothing_is_left_of_who_was_erased_in_any_item(world: World) -> None:
    erase(eraser(world))
    nothing_is_left(world)


def test_the_others_read_the_log_as_it_was_without_the_person(world: World) -> None:
    before = in_history(world)
    erase(eraser(world))
    after = in_history(world)
    (gone,) = [each for each in after if each["type"] == "participant_erased"]
    alias = gone["participant_id"]
    assert alias.startswith("erased_")
    assert [each["type"] for each in after[len(before) :]] == ["participant_left", "participant_erased"]
    assert gone["sender"] == {"participant_id": alias, "name": "Erased", "type": "human"}
    for old, new in zip(before, after, strict=False):
        assert (old["sequence_id"], old["type"], old["created_at"]) == (
            new["sequence_id"],
            new["type"],
            new["created_at"],
        )
        assert old.get("message_id") == new.get("message_id"), "L1: the id of a message stays"
        if old["sender"]["participant_id"] == world.person("bob"):
            assert new["sender"] == gone["sender"]
            assert "content" not in new
            assert ("deleted_at" in new) == (new["type"] == "message")
        else:
            assert new["sender"] == old["sender"]
            assert new.get("content") == old.get("content")
    mentions = [each["mentions"] for each in after if each.get("mentions")]
    assert mentions == [[alias], [alias]]


def test_history_and_views_tell_it_in_the_same_way(world: World) -> None:
    erase(eraser(world))
    process = world.process(skew=500.0)
    alias = in_history(world)[-1]["participant_id"]
    told = {each["sequence_id"]: each for each in process.messages("alice")["messages"]}
    theirs = [each for each in told.values() if each["sender"]["participant_id"] == alias]
    assert len(theirs) == 3
    for each in theirs:
        assert {*each} <= {
            "conversation_id", "sequence_id", "type", "created_at", "sender", "message_id", "deleted_at"
        }  # fmt: skip
    (of_carol,) = [each for each in told.values() if each["sender"]["participant_id"] == world.person("carol")]
    assert of_carol["content"] == "hello again"
    assert of_carol["mentions"] == [alias]
    assert of_carol["reactions"] == [{"emoji": "🎉", "count": 1}], "what others' messages got from them is counted"
    assert [each["participant_id"] for each in process.who_reacted("alice", of_carol["sequence_id"])] == [alias]
    assert {each["participant_id"] for each in process.view("alice")["participants"]} == {
        world.person("alice"),
        world.person("carol"),
    }
    acts = process.audit("alice")["entries"]
    assert {each["actor_id"] for each in acts} == {world.person("alice"), alias}
    (ban,) = process.bans("alice")
    assert (ban["participant_id"], ban["banned_by"]) == (world.person("dave"), alias)


def test_the_others_hear_of_it_and_the_person_is_hung_up(world: World) -> None:
    heard = len(world.frames("alice", "event"))
    erase(eraser(world))
    left, erased = [each["event"] for each in world.frames("alice", "event")[heard:]]
    assert (left["type"], left["reason"]) == ("participant_left", "left")
    assert erased["type"] == "participant_erased"
    assert erased["sender"]["participant_id"] == world.person("bob"), "by this, clients know who it was"
    (last_words,) = world.frames("bob", "disconnect")
    assert (last_words["code"], last_words["reconnect"]) == ("ERASED", False)
    world.process(skew=300.0).sends("alice", "after", "after")
    assert world.frames("bob")[-1] == last_words


def test_a_message_that_was_sent_before_keeps_its_record(world: World) -> None:
    said = len([each for each in in_history(world) if each["type"] == "message"])
    erase(eraser(world))
    records = [key for key in stored(world) if key.startswith("K#")]
    assert len(records) == said, "L2: the record of each send stays"


def test_asked_again_while_it_runs_it_is_the_same_one(world: World) -> None:
    process = eraser(world)
    first = process.app.privacy.jobs.erase(process.caller("bob"))
    again = eraser(world, skew=101.0).app.privacy.jobs.erase(process.caller("bob"))
    assert first == again
    assert first["status"] == "running"
    assert (first["conversations_done"], first["conversations_total"]) == (0, 1)
    finish(process)
    done = process.app.privacy.erasure.status(process.caller("bob"))
    assert done["status"] == "done"
    assert (done["conversations_done"], done["conversations_total"]) == (1, 1)


def test_who_never_asked_is_told_nothing(world: World) -> None:
    process = eraser(world)
    with pytest.raises(ChatError) as refused:
        process.app.privacy.erasure.status(process.caller("bob"))
    assert refused.value.code == "NOT_FOUND"


def test_who_was_erased_begins_anew_as_somebody_else(world: World) -> None:
    erase(eraser(world))
    process = world.process(skew=300.0)
    process.add("alice", "bob")
    process.sends("bob", "a new life", "1")
    listed = process.listing("bob")
    assert [each["conversation_id"] for each in listed] == [world.conversation]
    erase(eraser(world, skew=400.0))
    nothing_is_left(world, secrets=["a new life"])
    aliases = [each["participant_id"] for each in in_history(world) if each["type"] == "participant_erased"]
    assert len({*aliases}) == 2


def test_the_last_owner_hands_on(stage: Stage) -> None:
    world = stage.world()
    world.process().sends("alice", "what alice said", "1")
    erase(eraser(world), "alice")
    nothing_is_left(world, "alice", ["what alice said"])
    view = world.process(skew=300.0).view("bob")
    assert {each["role"] for each in view["participants"]} == {"owner", "member"}
    assert view["created_by"].startswith("erased_")


@pytest.mark.parametrize("ending", ["left by all", "deleted"])
def test_what_nobody_can_read_any_more_is_erased_as_well(stage: Stage, ending: str) -> None:
    world = stage.world()
    process = world.process()
    process.sends("bob", "what bob said", "1")
    if ending == "deleted":
        process.delete("alice")
    else:
        for name in ("bob", "carol", "alice"):
            process.leave(name)
    erase(eraser(world))
    nothing_is_left(world)


@pytest.mark.parametrize("how", ["left", "removed", "banned", "banned without having been in"])
def test_who_is_not_in_any_more_is_erased_where_they_were(stage: Stage, how: str) -> None:
    world = stage.world(LIVELY)
    process = world.process()
    name = "dave" if how == "banned without having been in" else "bob"
    if name == "bob":
        process.sends("bob", "what bob said", "1")
    acts = {"left": lambda: process.leave("bob"), "removed": lambda: process.remove("alice", "bob")}
    acts.get(how, lambda: process.ban("alice", name))()
    erase(eraser(world), name)
    nothing_is_left(world, name)
    if "banned" not in how:
        return
    (ban,) = world.process(skew=300.0).bans("alice")
    assert ban["participant_id"].startswith("erased_")
    with pytest.raises(ChatError) as refused:
        world.process(skew=301.0).join(name)
    assert refused.value.code == "NOT_FOUND", "the ban holds"
    world.process(skew=302.0).unban("alice", name)
    assert in_history(world)[-1]["participant"]["participant_id"] == ban["participant_id"]
    world.process(skew=303.0).join(name)


# ---- while it runs -------------------------------------------------------------------------------------


def test_nobody_comes_in_while_they_are_erased(world: World) -> None:
    process = eraser(world)
    process.unban("alice", "dave")
    process.app.privacy.jobs.erase(process.caller("dave"))
    guests = [f"guest_{number}x" for number in range(50)]
    acts: list[Act] = [
        lambda p: p.join("dave"),
        lambda p: p.create("dave"),
        lambda p: p.add("alice", "dave"),
        lambda p: p.create("alice", ["dave"]),
        lambda p: p.create("alice", [*guests, "dave"]),
    ]
    codes = []
    for act in acts:
        with pytest.raises(ChatError) as refused:
            act(process)
        codes.append(refused.value.code)
    assert codes == ["ERASURE_RUNNING", "ERASURE_RUNNING", *["CONVERSATION_BUSY"] * 3]
    finish(process, "dave")
    process.join("dave")


def test_it_waits_for_what_was_under_way_when_they_left(world: World) -> None:
    """A mention that was checked before they left can be appended after it."""
    slow = replace(AT_ONCE, erasure_grace=60.0)
    process = eraser(world, timing=slow)
    process.app.privacy.jobs.erase(process.caller("bob"))
    job_id = process.app.privacy.erasure.request(process.caller("bob"))[0]
    delay = process.app.privacy.erasure.run(job_id, 60.0)
    assert delay is not None
    assert 55 < delay <= 60
    assert eraser(world, skew=130.0, timing=slow).app.privacy.erasure.run(job_id, 60.0) is not None
    assert eraser(world, skew=170.0, timing=slow).app.privacy.erasure.run(job_id, 60.0) is None
    nothing_is_left(world)


def test_it_ends_however_little_time_each_step_has(world: World) -> None:
    steps = erase(eraser(world), seconds=0.0, times=50)
    assert 2 < steps < 50
    nothing_is_left(world)


# ---- whoever dies --------------------------------------------------------------------------------------


def test_a_step_that_dies_anywhere_is_finished_by_the_next_one(stage: Stage) -> None:
    def begin() -> World:
        world = stage.world(LIVELY)
        bob_lives_briefly(world)
        return world

    points = 0
    for point in crash_points(stage.engine, begin, lambda world, client: erase(eraser(world, client))):
        with point as world:
            process = eraser(world, skew=200.0)
            process.app.privacy.jobs.erase(process.caller("bob"))
            finish(process)
            nothing_is_left(world)
            types = [each["type"] for each in in_history(world)]
            # Who dies after the last commit of all and asks again is erased again, from nowhere.
            assert types.count("participant_erased") == 1
            status = process.app.privacy.erasure.status(process.caller("bob"))
            assert (status["status"], status["conversations_done"]) in (("done", 1), ("done", 0))
        points += 1
    print(f"erasure: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    assert points > 30


def test_what_was_asked_for_and_never_sent_is_found_by_the_sweep(world: World) -> None:
    """There is no queue here at all: it is as if everything were lost."""
    process = eraser(world)
    process.app.privacy.jobs.erase(process.caller("bob"))
    later = eraser(world, skew=101.0)
    later.app.privacy.jobs.sweep(45.0)
    nothing_is_left(world)
    notes = [each for each in stored(world) if each.startswith("JOBS ")]
    assert notes == [], "what is done is not looked for again"


# ---- many ----------------------------------------------------------------------------------------------


STORE_CALL = 0.01
"""Seconds that any store call takes here: more than those of DynamoDB do, on the whole."""
BUDGET = 15.0


class Slow(Layer):
    """A store whose calls take time, on one process's clock."""

    def __init__(self, engine: DynamoClient, clock: OwnClock) -> None:
        super().__init__(engine)
        self._clock = clock
        self.calls = 0

    def call(self, call: Call) -> Any:
        """Take a moment."""
        self.calls += 1
        self._clock.pass_by(STORE_CALL)
        return self.forward(call)


def many_more(world: World, count: int) -> None:
    """The same conversation under as many other ids."""
    engine = world.stage.engine
    items = json.dumps([[key.table, item] for key, item in world.items().items() if not key.pk.startswith("K#")])
    for _ in range(count):
        copy = items.replace(world.conversation, f"conv_{secrets.token_urlsafe(16)}")
        batch_write(engine, [each for each in json.loads(copy) if "RATE" not in str(each)])


def test_ten_thousand_messages_in_two_hundred_conversations_take_bounded_steps(stage: Stage) -> None:
    world = stage.with_limits(message_burst=1000).world(Shape(people=("alice", "bob"), sockets=(), listening=()))
    for number in range(50):
        world.process().sends("bob", f"what bob said {number}", f"k{number}")
    many_more(world, 199)
    longest, steps = 0.0, 0
    clock = OwnClock(BEGIN + 1000.0)
    store = Slow(stage.engine, clock)
    process = world.process(store, clock=clock, timing=AT_ONCE)
    process.app.privacy.jobs.erase(process.caller("bob"))
    while process.app.privacy.erasure.status(process.caller("bob"))["status"] == "running":
        began = clock.now()
        process.app.privacy.erasure.run(erasure_id(world.person("bob")), BUDGET)
        longest, steps = max(longest, clock.now() - began), steps + 1
        assert steps < 20
    print(f"{steps} steps of at most {longest:.1f} s, {store.calls} store calls")  # noqa: T201
    assert steps > 1
    assert longest < BUDGET + 5.0, "what runs out of time must end soon enough for its function"
    status = process.app.privacy.erasure.status(process.caller("bob"))
    assert (status["conversations_done"], status["conversations_total"]) == (200, 200)
    nothing_is_left(world, secrets=["what bob said"])
