"""Retention: what is too old says nothing any more, and everything else of it stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws.dynamodb.keys import RETENTION_CHECKS
from chalicelib.core.kernel.errors import ChatError
from local.faults.client import DynamoClient
from tests.invariants.erasing import in_history
from tests.invariants.interleaving import Act
from tests.invariants.meanwhile import Meanwhile, code_of
from tests.invariants.memory import MemoryStore
from tests.invariants.world import Process, Shape, Stage, World
from tests.support.crashes import crash_points

DAY = 24 * 3600.0
SHAPE = Shape(roles=(("bob", "moderator"),))


def keeping(stage: Stage, days: int) -> Stage:
    """A deployment that keeps contents so many days."""
    other = stage.with_limits()
    other.settings = replace(stage.settings, retention_days=days)
    return other


def talked(stage: Stage) -> World:
    """Something old that was edited, reacted to and deleted, and something of two weeks later."""
    world = stage.world(SHAPE)
    process = world.process()
    said = process.sends("bob", "old words", "1")["sequence_id"]
    process.edit("bob", said, "old words, edited", metadata={"note": "old words"})
    process.react("carol", said, "👍")
    process.sends("carol", "old words of carol", "2")
    process.take_back("carol", process.sends("carol", "old words", "3")["sequence_id"])
    world.process(skew=14 * DAY).sends("alice", "new words", "4")
    return world


def sweep(world: World, days: float, client: DynamoClient | None = None, seconds: float = 60.0) -> None:
    """A sweep so many days after the beginning."""
    world.process(client, skew=days * DAY).app.privacy.jobs.sweep(seconds)


def texts(world: World, days: float = 50.0, name: str = "alice") -> list[str | None]:
    return [each.get("content") for each in world.process(skew=days * DAY).messages(name)["messages"]]


def holding(world: World, text: str) -> list[str]:
    assert isinstance(world.stage.engine, MemoryStore)
    return [each for each in world.stage.engine.holding(text) if world.conversation in each]


def gone(world: World) -> None:
    """What is old is gone from every item, and nothing else is."""
    assert holding(world, "old words") == []
    assert texts(world) == [None, None, None, "new words"]


def notes(world: World) -> list[int]:
    """When this conversation is to be looked at."""
    assert isinstance(world.stage.engine, MemoryStore)
    keys = [each.split(" ") for each in world.stage.engine.keys(world.stage.conversations_table)]
    return [
        int(sk.partition("#")[0]) for pk, sk in keys if pk == RETENTION_CHECKS and sk.endswith(world.conversation)
    ]


def expiries(world: World) -> list[dict[str, Any]]:
    return [each for each in in_history(world) if each["type"] == "content_expired"]


def test_contents_go_when_they_are_past_retention_and_places_stay(stage: Stage) -> None:
    world = talked(keeping(stage, 30))
    before = world.process(skew=15 * DAY).events("alice")["events"]
    sweep(world, 29.9)
    assert holding(world, "old words")
    sweep(world, 30.1)
    gone(world)
    after = world.process(skew=31 * DAY).events("alice")["events"]
    (told,) = expiries(world)
    assert told["up_to"] == before[-1]["sequence_id"] - 1
    assert after[-1] == told
    for old, new in zip(before, after, strict=False):
        for name in ("sequence_id", "type", "created_at", "sender", "message_id", "target"):
            assert old.get(name) == new.get(name), "L1, L3"
    (first, *_, last) = world.process(skew=31 * DAY).messages("alice")["messages"]
    assert first["expired"] is True
    assert not {*first} & {"content", "metadata", "reactions", "edited_at", "deleted_at"}
    assert last["content"] == "new words"


def test_who_listens_is_told(stage: Stage) -> None:
    hurried = keeping(stage, 30)
    timing = replace(stage.settings.timing, retention_day=1.0)
    hurried.settings = replace(hurried.settings, timing=timing)
    world = hurried.world(SHAPE)
    world.process().sends("bob", "old words", "1")
    world.process(skew=31.0).app.privacy.jobs.sweep(60.0)
    told = world.frames("carol", "event")[-1]["event"]
    assert (told["type"], told["sequence_id"], told["up_to"]) == ("content_expired", 3, 2)


def test_who_looks_early_leaves_the_next_look_where_it_is(stage: Stage) -> None:
    # After a change of the setting a look is asked for at once; a sweep may have been quicker.
    world = talked(keeping(stage, 30))
    sweep(world, 30.1)
    (due,) = notes(world)
    for _ in range(2):  # the message comes twice
        world.process(skew=31 * DAY).app.privacy.jobs.run(f"retention:{due}:{world.conversation}", 60.0)
        assert notes(world) == [due]
    sweep(world, 44.1)
    assert texts(world) == [None, None, None, None]


def test_it_is_no_activity_and_changes_no_count(stage: Stage) -> None:
    world = talked(keeping(stage, 30))
    (before,) = world.process(skew=15 * DAY).listing("bob")
    sweep(world, 31)
    (after,) = world.process(skew=31 * DAY).listing("bob")
    for name in ("updated_at", "unread_count", "read_up_to"):
        assert before[name] == after[name]


def test_for_ever_is_for_ever(stage: Stage) -> None:
    world = talked(stage)
    for days in (31, 62, 93, 400):
        sweep(world, days)
    assert holding(world, "old words")
    assert expiries(world) == []


def test_a_setting_that_is_changed_reaches_every_conversation_within_thirty_days(stage: Stage) -> None:
    world = talked(stage)
    for days in (30.1, 60.3):
        sweep(world, days)
    stricter = keeping(stage, 30)
    later = replace(world, stage=stricter)
    sweep(later, 61)
    assert holding(world, "old words")
    sweep(later, 90.5)
    assert texts(world, 91) == [None] * 4


@pytest.mark.parametrize(("of_deployment", "days"), [(0, 40), (365, 40), (40, 365), (40, None)])
def test_of_two_settings_the_shorter_holds(stage: Stage, of_deployment: int, days: int | None) -> None:
    world = talked(keeping(stage, of_deployment))
    world.process(skew=20 * DAY).update("alice", retention_days=365)
    world.process(skew=21 * DAY).update("alice", retention_days=days)
    assert world.process(skew=21 * DAY).view("alice").get("retention_days") == days
    for each in (22, 30.1, 39.9):
        sweep(world, each)
    assert holding(world, "old words")
    sweep(world, 40.1)
    gone(world)


def test_what_an_owner_sets_takes_effect_with_the_next_sweep(stage: Stage) -> None:
    world = talked(stage)
    sweep(world, 31)
    world.process(skew=32 * DAY).update("alice", retention_days=30)
    sweep(world, 32.1)
    gone(world)
    notes = [each for each in world.stage.engine.holding("RETENTION") if world.conversation in each]  # type: ignore[attr-defined]
    sweep(world, 63)
    assert len([each for each in notes if '"RETENTION"}, "sk"' in each]) <= 2
    assert texts(world, 63.5) == [None] * 4


def test_only_owners_set_it(stage: Stage) -> None:
    world = stage.world(SHAPE)
    with pytest.raises(ChatError) as refused:
        world.process().update("bob", retention_days=30)
    assert refused.value.code == "FORBIDDEN"
    world.process().update("bob", title="A moderator may do that")


def test_what_is_past_retention_can_be_deleted_and_not_changed(stage: Stage) -> None:
    world = talked(keeping(stage, 30))
    sweep(world, 31)
    process = world.process(skew=32 * DAY)
    codes = [
        code_of(act, process)
        for act in (
            lambda p: p.edit("bob", 2, "again"),
            lambda p: p.react("carol", 2, "🎉"),
            lambda p: p.unreact("carol", 2, "👍"),
            lambda p: p.take_back("bob", 2),
        )
    ]
    assert codes == ["VALIDATION_FAILED", "VALIDATION_FAILED", None, None]
    assert process.who_reacted("alice", 2) == []


ACTS: dict[str, Act] = {
    "edit": lambda p: p.edit("bob", 2, "old words again"),
    "react": lambda p: p.react("alice", 2, "🎉"),
    "unreact": lambda p: p.unreact("carol", 2, "👍"),
    "delete": lambda p: p.take_back("bob", 2),
    "reply": lambda p: p.says("carol", "message", client_message_id="r", content="later words", reply_to=2),
    "set": lambda p: p.update("alice", retention_days=60),
}


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("way", ["its writes", "those of the sweep"])
def test_what_happens_at_the_same_time_brings_nothing_back(stage: Stage, name: str, way: str) -> None:
    writes = 0
    while True:
        writes += 1
        world = talked(keeping(stage, 30))

        def swept(world: World = world) -> None:
            sweep(world, 31)

        def acted(world: World = world) -> None:
            code_of(ACTS[name], world.process(skew=31 * DAY))

        if way == "its writes":
            client = Meanwhile(stage.engine, writes, swept)
            code_of(ACTS[name], world.process(client, skew=31 * DAY))
        else:
            client = Meanwhile(stage.engine, writes, acted)
            sweep(world, 31, client)
        if not client.came:
            return
        sweep(world, 31.5)
        sweep(world, 63)
        assert holding(world, "old words") == []


def test_a_sweep_that_dies_anywhere_is_finished_by_the_next_one(stage: Stage) -> None:
    points = 0
    kept = keeping(stage, 30)
    other = kept.world(SHAPE)

    def begin() -> World:
        # What other worlds have that is due is done before.
        sweep(other, 31)
        return talked(kept)

    for point in crash_points(stage.engine, begin, lambda world, client: sweep(world, 31, client)):
        with point as world:
            sweep(world, 31.1)
            gone(world)
            assert len(expiries(world)) == 1
        points += 1
    print(f"retention: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    assert points > 10


def test_a_long_log_takes_several_steps(stage: Stage) -> None:
    world = keeping(stage, 30).with_limits(message_burst=1000).world(SHAPE)
    process: Process = world.process()
    for number in range(130):
        process.sends("bob", f"old words {number}", f"k{number}")
    for step in range(1, 40):
        sweep(world, 31 + step / 24, seconds=0.0)
        if not holding(world, "old words"):
            break
    assert 2 < step < 20
    assert len(expiries(world)) == 1


def test_a_deleted_conversation_leaves_no_note(stage: Stage) -> None:
    world = talked(keeping(stage, 30))
    world.process(skew=15 * DAY).delete("alice")
    sweep(world, 15.1)
    sweep(world, 31)
    assert holding(world, "RETENTION") == []
