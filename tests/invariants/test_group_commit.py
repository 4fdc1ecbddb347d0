"""Group commit in a contended conversation: leaders, followers, crashes and deadlines."""

from collections.abc import Callable

import pytest

from chalicelib.core.kernel.limits import Timing
from chalicelib.core.messaging.group_commit import MAX_BATCH
from chalicelib.core.messaging.run import SendResult
from local.faults.client import DynamoClient
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.plans import CRASH_AFTER, CRASH_BEFORE, Fault, nth
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, QUANTUM, TWO_DEVICES, Harness, Setup
from tests.invariants.interleaving import CRASHED, Act, Results, Store, interleave
from tests.invariants.tables import Tables
from tests.support.fakes import START_TIME, FakeClock

PATIENT = Timing(append_deadline=6 * QUANTUM)
"""Long enough to detect a leader that does not lead, and to take over."""
HASTY = Timing(append_deadline=QUANTUM)


def sends(socket: str, key: str = "k") -> Act:
    return lambda process: process.send_message(socket, f"of {socket}", key)


def crowded(harness: Harness) -> None:
    harness.make_contended()


def judge_all_said(
    harness: Harness, ends: Results, sockets: tuple[str, ...], hears: tuple[str, ...] = MEMBERS
) -> None:
    """Check that acknowledged messages are in the log once and pushed, and that busy ones are not in the log."""
    sent = [f"of {socket}" for socket in sockets if ends.succeeded(f"{socket} sends", "CONVERSATION_BUSY")]
    assert sorted(check(harness, subscribers=hears).texts) == sorted(sent)


@pytest.mark.parametrize("backwards", [False, True], ids=["clocks agree", "clocks disagree"])
def test_two_queued_messages_are_both_committed(tables: Tables, engine_tables: Tables, backwards: bool) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, ("alice", "bob"))

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        arrange=crowded,
        backwards_in_time=backwards,
        samples=60,
        engine_tables=engine_tables,
    )


def test_sender_that_times_out_is_acknowledged_if_and_only_if_committed(
    tables: Tables, engine_tables: Tables
) -> None:
    busy: list[bool] = []

    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, ("alice", "bob"))
        busy.append(ends.error("bob sends") is not None)

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(
        tables, Setup(), acts, judge, arrange=crowded, timing=HASTY, samples=80, engine_tables=engine_tables
    )
    assert True in busy, "nobody ever gave up: this shows nothing"
    assert False in busy


@pytest.mark.parametrize("store", [Store.LOCKED, Store.HALF])
def test_two_queued_messages_are_committed_despite_transaction_conflicts(tables: Tables, store: Store) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, ("alice", "bob"))

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(tables, Setup(), acts, judge, store=store, arrange=crowded, timing=PATIENT, samples=60)


def test_three_queued_messages_are_all_committed(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, MEMBERS)

    acts = {f"{socket} sends": sends(socket) for socket in MEMBERS}
    interleave(
        tables, Setup(), acts, judge, arrange=crowded, timing=PATIENT, samples=50, engine_tables=engine_tables
    )


def test_message_queued_twice_is_committed_once(tables: Tables, engine_tables: Tables) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        answers = [ends[name] for name in ends.succeeded_names("CONVERSATION_BUSY")]
        verdict = check(harness, subscribers=TWO_DEVICES.subscribed)
        assert len(verdict.texts) == (1 if answers else 0)
        assert len({(answer["message_id"], answer["sequence_id"]) for answer in answers}) == len(verdict.texts)
        assert sum(not answer["duplicate"] for answer in answers) <= 1

    acts = {"sends": sends("alice"), "repeats": sends("alice2")}
    interleave(
        tables, TWO_DEVICES, acts, judge, arrange=crowded, timing=PATIENT, samples=50, engine_tables=engine_tables
    )


BESIDE: dict[str, tuple[Act, tuple[str, ...]]] = {
    "bob leaves": (lambda process: process.leave("bob"), ("alice", "carol")),
    "alice removes bob": (lambda process: process.remove_participant("alice", "bob"), ("alice", "carol")),
    "alice deletes": (lambda process: process.delete_conversation("alice"), MEMBERS),
    "alice changes the title": (lambda process: process.update_conversation("alice", title="Another"), MEMBERS),
}


@pytest.mark.parametrize("what", BESIDE)
def test_other_changes_are_ordered_with_queued_messages(tables: Tables, engine_tables: Tables, what: str) -> None:
    act, hears = BESIDE[what]

    def judge(harness: Harness, ends: Results) -> None:
        sent = ends.succeeded("bob sends", "NOT_FOUND", "CONVERSATION_BUSY")
        assert ends.succeeded(what)
        # A queued message of a removed member is dequeued by its sender or by the next leader.
        verdict = check(harness, subscribers=hears, tidy=sent)
        assert verdict.texts == (["of bob"] if sent else [])

    acts = {"bob sends": sends("bob"), what: act}
    interleave(
        tables, Setup(), acts, judge, arrange=crowded, timing=PATIENT, samples=40, engine_tables=engine_tables
    )


# ---- crashes -------------------------------------------------------------------------------------------


def dies(number: int, fault: Fault) -> Callable[[DynamoClient], DynamoClient]:
    return lambda client: FaultyClient(client, nth(number, fault))


AFTER_COMMIT = [(10, CRASH_AFTER), (11, CRASH_BEFORE), (11, CRASH_AFTER)]


@pytest.mark.parametrize("fault", [CRASH_BEFORE, CRASH_AFTER], ids=["before", "after"])
@pytest.mark.parametrize("number", range(5, 12))
def test_crashed_queued_sender_does_not_block_others(tables: Tables, number: int, fault: Fault) -> None:
    """Calls 5 to 11 of a queued send: enqueue, front, lease, queue, head, commit, recipients."""

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded("alice sends", CRASHED)
        assert ends.succeeded("bob sends"), "who waits for a dead leader takes over"
        ack = harness.process(skew=5.0).send_message("alice", "of alice", "k")
        assert ack["type"] == "message_ack"
        # The next leader has dropped the message of the crashed process, or found it in the log.
        harness.make_contended()
        harness.process(skew=6.0, timing=PATIENT).send_message("carol", "of carol", "k")
        verdict = check(harness, subscribers=[])
        assert sorted(verdict.texts) == ["of alice", "of bob", "of carol"]
        (of_bob,) = [event["sequence_id"] for event in verdict.log.messages if event["content"] == "of bob"]
        for socket in MEMBERS:
            if of_bob not in harness.pushed_event_ids(socket):
                assert (number, fault) in AFTER_COMMIT, "it was not pushed"
                (synced,) = harness.process(skew=7.0).send_frame(socket, "sync", after=1)
                assert of_bob in [event["sequence_id"] for event in synced["events"]]

    acts = {"alice sends": sends("alice"), "bob sends": sends("bob")}
    interleave(
        tables,
        Setup(),
        acts,
        judge,
        arrange=crowded,
        clients={"alice sends": dies(number, fault)},
        timing=PATIENT,
        samples=12,
    )


def leave_queued(harness: Harness, socket: str, key: str) -> None:
    """Send a message whose process crashes once it is queued."""
    harness.make_contended()
    dies_then = FaultyClient(harness.tables.engine, nth(1, CRASH_AFTER, "put_item"))
    with pytest.raises(Crash):
        harness.process(dies_then).send_message(socket, "dead", key)


def test_old_message_of_a_crashed_sender_is_dropped(tables: Tables) -> None:
    harness = tables.harness()
    leave_queued(harness, "alice", "k")
    late = 3 * PATIENT.append_deadline
    assert harness.process(skew=late, timing=PATIENT).send_message("bob", "alive", "k")["type"] == "message_ack"
    assert check(harness, subscribers=MEMBERS).texts == ["alive"]


def test_recent_message_of_a_crashed_sender_is_committed_with_the_next_one(tables: Tables) -> None:
    harness = tables.harness()
    leave_queued(harness, "alice", "k")
    assert harness.process(skew=0.1, timing=PATIENT).send_message("bob", "alive", "k")["type"] == "message_ack"
    assert check(harness).texts == ["dead", "alive"]
    ack = harness.process(skew=1.0).send_message("alice", "dead", "k")
    assert (ack["sequence_id"], ack["duplicate"]) == (2, True)
    assert check(harness, subscribers=MEMBERS).texts == ["dead", "alive"], "the repeat was fanned out"


def test_many_messages_of_crashed_senders_do_not_block_others(tables: Tables) -> None:
    harness = tables.harness()
    for number in range(MAX_BATCH + 6):
        leave_queued(harness, MEMBERS[number % 3], f"k{number}")
    ack = harness.process(skew=0.1, timing=PATIENT).send_message("bob", "alive", "k")
    assert ack["sequence_id"] == MAX_BATCH + 1, "a leader appends its own message with the oldest others"
    assert check(harness, tidy=False).texts == ["dead"] * (MAX_BATCH - 1) + ["alive"]
    ack = harness.process(skew=1.1, timing=PATIENT).send_message("carol", "alive", "k")
    assert check(harness).texts == ["dead"] * (MAX_BATCH - 1) + ["alive"] + ["dead"] * 7 + ["alive"]


def test_group_commit_is_pushed_by_its_leader_in_one_frame(tables: Tables) -> None:
    """The other senders push nothing, so each subscriber receives each event once."""
    frames: list[int] = []

    def judge(harness: Harness, ends: Results) -> None:
        judge_all_said(harness, ends, MEMBERS)
        for socket in MEMBERS:
            pushed = harness.pushed_event_ids(socket)
            assert sorted(pushed) == [2, 3, 4], "each once"
        frames.append(sum(post.frame["type"] == "events" for post in harness.posts) // len(MEMBERS))

    acts = {f"{socket} sends": sends(socket) for socket in MEMBERS}
    interleave(tables, Setup(), acts, judge, arrange=crowded, timing=PATIENT, samples=60)
    assert {1, 2} <= set(frames), "three messages in one commit, or in two"


def test_sender_whose_message_another_leader_commits_is_acknowledged_without_a_push(tables: Tables) -> None:
    harness = tables.harness()
    leave_queued(harness, "alice", "k")
    (run,) = harness.process().app.stores.event_log.queued_runs(harness.conversation, 10)
    harness.process(skew=0.1, timing=PATIENT).send_message("bob", "alive", "k")
    posts = len(harness.posts)
    sender = harness.process(skew=0.2).app.messaging.sender
    assert sender.pushes(SendResult({**run.messages[0].event, "sequence_id": 2}, duplicate=False)) == []
    assert len(harness.posts) == posts == len(MEMBERS) + 1
    assert harness.pushed_event_ids("carol") == [2, 3]


def test_leader_that_crashes_is_replaced_after_its_lease(tables: Tables) -> None:
    harness = tables.harness()
    harness.make_contended()
    dying = FaultyClient(tables.engine, nth(1, CRASH_BEFORE, "transact_write_items"))
    with pytest.raises(Crash):
        harness.process(dying).send_message("alice", "of alice", "k")
    clock = FakeClock(START_TIME + 10.0)
    assert harness.process(clock=clock, timing=PATIENT).send_message("bob", "of bob", "k")["type"] == "message_ack"
    assert clock.now() - (START_TIME + 10.0) < 0.2
    assert sorted(check(harness).texts) == ["of alice", "of bob"]


def test_lease_of_a_clock_that_is_far_ahead_stops_nobody(tables: Tables) -> None:
    harness = tables.harness()
    harness.make_contended(until=START_TIME + 7200)
    dying = FaultyClient(tables.engine, nth(1, CRASH_BEFORE, "transact_write_items"))
    with pytest.raises(Crash):
        harness.process(dying, skew=1800.0).send_message("alice", "of alice", "k")
    clock = FakeClock(START_TIME + 10.0)
    assert harness.process(clock=clock, timing=PATIENT).send_message("bob", "of bob", "k")["type"] == "message_ack"
    assert clock.now() - (START_TIME + 10.0) < 1.2
