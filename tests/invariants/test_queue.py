"""The queue of a crowded conversation: leaders and followers, crashes and deadlines, in many interleavings."""

from collections.abc import Callable

import pytest

from chalicelib.core.kernel.limits import Timing
from chalicelib.core.messaging.group_commit import MAX_BATCH
from local.faults.client import DynamoClient
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.plans import CRASH_AFTER, CRASH_BEFORE, Fault, nth
from tests.invariants.checker import check
from tests.invariants.interleaving import CRASHED, Act, Ends, Store, interleave
from tests.invariants.world import PEOPLE, QUANTUM, Shape, Stage, World

PATIENT = Timing(append_deadline=6 * QUANTUM)
"""Long enough to notice that a leader does not lead, and to take over."""
HASTY = Timing(append_deadline=QUANTUM)
TWO_DEVICES = Shape(
    people=("alice", "bob"), sockets=("alice", "alice2", "bob"), listening=("alice", "alice2", "bob")
)


def sends(socket: str, key: str = "k") -> Act:
    return lambda process: process.writes(socket, f"of {socket}", key)


def crowded(world: World) -> None:
    world.crowd()


def judge_all_said(world: World, ends: Ends, sockets: tuple[str, ...], hears: tuple[str, ...] = PEOPLE) -> None:
    """Who was answered is in the log once and was heard; who was told that it is busy is not in the log."""
    said = [f"of {socket}" for socket in sockets if ends.succeeded(f"{socket} sends", "CONVERSATION_BUSY")]
    assert sorted(check(world, hears=hears).texts) == sorted(said)


@pytest.mark.parametrize("backwards", [False, True], ids=["clocks agree", "clocks disagree"])
def test_two_who_queue_are_both_in_the_log_whoever_leads(
    stage: Stage, engine_stage: Stage, backwards: bool
) -> None:
    def judge(world: World, ends: Ends) -> None:
        judge_all_said(world, ends, ("alice", "bob"))

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        arrange=crowded,
        backwards_in_time=backwards,
        samples=60,
        engine_stage=engine_stage,
    )


def test_who_gives_up_while_another_commits_for_them_is_either_in_the_log_and_told_so_or_neither(
    stage: Stage, engine_stage: Stage
) -> None:
    busy: list[bool] = []

    def judge(world: World, ends: Ends) -> None:
        judge_all_said(world, ends, ("alice", "bob"))
        busy.append(ends.error("bob sends") is not None)

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(stage, Shape(), acts, judge, arrange=crowded, timing=HASTY, samples=80, engine_stage=engine_stage)
    assert True in busy, "nobody ever gave up: this shows nothing"
    assert False in busy


@pytest.mark.parametrize("store", [Store.HELD, Store.HALF])
def test_two_who_queue_where_transactions_conflict(stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        judge_all_said(world, ends, ("alice", "bob"))

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(stage, Shape(), acts, judge, store=store, arrange=crowded, timing=PATIENT, samples=60)


def test_three_who_queue_are_all_in_the_log(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        judge_all_said(world, ends, PEOPLE)

    acts = {f"{socket} sends": sends(socket) for socket in PEOPLE}
    interleave(stage, Shape(), acts, judge, arrange=crowded, timing=PATIENT, samples=50, engine_stage=engine_stage)


def test_one_send_that_is_queued_twice_is_in_the_log_once(stage: Stage, engine_stage: Stage) -> None:
    def judge(world: World, ends: Ends) -> None:
        answers = [ends[name] for name in ends.successes("CONVERSATION_BUSY")]
        verdict = check(world, hears=TWO_DEVICES.listening)
        assert len(verdict.texts) == (1 if answers else 0)
        assert len({(each["message_id"], each["sequence_id"]) for each in answers}) == len(verdict.texts)
        assert sum(not each["duplicate"] for each in answers) <= 1

    acts = {"sends": sends("alice"), "repeats": sends("alice2")}
    interleave(
        stage, TWO_DEVICES, acts, judge, arrange=crowded, timing=PATIENT, samples=50, engine_stage=engine_stage
    )


BESIDE: dict[str, tuple[Act, tuple[str, ...]]] = {
    "bob leaves": (lambda process: process.leave("bob"), ("alice", "carol")),
    "alice removes bob": (lambda process: process.remove("alice", "bob"), ("alice", "carol")),
    "alice deletes": (lambda process: process.delete("alice"), PEOPLE),
    "alice changes the title": (lambda process: process.update("alice", title="Another"), PEOPLE),
}


@pytest.mark.parametrize("what", BESIDE)
def test_what_happens_to_the_conversation_happens_before_or_after_what_is_queued(
    stage: Stage, engine_stage: Stage, what: str
) -> None:
    act, hears = BESIDE[what]

    def judge(world: World, ends: Ends) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND", "CONVERSATION_BUSY")
        assert ends.succeeded(what)
        # A message of somebody who is out is taken out of the queue by its sender or by the next leader.
        verdict = check(world, hears=hears, tidy=sent)
        assert verdict.texts == (["of bob"] if sent else [])

    acts = {"bob sends": sends("bob"), what: act}
    interleave(stage, Shape(), acts, judge, arrange=crowded, timing=PATIENT, samples=40, engine_stage=engine_stage)


# ---- processes that die --------------------------------------------------------------------------------


def dies(number: int, fault: Fault) -> Callable[[DynamoClient], DynamoClient]:
    return lambda client: FaultyClient(client, nth(number, fault))


@pytest.mark.parametrize("fault", [CRASH_BEFORE, CRASH_AFTER], ids=["before", "after"])
@pytest.mark.parametrize("number", range(5, 11))
def test_when_one_of_the_queue_dies_the_other_gets_through_and_a_repeat_finds_one_event(
    stage: Stage, number: int, fault: Fault
) -> None:
    """Calls 5 to 10 of a queued send: into the queue, two looks at it, the head, the commit, the record."""

    def judge(world: World, ends: Ends) -> None:
        ends.succeeded("alice sends", CRASHED)
        assert ends.succeeded("bob sends"), "who waits for a dead leader takes over"
        ack = world.process(skew=5.0).writes("alice", "of alice", "k")
        assert ack["type"] == "message_ack"
        # What the dead process queued is gone by now, or is found to be in the log by whoever leads next.
        world.crowd()
        world.process(skew=6.0, timing=PATIENT).writes("carol", "of carol", "k")
        verdict = check(world, hears=[])
        assert sorted(verdict.texts) == ["of alice", "of bob", "of carol"]
        (of_bob,) = [event["sequence_id"] for event in verdict.story.messages if event["content"] == "of bob"]
        for socket in PEOPLE:
            assert of_bob in world.events_posted(socket)

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(
        stage,
        Shape(),
        acts,
        judge,
        arrange=crowded,
        clients={"alice sends": dies(number, fault)},
        timing=PATIENT,
        samples=12,
    )


def leave_queued(world: World, socket: str, key: str) -> None:
    """A send whose process dies as soon as the message is in the queue."""
    world.crowd()
    dies_then = FaultyClient(world.stage.engine, nth(1, CRASH_AFTER, "put_item"))
    with pytest.raises(Crash):
        world.process(dies_then).writes(socket, "dead", key)


def test_what_a_dead_sender_queued_too_long_ago_is_dropped(stage: Stage) -> None:
    world = stage.world()
    leave_queued(world, "alice", "k")
    late = 3 * PATIENT.append_deadline
    assert world.process(skew=late, timing=PATIENT).writes("bob", "alive", "k")["type"] == "message_ack"
    assert check(world, hears=PEOPLE).texts == ["alive"]


def test_what_a_dead_sender_queued_a_moment_ago_gets_in_with_the_next_message(stage: Stage) -> None:
    world = stage.world()
    leave_queued(world, "alice", "k")
    assert world.process(skew=0.1, timing=PATIENT).writes("bob", "alive", "k")["type"] == "message_ack"
    assert check(world).texts == ["dead", "alive"]
    ack = world.process(skew=1.0).writes("alice", "dead", "k")
    assert (ack["sequence_id"], ack["duplicate"]) == (2, True)
    assert check(world, hears=PEOPLE).texts == ["dead", "alive"], "the repeat was fanned out"


def test_more_than_a_batch_of_the_dead_does_not_block_the_living(stage: Stage) -> None:
    world = stage.world()
    for number in range(MAX_BATCH + 6):
        leave_queued(world, PEOPLE[number % 3], f"k{number}")
    ack = world.process(skew=0.1, timing=PATIENT).writes("bob", "alive", "k")
    assert ack["sequence_id"] == MAX_BATCH + 8
    assert check(world).texts == ["dead"] * (MAX_BATCH + 6) + ["alive"]


def test_a_queue_that_has_drained_is_left_at_the_next_message(stage: Stage) -> None:
    world = stage.world()
    world.crowd()
    world.process().writes("alice", "queued", "1")
    assert "contended_until" in str(world.items())
    process = world.process(skew=1.0)
    head = process.app.stores.event_log.head(world.conversation)
    assert head is not None
    assert head.contended_until == 0, "one message alone is no crowd"
    assert process.writes("bob", "direct", "2")["sequence_id"] == 3
    assert check(world, hears=PEOPLE).texts == ["queued", "direct"]
