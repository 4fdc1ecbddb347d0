"""Erasure beside whatever others do in the conversation at the same time.

Two ways each: the other has read all that it decides upon, and before it writes, all of the erasure happens; and
the other does it before each of the writes of the erasure in turn. Then some schedules by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.model.privacy import erasure_id
from tests.invariants.erasing import AT_ONCE, LIVELY, erase, eraser, finish, in_history, nothing_is_left
from tests.invariants.interleaving import Act, Ends, interleave
from tests.invariants.meanwhile import Meanwhile, code_of
from tests.invariants.memory import MemoryStore
from tests.invariants.world import Process, Stage, World

SAMPLES = 12
IN_TIME = replace(AT_ONCE, erasure_grace=60.0)
TEXTS = ("what bob said", "what bob meant")
OTHERS: dict[str, Act] = {
    "send": lambda p: p.sends("carol", "of carol", "k"),
    "react": lambda p: p.react("carol", 2, "🎉"),
    "unreact": lambda p: p.unreact("carol", 2, "👍"),
    "edit": lambda p: p.edit("carol", 5, "of carol"),
    "react to what mentions him": lambda p: p.react("alice", 5, "🎉"),
    "delete": lambda p: p.take_back("alice", 2),
    "update": lambda p: p.update("alice", title="Another"),
    "leave": lambda p: p.leave("alice"),
    "remove": lambda p: p.remove("alice", "bob"),
    "mute": lambda p: p.mute("alice", "bob"),
}
"""What the others do; by itself, each of it succeeds."""
WAYS = pytest.mark.parametrize("name", OTHERS)


def bob_said(world: World) -> None:
    """A message of bob's that was edited and reacted to, and an answer to it by carol, which was edited too."""
    process = world.process()
    said = process.sends("bob", "what bob said", "1")["sequence_id"]
    process.edit("bob", said, "what bob meant")
    process.react("carol", said, "👍")
    process.says("carol", "message", client_message_id="m", content="hello bob", mentions=[world.person("bob")])
    process.edit("carol", 5, "hello again")


def run(stage: Stage, acts: dict[str, Act], judge: Callable[[World, Ends], Any]) -> None:
    interleave(stage, LIVELY, acts, judge, arrange=bob_said, samples=SAMPLES, timing=AT_ONCE)


def leave(world: World) -> float | None:
    """Only begin: bob is gone, and nothing was gone through."""
    process = eraser(world, timing=IN_TIME)
    process.app.privacy.jobs.erase(process.caller("bob"))
    return process.app.privacy.erasure.run(erasure_id(world.person("bob")), 60.0)


def lived(stage: Stage) -> World:
    world = stage.world(LIVELY)
    bob_said(world)
    return world


@WAYS
@pytest.mark.parametrize("has_left", [False, True], ids=["all of it", "after they left"])
def test_what_was_read_before_the_erasure_is_not_written_back_after_it(
    stage: Stage, name: str, has_left: bool
) -> None:
    writes = 0
    while True:
        writes += 1
        world = lived(stage)
        if has_left:
            leave(world)

        def meanwhile(world: World = world) -> None:
            if has_left:
                finish(eraser(world, skew=200.0, timing=IN_TIME))
            else:
                erase(eraser(world))

        client = Meanwhile(stage.engine, writes, meanwhile)
        code = code_of(OTHERS[name], world.process(client, skew=150.0))
        if not client.came:
            assert writes > 1 or has_left, "who is not there any more is found to be so before anything is written"
            return
        assert code in (None, "VALIDATION_FAILED", "NOT_FOUND")
        nothing_is_left(world, secrets=TEXTS)


@WAYS
def test_what_others_do_while_bob_is_erased_is_neither_lost_nor_does_it_bring_anything_back(
    stage: Stage, name: str
) -> None:
    writes = 0
    while True:
        writes += 1
        world = lived(stage)
        codes: list[str | None] = []

        def other(world: World = world, codes: list[str | None] = codes) -> None:
            codes.append(code_of(OTHERS[name], world.process(skew=150.0)))

        client = Meanwhile(stage.engine, writes, other)
        erase(eraser(world, client))
        if not client.came:
            assert writes > 5
            return
        nothing_is_left(world, secrets=TEXTS)
        events = in_history(world, "carol")
        assert [each["type"] for each in events].count("participant_erased") == 1
        if name in ("send", "edit"):
            assert codes == [None]
            messages = world.process(skew=501.0).messages("carol")["messages"]
            assert "of carol" in [each.get("content") for each in messages]


@pytest.mark.parametrize("first", ["ban", "unban"])
def test_a_ban_beside_an_erasure_holds_and_names_nobody(stage: Stage, first: str) -> None:
    acts: dict[str, Act] = {"ban": lambda p: p.ban("alice", "bob"), "unban": lambda p: p.unban("alice", "bob")}
    writes = 0
    while True:
        writes += 1
        world = lived(stage)
        codes: list[str | None] = []
        if first == "unban":
            world.process(skew=50.0).ban("alice", "bob")

        def other(world: World = world, codes: list[str | None] = codes) -> None:
            codes.append(code_of(acts[first], world.process(skew=150.0)))

        client = Meanwhile(stage.engine, writes, other)
        erase(eraser(world, client))
        if not client.came:
            assert writes > 5
            return
        assert world.process().app.privacy.erasure.status(world.process().caller("bob"))["status"] == "done"
        assert isinstance(stage.engine, MemoryStore)
        if stage.engine.holding(world.person("bob")):
            assert first == "ban", "who lifts a ban names nobody"
            # It came after the last look at where they are: then it is of later, and goes with a later erasure.
            erase(eraser(world, skew=450.0))
        nothing_is_left(world, secrets=TEXTS)
        bans = world.process(skew=500.0).bans("alice")
        assert len(bans) == (1 if first == "ban" else 0)


@pytest.mark.parametrize("how", ["sends", "edits"])
def test_a_mention_that_was_checked_before_they_left_is_erased_as_well(stage: Stage, how: str) -> None:
    def mentions(process: Process) -> object:
        bob = process.world.person("bob")
        if how == "edits":
            return process.edit("carol", 5, "hey bob", mentions=[bob])
        return process.says("carol", "message", client_message_id="k", content="hey bob", mentions=[bob])

    for writes in (1, 2):
        world = lived(stage)
        waits: list[float | None] = []

        def leaves(world: World = world, waits: list[float | None] = waits) -> None:
            waits.append(leave(world))

        client = Meanwhile(stage.engine, writes, leaves)
        code = code_of(mentions, world.process(client, skew=100.0))
        assert client.came
        assert code in (None, "VALIDATION_FAILED")
        assert None not in waits, "somebody may be about to mention them"
        finish(eraser(world, skew=200.0, timing=IN_TIME))
        nothing_is_left(world, secrets=TEXTS)


@pytest.mark.parametrize("how", ["joins", "is added", "creates"])
def test_who_comes_in_while_they_are_erased_is_in_before_or_after_and_never_missed(stage: Stage, how: str) -> None:
    acts: dict[str, Act] = {
        "joins": lambda p: p.join("dave"),
        "is added": lambda p: p.add("alice", "dave"),
        "creates": lambda p: p.create("dave", ["carol"]),
    }

    def judge(world: World, ends: Ends) -> None:
        came = ends.succeeded("dave comes", "ERASURE_RUNNING", "CONVERSATION_BUSY")
        assert ends.succeeded("erase")
        if came and world.process(skew=400.0).listing("dave"):
            # They came when all was done, as somebody new.
            erase(eraser(world, skew=450.0), "dave")
        nothing_is_left(world, "dave", ["nothing"])

    run(stage, {"erase": lambda p: erase(p, "dave"), "dave comes": acts[how]}, judge)


def test_two_that_do_the_same_at_once_do_no_harm(stage: Stage) -> None:
    def works(process: Process) -> object:
        for _ in range(20):
            if process.app.privacy.erasure.run(erasure_id(process.world.person("bob")), 60.0) is None:
                return True
        return False

    def judge(world: World, ends: Ends) -> None:
        assert ends.successes("CONVERSATION_BUSY")
        finish(eraser(world, skew=200.0))
        nothing_is_left(world, secrets=TEXTS)
        types = [each["type"] for each in in_history(world)]
        assert types.count("participant_erased") == 1
        assert types.count("participant_left") == 1
        status = eraser(world).app.privacy.erasure.status(world.process().caller("bob"))
        assert (status["conversations_done"], status["conversations_total"]) == (1, 1)

    def arrange(world: World) -> None:
        bob_said(world)
        process = eraser(world)
        process.app.privacy.jobs.erase(process.caller("bob"))

    acts: dict[str, Act] = {"one": works, "another": works}
    interleave(stage, LIVELY, acts, judge, arrange=arrange, samples=3 * SAMPLES, timing=AT_ONCE)
