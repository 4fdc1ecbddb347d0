"""Who is writing and who is online, where many are in: told to so many and no more, and then it costs nothing."""

import pytest

from tests.invariants.checker import check
from tests.invariants.test_costs import Bill, crowd
from tests.invariants.world import Process, Stage, World

MOST = 3
ENOUGH, TOO_MANY = MOST, MOST + 1


def world_of(stage: Stage, count: int, *, most: int = MOST) -> World:
    return stage.with_limits(typing_participants=most, presence_participants=most).world(crowd(count))


def types(process: Process) -> object:
    return process.says("alice", "typing", is_typing=True)


def subscribes(process: Process) -> object:
    return process.says("alice", "subscribe")


def online(world: World, name: str = "alice") -> set[str]:
    """Who is online, as somebody sees it."""
    participants = world.process(skew=1.0).view(name)["participants"]
    return {each["participant_id"] for each in participants if each["online"]}


def told(world: World, socket: str, kind: str) -> list[bool]:
    """What a socket was told of others, in order."""
    return [frame["online" if kind == "presence" else "is_typing"] for frame in world.frames(socket, kind)]


@pytest.mark.parametrize(("count", "is_told"), [(ENOUGH, True), (TOO_MANY, False)])
def test_who_is_writing_is_told_up_to_so_many(stage: Stage, count: int, is_told: bool) -> None:
    world = world_of(stage, count)
    types(world.process())
    world.process(skew=0.1).says("alice", "typing", is_typing=False)
    assert told(world, "guest_0x", "typing") == ([True, False] if is_told else [])
    assert told(world, "alice", "typing") == []


@pytest.mark.parametrize(("count", "is_told"), [(ENOUGH, True), (TOO_MANY, False)])
def test_who_is_online_is_told_up_to_so_many(stage: Stage, count: int, is_told: bool) -> None:
    world = world_of(stage, count)
    world.posts.clear()
    world.process(skew=0.1).says("alice", "unsubscribe")
    world.process(skew=0.2).says("alice", "subscribe")
    world.process(skew=0.3).disconnect("alice")
    assert told(world, "guest_0x", "presence") == ([False, True, False] if is_told else [])
    everybody = {world.person(each) for each in world.shape.people}
    assert online(world, "guest_0x") == (everybody - {world.person("alice")} if is_told else set())
    check(world)


@pytest.mark.parametrize("most", [0, 1])
def test_nobody_is_told_anything_where_it_is_off(stage: Stage, most: int) -> None:
    world = world_of(stage, 2, most=most)
    types(world.process())
    world.process(skew=0.1).says("alice", "unsubscribe")
    assert not world.frames("guest_0x", "typing")
    assert not world.frames("guest_0x", "presence")
    assert online(world) == set()


def test_events_are_told_however_many_there_are(stage: Stage) -> None:
    world = world_of(stage, TOO_MANY)
    world.process().writes("alice", "hi", "k")
    assert check(world, hears=world.sockets).texts == ["hi"]


def test_writing_costs_reads_alone_where_too_many_are_in(stage: Stage) -> None:
    bill = Bill(world_of(stage, TOO_MANY), types)
    assert bill.calls == {"get_item": 3}, "socket, head, membership"
    assert Bill(world_of(stage, ENOUGH), types).calls == {"get_item": 3, "update_item": 1, "query": 1}


def test_subscribing_asks_for_nobody_where_too_many_are_in(stage: Stage) -> None:
    bill = Bill(world_of(stage, TOO_MANY), subscribes)
    # Socket, membership; the subscription; head; events and people; membership; head.
    assert bill.calls == {"get_item": 5, "transact_write_items": 1, "query": 2}
    assert bill.recipient_queries() == 0


def test_whoever_writes_on_and_on_is_told_of_once_in_a_while_whatever_process_hears_it(stage: Stage) -> None:
    world = world_of(stage, ENOUGH)
    for number in range(29):
        types(world.process(skew=0.1 * number))
    assert told(world, "guest_0x", "typing") == [True]
    types(world.process(skew=3.0))
    assert told(world, "guest_0x", "typing") == [True, True]
    for number in range(3):
        world.process(skew=4.0 + number).says("alice", "typing", is_typing=False)
    assert told(world, "guest_0x", "typing") == [True, True, False]


def test_presence_is_told_of_the_first_socket_and_of_the_last(stage: Stage) -> None:
    world = world_of(stage, ENOUGH)
    world.posts.clear()
    for number, name in enumerate(("alice2", "alice3")):
        world.late.add(name)
        process = world.process(skew=0.1 * number)
        process.connect(name)
        process.says(name, "subscribe")
        process.says(name, "subscribe")
    for name in ("alice2", "alice", "alice3"):
        world.process(skew=1.0).disconnect(name)
    assert told(world, "guest_0x", "presence") == [False]
