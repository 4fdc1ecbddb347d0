"""A process that dies at any store call of any request, and the client that repeats its request."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from chalicelib.core.kernel.errors import ChatError
from chalicelib.identity.model import Identity
from local.faults.client import DynamoClient
from tests.invariants.cases import STEPS_OF_MANY, WRITES, Case, judge_the_end
from tests.invariants.changing_cases import CHANGING
from tests.invariants.checker import check
from tests.invariants.interleaving import error_of
from tests.invariants.memory import MemoryStore
from tests.invariants.world import PEOPLE, TOKENS_EXPIRE, Process, Shape, Stage, World
from tests.support.stepper import CrashPoint, crash_points

ON_THE_ENGINE = [case for case in WRITES if case.name in ("send", "leave")]


def crash_everywhere(stage: Stage, case: Case) -> int:
    """Crash at each point, repeat, judge; the number of points."""

    def begin() -> World:
        return case.begin(stage.world(case.shape))

    def act(world: World, client: DynamoClient) -> None:
        case.act(world.process(client, skew=case.later, lost=case.lost))

    points = 0
    for point in islice(crash_points(stage.engine, begin, act), case.points):
        with point as world:
            repeat(case, world)
            judge_the_end(case, world)
        points += 1
    print(f"{case}: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    return points


def repeat(case: Case, world: World) -> None:
    """As a client does: the same once more, and again if it is told to."""
    for attempt in range(1, 4):
        try:
            code = error_of(case.act(world.process(skew=case.later + attempt, lost=case.lost)))
        except ChatError as error:
            code = error.code
        if code != "CONVERSATION_BUSY":
            assert code is None or code in case.already, f"the repeat ended in {code}"
            return
    raise AssertionError("it is busy for ever")


@pytest.mark.parametrize("case", [*WRITES, *CHANGING], ids=str)
def test_after_a_crash_anywhere_a_repeat_does_it_once(stage: Stage, case: Case) -> None:
    assert crash_everywhere(stage, case) >= 4


@pytest.mark.parametrize("case", ON_THE_ENGINE, ids=str)
def test_on_the_engine_as_well(engine_stage: Stage, case: Case) -> None:
    assert crash_everywhere(engine_stage, case) >= 4


@pytest.mark.parametrize("http", [False, True], ids=["by socket", "by HTTP"])
def test_what_was_committed_and_never_pushed_is_heard_once_it_is_repeated(stage: Stage, http: bool) -> None:
    def send(process: Process) -> object:
        return process.sends("alice", "hi", "k") if http else process.writes("alice", "hi", "k")

    for point in crash_points(stage.engine, stage.world, lambda world, client: send(world.process(client))):
        with point as world:
            send(world.process(skew=1.0))
            assert check(world, hears=PEOPLE).texts == ["hi"]


@pytest.mark.parametrize("case", [case for case in CHANGING if not case.name.startswith("take")], ids=str)
def test_a_change_that_was_committed_and_never_pushed_is_heard_once_it_is_repeated(
    stage: Stage, case: Case
) -> None:
    def begin() -> World:
        return case.begin(stage.world())

    for point in crash_points(stage.engine, begin, lambda world, client: case.act(world.process(client))):
        with point as world:
            case.act(world.process(skew=1.0))
            check(world, hears=PEOPLE, tidy=False)


# ---- what nobody repeats -------------------------------------------------------------------------------


def test_a_disconnect_that_dies_leaves_nothing_that_outlives_the_next_message(stage: Stage) -> None:
    """API Gateway tells of a disconnect at most once; then only a 410 shows that it is gone."""

    def act(world: World, client: DynamoClient) -> None:
        world.process(client).disconnect("bob")

    for point in crash_points(stage.engine, stage.world, act):
        with point as world:
            process = world.process(skew=1.0, lost=["bob"])
            process.sends("alice", "found out", "1")
            check(world, hears=["alice", "carol"], tidy=False)
            listening = process.app.stores.subscriptions.subscribers(world.conversation)
            connections = {each.connection_id for each in listening}
            assert world.connection("bob") not in connections, "L6: a gone connection is removed"


def test_a_connect_that_dies_leaves_a_socket_that_nobody_posts_to(stage: Stage) -> None:
    def begin() -> World:
        world = stage.world(Shape(sockets=("alice",), listening=("alice",)))
        world.late.add("bob")
        return world

    for point in crash_points(stage.engine, begin, lambda world, client: world.process(client).connect("bob")):
        with point as world:
            world.process(skew=1.0).sends("alice", "hi", "1")
            assert check(world, hears=["alice"], tidy=False).texts == ["hi"]
            assert not world.frames("bob")


def test_a_ticket_is_redeemed_at_most_once_wherever_a_process_dies(stage: Stage) -> None:
    def begin() -> tuple[World, str]:
        world = stage.world()
        given = world.process().app.realtime.tickets.issue(Identity(world.person("bob"), "Bob", TOKENS_EXPIRE))
        return world, str(given["ticket"])

    def redeem(begun: tuple[World, str], client: DynamoClient) -> None:
        world, ticket = begun
        world.process(client).app.realtime.tickets.redeem(ticket)

    redeemed = []
    for point in crash_points(stage.engine, begin, redeem):
        with point as (world, ticket):
            tickets = world.process(skew=1.0).app.realtime.tickets
            try:
                identity = tickets.redeem(ticket)
            except ChatError as error:
                assert error.code == "UNAUTHORIZED"
                redeemed.append(False)
                continue
            assert identity == Identity(world.person("bob"), "Bob", TOKENS_EXPIRE)
            redeemed.append(True)
            with pytest.raises(ChatError):
                tickets.redeem(ticket)
    assert redeemed == [True, False], "before the effect it is still good, after it it is used up"


# ---- clearing away -------------------------------------------------------------------------------------

CROWD = Shape(
    people=("alice", *(f"guest_{number}x" for number in range(15))), sockets=("alice",), listening=("alice",)
)


def said_much(world: World) -> None:
    """More than one batch of deletes; some events bring a second item and some do not: batches part some pairs."""
    world.process().update("alice", title="Another")
    for number in range(15):
        world.process(skew=number).sends("alice", f"message {number}", f"k{number}")
    world.process(skew=20.0).leave("guest_3x")
    world.process(skew=21.0).ban("alice", "guest_4x")
    world.process(skew=22.0).ban("alice", "a stranger")
    world.process(skew=23.0).unban("alice", "a stranger")
    world.process(skew=24.0).invite("alice")


def test_a_sweep_that_dies_anywhere_is_finished_by_the_next_one(stage: Stage) -> None:
    first = stage.world(CROWD)
    others = everything_but(stage, first)

    def begin() -> World:
        world = stage.world(CROWD)
        said_much(world)
        world.process(skew=30.0).delete("alice")
        return world

    def sweep(world: World, client: DynamoClient) -> None:
        world.process(client, skew=40.0).app.conversations.lifecycle.purge_due(60.0)

    points = 0
    for point in crash_points(stage.engine, begin, sweep):
        with point as world:
            process = world.process(skew=50.0)
            process.app.conversations.lifecycle.purge_due(60.0)
            left = everything_but(stage, first) - others
            assert not left, "what belonged to it was left where nobody will find it"
        points += 1
    print(f"sweep: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    assert points >= 8


def everything_but(stage: Stage, world: World) -> set[str]:
    """The keys of all conversations' items except this one's."""
    assert isinstance(stage.engine, MemoryStore)
    # A visit of retention to what is no more is dropped when it is due (test_retention.py).
    keys = [key for key in stage.engine.keys(stage.conversations_table) if not key.startswith("RETENTION ")]
    return {key for key in keys if world.conversation not in key}


def test_a_conversation_left_by_all_is_swept_after_thirty_days(stage: Stage) -> None:
    shape = Shape(people=("alice",), sockets=(), listening=())
    first = stage.world(shape)
    others = everything_but(stage, first)
    world = stage.world(shape)
    world.process().leave("alice")
    month = stage.settings.timing.closed_retention
    world.process(skew=month - 60.0).app.conversations.lifecycle.purge_due(60.0)
    assert check(world).state == "closed"
    world.process(skew=month + 60.0).app.conversations.lifecycle.purge_due(60.0)
    assert check(world).state is None
    assert everything_but(stage, first) == others


# ---- a creation in several steps -----------------------------------------------------------------------

DAY = 24 * 3600.0
GUESTS = tuple(f"guest_{number}x" for number in range(59))
SOME = ("alice", GUESTS[0], GUESTS[-1])
NOBODY_YET = Shape(people=("alice",), strangers=GUESTS, sockets=(), listening=())


def creations_that_die(stage: Stage) -> Iterator[CrashPoint[World]]:
    """At each of the steps, but not at the many reads of the fan-out that follows them."""
    return islice(crash_points(stage.engine, lambda: stage.world(NOBODY_YET), create_many), STEPS_OF_MANY)


def create_many(world: World, client: DynamoClient) -> None:
    world.process(client).create("alice", GUESTS)


def made(process: Process) -> str | None:
    """The conversation that was made besides the world's own, as all of its people find it in their lists."""
    found = set()
    for name in SOME:
        listed = {each["conversation_id"] for each in process.listing(name)} - {process.world.conversation}
        found.add(listed.pop() if listed else None)
    assert len(found) == 1, "some of its people see it and some do not"
    return found.pop()


def test_what_a_dead_creation_left_is_invisible_or_whole_and_expires_as_a_whole(stage: Stage) -> None:
    seen = []
    for point in creations_that_die(stage):
        with point as world:
            seen.append(made(world.process(skew=1.0)) is not None)
            lasting = {made(world.process(skew=DAY + 60.0)), world.conversation}
            # What had begun to last by then is cleared away a day later.
            swept = world.process(skew=2 * DAY + 60.0)
            swept.app.conversations.lifecycle.purge_due(60.0)
            for name in SOME:
                places = swept.app.stores.memberships.memberships_of(world.person(name))
                assert {each.conversation_id for each in places} <= lasting, "a part of it would stay for ever"
    assert seen == sorted(seen), "it becomes visible once"
    assert {*seen} == {False, True}
    print(f"create with many, looked at a day later: {len(seen)} crash points")  # noqa: T201 — shown with -rP


def test_a_creation_that_died_when_it_was_visible_lasts_once_anybody_uses_it(stage: Stage) -> None:
    used = 0
    for point in creations_that_die(stage):
        with point as world:
            conversation = made(world.process(skew=1.0))
            if conversation is None:
                continue
            used += 1
            other = replace(world, conversation=conversation, posts=[], answers=[])
            other.process(skew=2.0).sends(GUESTS[7], "hello", "k")
            other.process(skew=DAY + 60.0).sends(GUESTS[-1], "still here", "k")
            assert check(other, tidy=False).texts == ["hello", "still here"]
            assert len(other.process(skew=DAY + 60.0).view("alice")["participants"]) == 60
    assert used >= 3
