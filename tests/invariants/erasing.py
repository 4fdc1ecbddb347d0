"""Somebody who is erased: how they lived before, how it is done, and what must be left of them: nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from chalicelib.core.kernel.limits import Timing
from chalicelib.core.model.privacy import erasure_id
from local.faults.client import DynamoClient
from tests.invariants.memory import MemoryStore
from tests.invariants.world import QUANTUM, Process, Shape, World

AT_ONCE = Timing(append_deadline=3 * QUANTUM, erasure_grace=0.0, presence_debounce=0.0)
"""Nothing else is under way: there is nothing to wait for."""
SECRETS = ("what bob said", "what bob meant", "bob's own mark")
"""What bob's messages and their edits say, and what he calls one of them."""
LIVELY = Shape(strangers=("dave",), is_open=True)


def bob_lives(world: World) -> None:
    """Everything by which somebody can stand in a conversation."""
    process = world.process()
    bob, carol = world.person("bob"), world.person("carol")
    process.set_role("alice", "bob", "moderator")
    said = process.sends("bob", SECRETS[0], SECRETS[2].replace(" ", "-"))["sequence_id"]
    process.edit("bob", said, SECRETS[1], mentions=[carol], metadata={"mood": SECRETS[1]})
    process.react("carol", said, "👍")
    answer = process.says("carol", "message", client_message_id="m", content="hello bob", mentions=[bob])[0]
    process.react("bob", answer["sequence_id"], "🎉")
    process.edit("carol", answer["sequence_id"], "hello again", mentions=[bob])
    process.take_back("bob", process.sends("bob", SECRETS[0], "gone")["sequence_id"])
    process.invite("bob", max_uses=3)
    process.mute("bob", "carol", 60)
    process.mute("bob", "carol", 0)
    process.ban("bob", "dave")
    process.update("bob", title="Changed")
    process.says("bob", "typing", is_typing=True)
    process.says("bob", "message", client_message_id="q", content=SECRETS[0])


def bob_lives_briefly(world: World) -> None:
    """A message, one that mentions him, and reactions."""
    process = world.process()
    said = process.sends("bob", SECRETS[0], "1")["sequence_id"]
    process.react("carol", said, "👍")
    process.edit("bob", said, SECRETS[1])
    process.says("carol", "message", client_message_id="m", content="hello", mentions=[world.person("bob")])


def erase(process: Process, name: str = "bob", *, seconds: float = 60.0, times: int = 20) -> int:
    """Ask for it, and do it step by step; how many steps it took."""
    process.app.privacy.jobs.erase(process.caller(name))
    return finish(process, name, seconds=seconds, times=times)


def finish(process: Process, name: str = "bob", *, seconds: float = 60.0, times: int = 20) -> int:
    """Do what is left of it."""
    for step in range(1, times + 1):
        if process.app.privacy.erasure.run(erasure_id(process.world.person(name)), seconds) is None:
            return step
    raise AssertionError(
        f"it is not done after {times} steps: {process.app.privacy.erasure.status(process.caller(name))}"
    )


def eraser(world: World, client: DynamoClient | None = None, *, skew: float = 100.0, **more: Any) -> Process:
    """A process that has nothing to wait for."""
    return world.process(client, skew=skew, timing=more.pop("timing", AT_ONCE), **more)


def nothing_is_left(world: World, name: str = "bob", secrets: Collection[str] = SECRETS) -> None:
    """No item of any table holds the id, the name or a text of somebody."""
    engine = world.stage.engine
    assert isinstance(engine, MemoryStore)
    assert engine.holding(world.person(name)) == []
    # Other worlds have people of the same name.
    held = engine.holding(f'"{name.title()}"', *secrets)
    assert [each for each in held if world.tag in each or world.conversation in each] == []


def in_history(world: World, reader: str = "alice") -> list[dict[str, Any]]:
    """The log as somebody reads it."""
    process = world.process(skew=500.0)
    events: list[dict[str, Any]] = []
    while True:
        page = process.events(reader, after=len(events))
        events += page["events"]
        if not page["has_more"]:
            return events
