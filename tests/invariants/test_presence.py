"""Offline pushes: debounced, at most once, and none for a participant who has reconnected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.kernel.ids import new_conversation_id
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.realtime.outbox import PendingOffline
from chalicelib.core.realtime.presence import MAX_PER_JOB
from tests.invariants.erasure_scenario import erase, nothing_is_left
from tests.invariants.harness import Harness, Setup
from tests.invariants.interleaving import Act, Results, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.fakes import FakeJobQueue

LATER = 6.0
"""Seconds after which the debounce has ended."""
TWO_OF_BOB = Setup(sockets=("alice", "bob", "bob2", "carol"), subscribed=("alice", "bob", "carol"))
BOTH_OF_BOB = Setup(sockets=("alice", "bob", "bob2"), subscribed=("alice", "bob", "bob2"))
CAROL_COMES_LATER = Setup(sockets=("alice", "bob", "bob2", "carol"), subscribed=("alice", "bob"))
SQS_BYTES = 256 * 1024


@pytest.fixture
def queue() -> FakeJobQueue:
    return FakeJobQueue()


def presence_pushes(harness: Harness, to: str = "alice", about: str = "bob") -> list[bool]:
    """Return the presence pushes to a socket about a participant."""
    return [
        frame["online"]
        for frame in harness.pushed_frames(to, "presence")
        if frame["participant"]["participant_id"] == harness.participant_id(about)
    ]


def new_harness(tables: Tables, shape: Setup = TWO_OF_BOB) -> Harness:
    harness = tables.harness(shape)
    harness.posts.clear()
    return harness


def run_job(harness: Harness, queue: FakeJobQueue, skew: float = LATER, which: int = 0) -> None:
    """Run a job of the queue."""
    harness.process(skew=skew, queue=queue).app.privacy.jobs.run(queue.sent[which][0], 60.0)


def pending_records(harness: Harness) -> list[str]:
    """Return the participants with a pending-offline record."""
    return [key.sk for key in harness.items() if key.sk.startswith("D#")]


# ---- permanent and short absences ------------------------------------------------------------------------


DISCONNECTS = pytest.mark.parametrize("disconnects", ["disconnect", "unsubscribe", "410"])


def disconnect_bob(
    harness: Harness, queue: FakeJobQueue, disconnects: str = "disconnect", skew: float = 0.0
) -> None:
    """Disconnect bob in one of three ways."""
    process = harness.process(skew=skew, queue=queue, stale=["bob"] if disconnects == "410" else ())
    if disconnects == "disconnect":
        process.disconnect("bob")
    elif disconnects == "unsubscribe":
        process.send_frame("bob", "unsubscribe")
    else:
        process.post_message("alice", "is bob there?")


@DISCONNECTS
def test_disconnect_is_pushed_once_after_the_debounce(
    tables: Tables, queue: FakeJobQueue, disconnects: str
) -> None:
    harness = new_harness(tables)
    disconnect_bob(harness, queue, disconnects)
    assert presence_pushes(harness) == []
    ((work, delay),) = queue.sent
    assert delay == 5.0
    assert harness.participant_id("bob") not in work, "a message names nobody"
    for _ in range(2):
        run_job(harness, queue)
        assert (presence_pushes(harness), presence_pushes(harness, "carol")) == ([False], [False])
    assert pending_records(harness) == []
    harness.process(skew=10.0, queue=queue).send_frame("bob2", "subscribe")
    assert presence_pushes(harness) == [False, True]


@DISCONNECTS
def test_reconnect_within_the_debounce_is_not_pushed(
    tables: Tables, queue: FakeJobQueue, disconnects: str
) -> None:
    harness = new_harness(tables)
    disconnect_bob(harness, queue, disconnects, skew=2.0)
    harness.process(skew=3.0, queue=queue).send_frame("bob2", "subscribe")
    assert pending_records(harness) == []
    run_job(harness, queue, skew=8.0)
    assert (presence_pushes(harness), presence_pushes(harness, "carol")) == ([], [])


def test_connection_revived_within_the_debounce_is_not_pushed(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    disconnect_bob(harness, queue, "410", skew=2.0)
    harness.process(skew=3.0, queue=queue).send_frame("bob", "ping")
    run_job(harness, queue, skew=8.0)
    assert presence_pushes(harness) == []


def test_second_disconnect_is_pushed_by_its_own_job(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    process = harness.process(skew=2.0, queue=queue)
    process.send_frame("bob", "unsubscribe")
    process.send_frame("bob2", "subscribe")
    process.send_frame("bob2", "unsubscribe")
    assert len(queue.sent) == 2
    run_job(harness, queue, which=0)
    assert presence_pushes(harness) == []
    run_job(harness, queue, which=1)
    assert presence_pushes(harness) == [False]


def test_disconnect_with_another_connection_is_not_pushed(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables, BOTH_OF_BOB)
    process = harness.process(queue=queue)
    process.disconnect("bob")
    assert (queue.sent, pending_records(harness)) == ([], [])
    process.disconnect("bob2")
    run_job(harness, queue)
    assert presence_pushes(harness) == [False]


def test_removed_member_is_not_pushed_as_offline(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    disconnect_bob(harness, queue)
    harness.process(skew=1.0, queue=queue).remove_participant("alice", "bob")
    run_job(harness, queue)
    assert (presence_pushes(harness), pending_records(harness)) == ([], [])


def test_deleted_conversation_pushes_no_offline(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    disconnect_bob(harness, queue)
    harness.process(skew=1.0, queue=queue).delete_conversation("alice")
    run_job(harness, queue)
    assert presence_pushes(harness) == []


def test_no_record_without_other_subscribers(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables, Setup(subscribed=("bob",)))
    disconnect_bob(harness, queue)
    assert (queue.sent, pending_records(harness)) == ([], [])


def test_no_record_in_a_large_conversation(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables.with_limits(presence_participants=2))
    disconnect_bob(harness, queue)
    assert (queue.sent, pending_records(harness)) == ([], [])


def test_erasure_deletes_the_pending_offline_record(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    disconnect_bob(harness, queue)
    assert pending_records(harness) == [f"D#{harness.participant_id('bob')}"]
    process = harness.process(skew=100.0, timing=Timing(erasure_grace=0.0))
    process.disconnect("bob2")
    erase(process)
    nothing_is_left(harness)


# ---- subscribers during an absence -----------------------------------------------------------------------


def test_subscriber_during_the_absence_is_notified_of_the_reconnect(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables, CAROL_COMES_LATER)
    disconnect_bob(harness, queue, skew=2.0)
    (subscribed,) = harness.process(skew=3.0, queue=queue).send_frame("carol", "subscribe")
    online = {participant["participant_id"]: participant["online"] for participant in subscribed["participants"]}
    assert online[harness.participant_id("bob")] is False
    harness.process(skew=4.0, queue=queue).send_frame("bob2", "subscribe")
    run_job(harness, queue, skew=8.0)
    assert (presence_pushes(harness), presence_pushes(harness, "carol")) == ([], [True])


# ---- without a queue -------------------------------------------------------------------------------------


def test_disconnect_is_pushed_at_once_if_the_queue_fails(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    queue.is_down = True
    disconnect_bob(harness, queue, "disconnect")
    assert (presence_pushes(harness), pending_records(harness)) == ([False], [])
    harness.process(skew=1.0, queue=queue).send_frame("bob2", "subscribe")
    assert presence_pushes(harness) == [False, True]
    assert harness.process(skew=2.0, queue=queue).send_frame("bob2", "unsubscribe") == [
        {"type": "unsubscribed", "conversation_id": harness.conversation}
    ]
    assert presence_pushes(harness) == [False, True, False]


@pytest.mark.parametrize("way", ["no time to settle", "no queue"])
def test_disconnect_is_pushed_at_once_without_debounce_or_queue(
    tables: Tables, queue: FakeJobQueue, way: str
) -> None:
    harness = new_harness(tables)
    at_once = replace(tables.settings.timing, presence_debounce=0.0)
    process = harness.process(queue=queue, timing=at_once) if way == "no time to settle" else harness.process()
    process.disconnect("bob")
    assert (presence_pushes(harness), queue.sent, pending_records(harness)) == ([False], [], [])
    process.send_frame("bob2", "subscribe")
    assert presence_pushes(harness) == [False, True]


# ---- jobs ------------------------------------------------------------------------------------------------


def test_one_job_covers_all_conversations_of_a_connection(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    other = harness.process().create_conversation("alice", ["bob"])["conversation_id"]
    for socket in ("alice", "bob"):
        harness.process(queue=queue).send_frame(socket, "subscribe", conversation_id=other)
    harness.posts.clear()
    disconnect_bob(harness, queue)
    assert len(queue.sent) == 1
    run_job(harness, queue)
    assert sorted(frame["conversation_id"] for frame in harness.pushed_frames("alice", "presence")) == sorted(
        [harness.conversation, other]
    )


def test_job_contains_a_limited_number_of_disconnects(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    many = [PendingOffline(new_conversation_id(number), "m" * 12) for number in range(2 * MAX_PER_JOB + 1)]
    harness.process(queue=queue).app.realtime.fan_out.deliver(many, within=5.0)
    assert [work.count("/") for work, _ in queue.sent] == [MAX_PER_JOB, MAX_PER_JOB, 1]
    assert max(len(work) for work, _ in queue.sent) < SQS_BYTES


def test_worker_that_runs_out_of_time_enqueues_the_rest(tables: Tables, queue: FakeJobQueue) -> None:
    harness = new_harness(tables)
    disconnect_bob(harness, queue)
    work, _ = queue.sent.pop()
    before = ",".join(f"{new_conversation_id(number)}/m" for number in range(25))
    queue.send(f"presence:{before},{work.partition(':')[2]}", 0.0)
    steps = 0
    while queue.sent:
        sent, _ = queue.sent.pop()
        harness.process(skew=LATER, queue=queue).app.privacy.jobs.run(sent, 0.0)
        steps += 1
    assert steps == 3
    assert presence_pushes(harness) == [False]


# ---- in every interleaving -------------------------------------------------------------------------------


class Queues(defaultdict[str, FakeJobQueue]):
    """The queue of each harness, by conversation."""

    def __init__(self) -> None:
        super().__init__(FakeJobQueue)

    def __call__(self, harness: Harness) -> FakeJobQueue:
        return self[harness.conversation]

    def settle(self, harness: Harness) -> None:
        """Run all jobs twice."""
        for work, _ in self(harness).sent * 2:
            harness.process(skew=60.0).app.privacy.jobs.run(work, 60.0)


@pytest.fixture
def queues() -> Queues:
    return Queues()


def disconnects(socket: str) -> Act:
    return lambda process: process.disconnect(socket)


def subscribes(socket: str) -> Act:
    return lambda process: process.send_frame(socket, "subscribe")


def run_jobs(queues: Queues) -> Callable[[Process], None]:
    """Run a job that was sent before."""
    return lambda process: process.app.privacy.jobs.run(queues(process.harness).sent[0][0], 60.0)


def test_reconnect_concurrent_with_the_worker_ends_online(
    tables: Tables, engine_tables: Tables, queues: Queues
) -> None:
    def arrange(harness: Harness) -> None:
        disconnect_bob(harness, queues(harness))
        harness.posts.clear()

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        assert pending_records(harness) == []
        pushes = presence_pushes(harness)
        assert pushes.count(False) <= 1
        assert (True in pushes) or not pushes, "told that he went, and never that he is back"

    acts: dict[str, Act] = {"bob comes": subscribes("bob2"), "the worker looks": run_jobs(queues)}
    interleave(tables, TWO_OF_BOB, acts, judge, arrange=arrange, queue=queues, engine_tables=engine_tables)


def test_reconnect_concurrent_with_a_disconnect_ends_online(
    tables: Tables, engine_tables: Tables, queues: Queues
) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        queues.settle(harness)
        assert pending_records(harness) == []
        assert False not in presence_pushes(harness)

    acts: dict[str, Act] = {"bob goes": disconnects("bob"), "bob comes": subscribes("bob2")}
    interleave(tables, TWO_OF_BOB, acts, judge, queue=queues, engine_tables=engine_tables)


def test_two_concurrent_disconnects_are_pushed_once(tables: Tables, engine_tables: Tables, queues: Queues) -> None:
    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        queues.settle(harness)
        assert (pending_records(harness), presence_pushes(harness)) == ([], [False])

    acts: dict[str, Act] = {"one goes": disconnects("bob"), "the other goes": disconnects("bob2")}
    interleave(tables, BOTH_OF_BOB, acts, judge, queue=queues, engine_tables=engine_tables)


def test_two_workers_on_one_job_push_once(tables: Tables, engine_tables: Tables, queues: Queues) -> None:
    def arrange(harness: Harness) -> None:
        disconnect_bob(harness, queues(harness))
        harness.posts.clear()

    def judge(harness: Harness, ends: Results) -> None:
        ends.succeeded_names()
        assert presence_pushes(harness) == [False]

    acts: dict[str, Act] = {"one worker": run_jobs(queues), "another": run_jobs(queues)}
    interleave(tables, TWO_OF_BOB, acts, judge, arrange=arrange, queue=queues, engine_tables=engine_tables)
