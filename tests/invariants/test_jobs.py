"""Jobs in a queue that loses, duplicates and delays messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.kernel.limits import MAX_DELAY
from chalicelib.core.privacy.jobs import Jobs, UnknownJob
from tests.invariants.erasure_scenario import AT_ONCE, LIVELY, bob_lives_briefly, nothing_is_left
from tests.invariants.harness import Harness
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.fakes import FakeJobQueue

TEXTS = ("what bob said", "what bob meant")


@pytest.fixture
def queue() -> FakeJobQueue:
    return FakeJobQueue()


@pytest.fixture
def harness(tables: Tables) -> Harness:
    made = tables.harness(LIVELY)
    bob_lives_briefly(made)
    return made


def process_of(harness: Harness, queue: FakeJobQueue, skew: float = 100.0) -> Process:
    return harness.process(skew=skew, timing=AT_ONCE, queue=queue)


def jobs(process: Process) -> Jobs:
    return process.app.privacy.jobs


def test_job_that_runs_out_of_time_enqueues_its_continuation(harness: Harness, queue: FakeJobQueue) -> None:
    process = process_of(harness, queue)
    jobs(process).erase(process.principal("bob"))
    steps = 0
    while queue.sent:
        work, _ = queue.sent.pop()
        assert harness.participant_id("bob") not in work, "a message names a job and nobody"
        jobs(process).run(work, 0.0)
        steps += 1
        assert steps < 50
    assert steps > 2
    nothing_is_left(harness, secrets=TEXTS)


def test_repeated_request_enqueues_the_job_again_without_harm(harness: Harness, queue: FakeJobQueue) -> None:
    process = process_of(harness, queue)
    jobs(process).erase(process.principal("bob"))
    jobs(process).erase(process.principal("bob"))
    assert len(queue.sent) == 2
    for work, _ in queue.sent[:2]:
        jobs(process).run(work, 60.0)
    nothing_is_left(harness, secrets=TEXTS)
    assert len(queue.sent) == 2


def test_queue_failure_does_not_fail_the_request_and_the_sweep_enqueues_later(
    harness: Harness, queue: FakeJobQueue
) -> None:
    process = process_of(harness, queue)
    queue.is_down = True
    assert jobs(process).erase(process.principal("bob"))["status"] == "running"
    jobs(process).sweep(45.0)
    queue.is_down = False
    jobs(process_of(harness, queue, skew=4000.0)).sweep(45.0)
    (sent,) = queue.sent
    jobs(process_of(harness, queue, skew=4001.0)).run(sent[0], 60.0)
    nothing_is_left(harness, secrets=TEXTS)
    queue.sent.clear()
    jobs(process_of(harness, queue, skew=8000.0)).sweep(45.0)
    assert queue.sent == [], "what is done is not sent again"


def test_delay_does_not_exceed_the_maximum_of_the_queue(harness: Harness, queue: FakeJobQueue) -> None:
    process = harness.process(skew=100.0, timing=replace(AT_ONCE, erasure_grace=10 * MAX_DELAY), queue=queue)
    jobs(process).erase(process.principal("bob"))
    jobs(process).run(queue.sent[0][0], 60.0)
    assert queue.sent[1][1] == MAX_DELAY


@pytest.mark.parametrize(
    "work", ["", "x", "unknown:1", "retention:x:y", "retention:", "presence:", "presence:x/y", "presence:conv_x"]
)
def test_unknown_job_is_rejected(harness: Harness, queue: FakeJobQueue, work: str) -> None:
    with pytest.raises(UnknownJob):
        jobs(process_of(harness, queue)).run(work, 1.0)


@pytest.mark.parametrize("work", ["erasure:never", "retention:1:conv_never"])
def test_job_of_a_finished_erasure_is_a_no_op(harness: Harness, queue: FakeJobQueue, work: str) -> None:
    jobs(process_of(harness, queue)).run(work, 1.0)
    assert queue.sent == []


def test_defect_in_one_sweep_does_not_prevent_the_others(harness: Harness, queue: FakeJobQueue) -> None:
    process = process_of(harness, queue)
    jobs(process).erase(process.principal("bob"))
    queue.sent.clear()
    broken = {"pk": {"S": "PURGE"}, "sk": {"S": "0!#conv_x"}}
    harness.tables.engine.put_item(TableName=harness.tables.conversations_table, Item=broken)
    with pytest.raises(ValueError, match="0!"):
        jobs(process_of(harness, queue, skew=4000.0)).sweep(45.0)
    assert [work.partition(":")[0] for work, _ in queue.sent] == ["erasure"]
