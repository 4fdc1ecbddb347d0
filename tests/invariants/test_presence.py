"""Who went is told when that has settled, once at most, and not if they are back by then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.kernel.ids import new_conversation_id
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.realtime.outbox import PendingOffline
from chalicelib.core.realtime.presence import MAX_PER_JOB
from tests.invariants.erasing import erase, nothing_is_left
from tests.invariants.interleaving import Act, Ends, interleave
from tests.invariants.world import KeepingQueue, Process, Shape, Stage, World

LATER = 6.0
"""Seconds after which a departure has settled."""
TWO_OF_BOB = Shape(sockets=("alice", "bob", "bob2", "carol"), listening=("alice", "bob", "carol"))
BOTH_OF_BOB = Shape(sockets=("alice", "bob", "bob2"), listening=("alice", "bob", "bob2"))
CAROL_COMES_LATER = Shape(sockets=("alice", "bob", "bob2", "carol"), listening=("alice", "bob"))
SQS_BYTES = 256 * 1024


@pytest.fixture
def queue() -> KeepingQueue:
    return KeepingQueue()


def told(world: World, to: str = "alice", about: str = "bob") -> list[bool]:
    """What a socket was told of somebody's being there."""
    return [
        frame["online"]
        for frame in world.frames(to, "presence")
        if frame["participant"]["participant_id"] == world.person(about)
    ]


def a_world(stage: Stage, shape: Shape = TWO_OF_BOB) -> World:
    world = stage.world(shape)
    world.posts.clear()
    return world


def works(world: World, queue: KeepingQueue, skew: float = LATER, which: int = 0) -> None:
    """Let the worker have a message."""
    world.process(skew=skew, queue=queue).app.privacy.jobs.run(queue.sent[which][0], 60.0)


def notes(world: World) -> list[str]:
    """Whose departures are noted."""
    return [key.sk for key in world.items() if key.sk.startswith("D#")]


# ---- away for good, and not ------------------------------------------------------------------------------


GOES = pytest.mark.parametrize("goes", ["disconnect", "unsubscribe", "410"])


def bob_goes(world: World, queue: KeepingQueue, goes: str = "disconnect", skew: float = 0.0) -> None:
    """By one of the ways."""
    process = world.process(skew=skew, queue=queue, lost=["bob"] if goes == "410" else ())
    if goes == "disconnect":
        process.disconnect("bob")
    elif goes == "unsubscribe":
        process.says("bob", "unsubscribe")
    else:
        process.sends("alice", "is bob there?")


@GOES
def test_who_goes_is_told_of_when_it_has_settled_and_once(stage: Stage, queue: KeepingQueue, goes: str) -> None:
    world = a_world(stage)
    bob_goes(world, queue, goes)
    assert told(world) == []
    ((work, delay),) = queue.sent
    assert delay == 5.0
    assert world.person("bob") not in work, "a message names nobody"
    for _ in range(2):
        works(world, queue)
        assert (told(world), told(world, "carol")) == ([False], [False])
    assert notes(world) == []
    world.process(skew=10.0, queue=queue).says("bob2", "subscribe")
    assert told(world) == [False, True]


@GOES
def test_of_who_is_back_in_time_nobody_hears_anything(stage: Stage, queue: KeepingQueue, goes: str) -> None:
    world = a_world(stage)
    bob_goes(world, queue, goes, skew=2.0)
    world.process(skew=3.0, queue=queue).says("bob2", "subscribe")
    assert notes(world) == []
    works(world, queue, skew=8.0)
    assert (told(world), told(world, "carol")) == ([], [])


def test_who_is_taken_for_gone_and_speaks_was_never_away(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    bob_goes(world, queue, "410", skew=2.0)
    world.process(skew=3.0, queue=queue).says("bob", "ping")
    works(world, queue, skew=8.0)
    assert told(world) == []


def test_who_goes_twice_is_told_of_by_the_second_message_only(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    process = world.process(skew=2.0, queue=queue)
    process.says("bob", "unsubscribe")
    process.says("bob2", "subscribe")
    process.says("bob2", "unsubscribe")
    assert len(queue.sent) == 2
    works(world, queue, which=0)
    assert told(world) == []
    works(world, queue, which=1)
    assert told(world) == [False]


def test_who_has_another_device_there_has_not_gone(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage, BOTH_OF_BOB)
    process = world.process(queue=queue)
    process.disconnect("bob")
    assert (queue.sent, notes(world)) == ([], [])
    process.disconnect("bob2")
    works(world, queue)
    assert told(world) == [False]


def test_who_was_removed_meanwhile_is_not_told_of(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    bob_goes(world, queue)
    world.process(skew=1.0, queue=queue).remove("alice", "bob")
    works(world, queue)
    assert (told(world), notes(world)) == ([], [])


def test_in_a_conversation_that_was_deleted_meanwhile_nobody_is_told(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    bob_goes(world, queue)
    world.process(skew=1.0, queue=queue).delete("alice")
    works(world, queue)
    assert told(world) == []


def test_where_nobody_listens_nothing_is_noted(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage, Shape(listening=("bob",)))
    bob_goes(world, queue)
    assert (queue.sent, notes(world)) == ([], [])


def test_in_a_crowd_nothing_is_noted(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage.with_limits(presence_participants=2))
    bob_goes(world, queue)
    assert (queue.sent, notes(world)) == ([], [])


def test_an_erasure_takes_the_note_as_well(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    bob_goes(world, queue)
    assert notes(world) == [f"D#{world.person('bob')}"]
    process = world.process(skew=100.0, timing=Timing(erasure_grace=0.0))
    process.disconnect("bob2")
    erase(process)
    nothing_is_left(world)


# ---- who came in between ---------------------------------------------------------------------------------


def test_who_came_while_bob_was_away_saw_nobody_and_is_told_that_he_is_back(
    stage: Stage, queue: KeepingQueue
) -> None:
    world = a_world(stage, CAROL_COMES_LATER)
    bob_goes(world, queue, skew=2.0)
    (subscribed,) = world.process(skew=3.0, queue=queue).says("carol", "subscribe")
    online = {each["participant_id"]: each["online"] for each in subscribed["participants"]}
    assert online[world.person("bob")] is False
    world.process(skew=4.0, queue=queue).says("bob2", "subscribe")
    works(world, queue, skew=8.0)
    assert (told(world), told(world, "carol")) == ([], [True])


# ---- without the queue -----------------------------------------------------------------------------------


def test_what_the_queue_does_not_take_is_told_at_once(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    queue.refuses = True
    bob_goes(world, queue, "disconnect")
    assert (told(world), notes(world)) == ([False], [])
    world.process(skew=1.0, queue=queue).says("bob2", "subscribe")
    assert told(world) == [False, True]
    assert world.process(queue=queue).says("bob2", "unsubscribe") == [
        {"type": "unsubscribed", "conversation_id": world.conversation}
    ]
    assert told(world) == [False, True, False]


@pytest.mark.parametrize("way", ["no time to settle", "no queue"])
def test_without_a_time_to_settle_or_a_queue_it_is_told_at_once(
    stage: Stage, queue: KeepingQueue, way: str
) -> None:
    world = a_world(stage)
    at_once = replace(stage.settings.timing, presence_debounce=0.0)
    process = world.process(queue=queue, timing=at_once) if way == "no time to settle" else world.process()
    process.disconnect("bob")
    assert (told(world), queue.sent, notes(world)) == ([False], [], [])
    process.says("bob2", "subscribe")
    assert told(world) == [False, True]


# ---- messages --------------------------------------------------------------------------------------------


def test_one_message_is_about_all_conversations_of_a_socket(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    other = world.process().create("alice", ["bob"])["conversation_id"]
    for socket in ("alice", "bob"):
        world.process(queue=queue).says(socket, "subscribe", conversation_id=other)
    world.posts.clear()
    bob_goes(world, queue)
    assert len(queue.sent) == 1
    works(world, queue)
    assert sorted(each["conversation_id"] for each in world.frames("alice", "presence")) == sorted(
        [world.conversation, other]
    )


def test_a_message_names_only_so_many_departures(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    many = [PendingOffline(new_conversation_id(), "m" * 12) for _ in range(2 * MAX_PER_JOB + 1)]
    world.process(queue=queue).app.realtime.fan_out.deliver(many, within=5.0)
    assert [work.count("/") for work, _ in queue.sent] == [MAX_PER_JOB, MAX_PER_JOB, 1]
    assert max(len(work) for work, _ in queue.sent) < SQS_BYTES


def test_a_worker_that_runs_out_of_time_sends_on_what_is_left(stage: Stage, queue: KeepingQueue) -> None:
    world = a_world(stage)
    bob_goes(world, queue)
    work, _ = queue.sent.pop()
    before = ",".join(f"{new_conversation_id()}/m" for _ in range(25))
    queue.send(f"presence:{before},{work.partition(':')[2]}", 0.0)
    steps = 0
    while queue.sent:
        sent, _ = queue.sent.pop()
        world.process(skew=LATER, queue=queue).app.privacy.jobs.run(sent, 0.0)
        steps += 1
    assert steps == 3
    assert told(world) == [False]


# ---- in any order ----------------------------------------------------------------------------------------


class Queues(defaultdict[str, KeepingQueue]):
    """The queue of each world, by its conversation."""

    def __init__(self) -> None:
        super().__init__(KeepingQueue)

    def __call__(self, world: World) -> KeepingQueue:
        return self[world.conversation]

    def settle(self, world: World) -> None:
        """Let the worker have all messages, twice each."""
        for work, _ in self(world).sent * 2:
            world.process(skew=60.0).app.privacy.jobs.run(work, 60.0)


@pytest.fixture
def queues() -> Queues:
    return Queues()


def goes(socket: str) -> Act:
    return lambda process: process.disconnect(socket)


def comes(socket: str) -> Act:
    return lambda process: process.says(socket, "subscribe")


def settles(queues: Queues) -> Callable[[Process], None]:
    """The worker has a message that was there before."""
    return lambda process: process.app.privacy.jobs.run(queues(process.world).sent[0][0], 60.0)


def test_who_comes_while_the_worker_looks_is_not_left_for_gone(
    stage: Stage, engine_stage: Stage, queues: Queues
) -> None:
    def arrange(world: World) -> None:
        bob_goes(world, queues(world))
        world.posts.clear()

    def judge(world: World, ends: Ends) -> None:
        ends.successes()
        assert notes(world) == []
        heard = told(world)
        assert heard.count(False) <= 1
        assert (True in heard) or not heard, "told that he went, and never that he is back"

    acts: dict[str, Act] = {"bob comes": comes("bob2"), "the worker looks": settles(queues)}
    interleave(stage, TWO_OF_BOB, acts, judge, arrange=arrange, queue=queues, engine_stage=engine_stage)


def test_who_comes_while_their_other_socket_goes_is_not_left_for_gone(
    stage: Stage, engine_stage: Stage, queues: Queues
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.successes()
        queues.settle(world)
        assert notes(world) == []
        assert False not in told(world)

    acts: dict[str, Act] = {"bob goes": goes("bob"), "bob comes": comes("bob2")}
    interleave(stage, TWO_OF_BOB, acts, judge, queue=queues, engine_stage=engine_stage)


def test_two_sockets_that_go_at_once_are_told_of_once(stage: Stage, engine_stage: Stage, queues: Queues) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.successes()
        queues.settle(world)
        assert (notes(world), told(world)) == ([], [False])

    acts: dict[str, Act] = {"one goes": goes("bob"), "the other goes": goes("bob2")}
    interleave(stage, BOTH_OF_BOB, acts, judge, queue=queues, engine_stage=engine_stage)


def test_two_workers_with_one_message_tell_once(stage: Stage, engine_stage: Stage, queues: Queues) -> None:
    def arrange(world: World) -> None:
        bob_goes(world, queues(world))
        world.posts.clear()

    def judge(world: World, ends: Ends) -> None:
        ends.successes()
        assert told(world) == [False]

    acts: dict[str, Act] = {"one worker": settles(queues), "another": settles(queues)}
    interleave(stage, TWO_OF_BOB, acts, judge, arrange=arrange, queue=queues, engine_stage=engine_stage)
