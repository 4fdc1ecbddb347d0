"""Subscribing, and sockets that come and go, beside everything that touches them: every interleaving."""

import pytest

from tests.invariants.checker import check
from tests.invariants.interleaving import Act, Ends, Store, interleave
from tests.invariants.world import PEOPLE, Process, Shape, Stage, World

BOTH = pytest.mark.parametrize("store", [Store.ATOMIC, Store.HELD])
ALL_STORES = pytest.mark.parametrize("store", [*Store])
BOB_DOES_NOT_LISTEN = Shape(listening=("alice", "carol"))
OTHERS = ("alice", "carol")


def says(socket: str, command: str, **fields: object) -> Act:
    return lambda process: process.says(socket, command, **fields)


def says_hello(process: Process) -> object:
    _, *answers = process.says("bob", "hello", subscribe=[{"conversation_id": process.world.conversation}])
    return answers


def sends(socket: str) -> Act:
    return lambda process: process.writes(socket, f"of {socket}", "k")


def and_then_alice_sends(world: World) -> None:
    """Something to be heard by whoever listens in the end, and by nobody else."""
    world.process(skew=30.0).sends("alice", "afterwards", "afterwards")


# ---- beside sending and membership: L5 and L7 ----------------------------------------------------------


@ALL_STORES
@pytest.mark.parametrize(
    "subscribes",
    [says("bob", "subscribe"), says("bob", "subscribe", after=0), says_hello],
    ids=["newest", "after", "hello"],
)
def test_who_subscribes_while_somebody_sends_has_the_event_by_the_snapshot_or_by_the_push(
    stage: Stage, engine_stage: Stage, store: Store, subscribes: Act
) -> None:
    def judge(world: World, ends: Ends) -> None:
        subscribed = ends.succeeded("bob subscribes")
        verdict = check(world, hears=PEOPLE if subscribed else OTHERS)
        assert verdict.texts == (["of alice"] if ends.succeeded("alice sends") else [])

    acts = {"alice sends": sends("alice"), "bob subscribes": subscribes}
    interleave(stage, BOB_DOES_NOT_LISTEN, acts, judge, store=store, engine_stage=engine_stage)


def test_who_subscribes_while_two_people_send_misses_nothing(stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes()) == 3
        assert sorted(check(world, hears=PEOPLE).texts) == ["of alice", "of carol"]

    acts = {
        "alice sends": sends("alice"),
        "carol sends": sends("carol"),
        "bob subscribes": says("bob", "subscribe"),
    }
    interleave(stage, BOB_DOES_NOT_LISTEN, acts, judge, at_most=3000)


@BOTH
def test_who_subscribes_while_being_removed_hears_nothing_afterwards(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("bob subscribes", "NOT_FOUND")
        removed = ends.succeeded("alice removes bob")
        and_then_alice_sends(world)
        verdict = check(world, hears=OTHERS)
        assert (world.person("bob") not in verdict.story.members) == removed

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "alice removes bob": lambda process: process.remove("alice", "bob"),
    }
    samples = None if store is Store.ATOMIC else 30
    interleave(stage, BOB_DOES_NOT_LISTEN, acts, judge, store=store, samples=samples, engine_stage=engine_stage)


def test_who_subscribes_while_being_removed_and_while_somebody_sends_hears_only_what_was_before(
    stage: Stage, engine_stage: Stage
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("bob subscribes", "NOT_FOUND")
        assert ends.succeeded("alice removes bob")
        assert ends.succeeded("carol sends")
        check(world, hears=OTHERS)

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "alice removes bob": lambda process: process.remove("alice", "bob"),
        "carol sends": sends("carol"),
    }
    interleave(stage, BOB_DOES_NOT_LISTEN, acts, judge, samples=80, engine_stage=engine_stage)


@BOTH
def test_who_subscribes_while_leaving_and_returning_is_subscribed_as_who_returned_or_not_at_all(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    shape = Shape(listening=OTHERS, is_open=True)

    def leaves_and_returns(process: Process) -> object:
        process.leave("bob")
        return process.join("bob")

    def judge(world: World, ends: Ends) -> None:
        subscribed = ends.succeeded("bob subscribes", "NOT_FOUND", "UNAUTHORIZED")
        ends.succeeded("bob leaves and returns")
        and_then_alice_sends(world)
        verdict = check(world, hears=OTHERS)
        if subscribed and verdict.story.members.get(world.person("bob")):
            heard = 4 in world.events_posted("bob") or not ends.succeeded("bob leaves and returns")
            listens = any(frame["head"] == 3 for frame in world.frames("bob", "subscribed"))
            assert heard or not listens, "who subscribed after returning hears what is said then"

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "bob leaves and returns": leaves_and_returns,
    }
    interleave(stage, shape, acts, judge, store=store, samples=30, engine_stage=engine_stage)


@BOTH
def test_who_subscribes_while_the_conversation_is_deleted_is_refused_or_told(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        subscribed = ends.succeeded("bob subscribes", "NOT_FOUND")
        if ends.error("alice deletes") == "UNAVAILABLE":
            # Only here, where a transaction may stay open for ever: what it held could not be cleared away.
            assert store is not Store.ATOMIC
            return
        deleted = ends.succeeded("alice deletes")
        verdict = check(world, hears=PEOPLE if subscribed else OTHERS)
        assert (verdict.state == "deleted") == deleted
        assert subscribed or deleted or store is not Store.ATOMIC

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "alice deletes": lambda process: process.delete("alice"),
    }
    interleave(stage, BOB_DOES_NOT_LISTEN, acts, judge, store=store, engine_stage=engine_stage)


READS: dict[str, Act] = {
    "sync": says("bob", "sync", after=0),
    "events": lambda process: process.events("bob"),
    "messages": lambda process: process.messages("bob"),
    "view": lambda process: process.view("bob"),
    "list": lambda process: process.listing("bob"),
    "ping": lambda process: process.says("bob", "ping", heads={process.world.conversation: 1}),
}


@pytest.mark.parametrize("reads", READS.values(), ids=READS)
def test_who_reads_while_being_removed_sees_nothing_of_what_comes_after(
    stage: Stage, engine_stage: Stage, reads: Act
) -> None:
    def removes_and_speaks_of_it(process: Process) -> object:
        process.remove("alice", "bob")
        return process.sends("alice", "about bob", "k")

    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("bob reads", "NOT_FOUND")
        assert ends.succeeded("alice removes bob and speaks of it")
        check(world, hears=OTHERS)
        for each in world.answers:
            if each.what == "list" and each.participant_id == world.person("bob"):
                assert all(listed["head"] == 1 for listed in each.body["conversations"])

    acts: dict[str, Act] = {"bob reads": reads, "alice removes bob and speaks of it": removes_and_speaks_of_it}
    samples = 60 if reads in (READS["sync"], READS["view"]) else None
    interleave(stage, Shape(), acts, judge, samples=samples, at_most=1500, engine_stage=engine_stage)


# ---- one socket, several things at once: L8 ------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("lost", [False, True], ids=["still connected", "gone already"])
def test_a_socket_that_disconnects_while_it_subscribes_leaves_nothing_behind(
    stage: Stage, engine_stage: Stage, store: Store, lost: bool
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("bob subscribes", "UNAUTHORIZED")
        assert ends.succeeded("bob disconnects")
        and_then_alice_sends(world)
        check(world, hears=OTHERS)
        assert not world.events_posted("bob")

    acts: dict[str, Act] = {
        "bob subscribes": says("bob", "subscribe"),
        "bob disconnects": lambda process: process.disconnect("bob"),
    }
    gone = {name: ["bob"] if lost else [] for name in acts}
    samples = None if store is Store.ATOMIC else 30
    shape = BOB_DOES_NOT_LISTEN
    interleave(stage, shape, acts, judge, store=store, lost=gone, samples=samples, engine_stage=engine_stage)


@BOTH
def test_a_socket_that_subscribes_and_unsubscribes_at_once_is_one_or_the_other(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("bob subscribes")
        ends.succeeded("bob unsubscribes")
        and_then_alice_sends(world)
        check(world, hears=OTHERS)

    acts = {"bob subscribes": says("bob", "subscribe"), "bob unsubscribes": says("bob", "unsubscribe")}
    samples = None if store is Store.ATOMIC else 30
    interleave(stage, Shape(), acts, judge, store=store, samples=samples, engine_stage=engine_stage)


FRAMES: dict[str, Act] = {
    "ping": says("bob", "ping"),
    "subscribe": says("bob", "subscribe"),
    "message": sends("bob"),
    "unsubscribe": says("bob", "unsubscribe"),
}


def judge_that_bob_is_back(world: World, *, listens: bool) -> None:
    """One more frame of the socket, and it is as if it had never been taken for gone."""
    (pong,) = world.process(skew=20.0).says("bob", "ping", heads={world.conversation: 1})
    if listens:
        assert pong["heads"][world.conversation] == world.process().view("alice")["head"], "L5"
    before = len(world.events_posted("bob"))
    and_then_alice_sends(world)
    check(world, hears=OTHERS)
    assert len(world.events_posted("bob")) == before + listens, "it hears exactly what it is subscribed to"


@BOTH
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_socket_that_is_wrongly_taken_for_gone_while_it_speaks_is_back_at_its_next_frame(
    stage: Stage, engine_stage: Stage, store: Store, frame: Act
) -> None:
    """A post of alice's message to bob is answered 410 while a frame of bob's is being handled."""

    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("alice sends")
        spoke = ends.succeeded("bob speaks", "UNAUTHORIZED")
        judge_that_bob_is_back(world, listens=not (spoke and frame is FRAMES["unsubscribe"]))

    acts = {"alice sends": sends("alice"), "bob speaks": frame}
    lost = {"alice sends": ["bob"]}
    samples = None if store is Store.ATOMIC else 20
    interleave(stage, Shape(), acts, judge, store=store, lost=lost, samples=samples, engine_stage=engine_stage)


@pytest.mark.parametrize("one", ["ping", "subscribe"])
def test_two_frames_at_once_of_a_socket_that_was_wrongly_taken_for_gone_bring_it_back(
    stage: Stage, engine_stage: Stage, one: str
) -> None:
    def arrange(world: World) -> None:
        world.process(lost=["bob"]).sends("alice", "bob does not get this", "before")

    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["one frame", "another"]
        judge_that_bob_is_back(world, listens=True)

    acts = {"one frame": FRAMES[one], "another": FRAMES["message"]}
    interleave(stage, Shape(), acts, judge, arrange=arrange, samples=30, engine_stage=engine_stage)


def test_a_socket_that_speaks_and_disconnects_while_it_is_taken_for_gone_leaves_nothing_behind(
    stage: Stage, engine_stage: Stage
) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.succeeded("alice sends")
        assert ends.succeeded("bob disconnects")
        ends.succeeded("bob speaks", "UNAUTHORIZED")
        and_then_alice_sends(world)
        check(world, hears=OTHERS)

    acts: dict[str, Act] = {
        "alice sends": sends("alice"),
        "bob disconnects": lambda process: process.disconnect("bob"),
        "bob speaks": says("bob", "subscribe"),
    }
    lost = {name: ["bob"] for name in acts}
    interleave(stage, Shape(), acts, judge, lost=lost, samples=80, engine_stage=engine_stage)


@BOTH
def test_a_socket_that_is_taken_for_gone_by_two_senders_at_once_is_gone_once(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert len(ends.successes()) == 2 or store is not Store.ATOMIC
        check(world, hears=OTHERS)
        if ends.successes():
            heard_by = world.process().app.stores.subscriptions.subscribers(world.conversation)
            assert world.connection("bob") not in {each.connection_id for each in heard_by}

    acts = {"alice sends": sends("alice"), "carol sends": sends("carol")}
    lost = {name: ["bob"] for name in acts}
    samples = None if store is Store.ATOMIC else 20
    interleave(stage, Shape(), acts, judge, store=store, lost=lost, samples=samples, engine_stage=engine_stage)


@pytest.mark.parametrize("second", ["ping", "subscribe"])
def test_the_first_two_frames_of_a_socket_at_once_make_it_reachable(
    stage: Stage, engine_stage: Stage, second: str
) -> None:
    shape = Shape(sockets=OTHERS, listening=OTHERS)

    def arrange(world: World) -> None:
        world.late.add("bob")
        world.process().connect("bob")

    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["one frame", "another"]
        and_then_alice_sends(world)
        check(world, hears=PEOPLE)

    acts = {"one frame": FRAMES["subscribe"], "another": FRAMES[second]}
    interleave(stage, shape, acts, judge, arrange=arrange, samples=30, engine_stage=engine_stage)


def test_a_recipient_that_disconnects_while_somebody_sends_delays_nobody(
    stage: Stage, engine_stage: Stage
) -> None:
    def judge(world: World, ends: Ends) -> None:
        assert ends.successes() == ["alice sends", "bob disconnects"]
        check(world, hears=OTHERS)

    acts: dict[str, Act] = {
        "alice sends": sends("alice"),
        "bob disconnects": lambda process: process.disconnect("bob"),
    }
    lost = {"alice sends": ["bob"]}
    interleave(stage, Shape(), acts, judge, lost=lost, engine_stage=engine_stage)
