"""Long work through a queue that loses, doubles and delays what it likes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.kernel.limits import MAX_DELAY
from chalicelib.core.privacy.jobs import Jobs, UnknownJob
from tests.invariants.erasing import AT_ONCE, LIVELY, bob_lives_briefly, nothing_is_left
from tests.invariants.world import KeepingQueue, Process, Stage, World

TEXTS = ("what bob said", "what bob meant")


@pytest.fixture
def queue() -> KeepingQueue:
    return KeepingQueue()


@pytest.fixture
def world(stage: Stage) -> World:
    made = stage.world(LIVELY)
    bob_lives_briefly(made)
    return made


def process_of(world: World, queue: KeepingQueue, skew: float = 100.0) -> Process:
    return world.process(skew=skew, timing=AT_ONCE, queue=queue)


def jobs(process: Process) -> Jobs:
    return process.app.privacy.jobs


def test_what_runs_out_of_time_sends_itself_on_until_it_is_done(world: World, queue: KeepingQueue) -> None:
    process = process_of(world, queue)
    jobs(process).erase(process.caller("bob"))
    steps = 0
    while queue.sent:
        work, _ = queue.sent.pop()
        assert world.person("bob") not in work, "a message names a job and nobody"
        jobs(process).run(work, 0.0)
        steps += 1
        assert steps < 50
    assert steps > 2
    nothing_is_left(world, secrets=TEXTS)


def test_asked_for_again_it_is_sent_again_and_a_doubled_message_does_no_harm(
    world: World, queue: KeepingQueue
) -> None:
    process = process_of(world, queue)
    jobs(process).erase(process.caller("bob"))
    jobs(process).erase(process.caller("bob"))
    assert len(queue.sent) == 2
    for work, _ in queue.sent[:2]:
        jobs(process).run(work, 60.0)
    nothing_is_left(world, secrets=TEXTS)
    assert len(queue.sent) == 2


def test_a_queue_that_refuses_costs_nobody_their_answer_and_the_sweep_sends_it_later(
    world: World, queue: KeepingQueue
) -> None:
    process = process_of(world, queue)
    queue.refuses = True
    assert jobs(process).erase(process.caller("bob"))["status"] == "running"
    jobs(process).sweep(45.0)
    queue.refuses = False
    jobs(process_of(world, queue, skew=4000.0)).sweep(45.0)
    (sent,) = queue.sent
    jobs(process_of(world, queue, skew=4001.0)).run(sent[0], 60.0)
    nothing_is_left(world, secrets=TEXTS)
    queue.sent.clear()
    jobs(process_of(world, queue, skew=8000.0)).sweep(45.0)
    assert queue.sent == [], "what is done is not sent again"


def test_no_delay_is_longer_than_the_queue_takes(world: World, queue: KeepingQueue) -> None:
    process = world.process(skew=100.0, timing=replace(AT_ONCE, erasure_grace=10 * MAX_DELAY), queue=queue)
    jobs(process).erase(process.caller("bob"))
    jobs(process).run(queue.sent[0][0], 60.0)
    assert queue.sent[1][1] == MAX_DELAY


@pytest.mark.parametrize(
    "work", ["", "x", "unknown:1", "retention:x:y", "retention:", "presence:", "presence:x/y", "presence:conv_x"]
)
def test_what_nobody_has_sent_is_refused(world: World, queue: KeepingQueue, work: str) -> None:
    with pytest.raises(UnknownJob):
        jobs(process_of(world, queue)).run(work, 1.0)


@pytest.mark.parametrize("work", ["erasure:never", "retention:1:conv_never"])
def test_what_is_over_is_over(world: World, queue: KeepingQueue, work: str) -> None:
    jobs(process_of(world, queue)).run(work, 1.0)
    assert queue.sent == []
