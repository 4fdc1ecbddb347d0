"""The pool of workers: bounded threads, a bounded queue, and blocked workers that are replaced."""

import functools
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.gateway.fair_queue import Job
from local.gateway.worker_limits import Limits
from local.gateway.workers import QueueFull, WorkerPool, after_job, sleep

from .support import DEADLINE, wait_until


class Gate:
    """A job that waits until it is opened, and records that it has run."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.job = Job(self._run)

    def _run(self) -> None:
        self.entered.set()
        self.opened.wait(DEADLINE)


class Setup:
    """A pool with a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limits = Limits(workers=2, max_threads=4, queue_length=3, blocked_after=1.0)
        self.pool = WorkerPool(lambda: self.limits, lambda: self.now)
        self.gates: list[Gate] = []

    def submit_gate(self) -> Gate:
        gate = Gate()
        self.gates.append(gate)
        self.pool.submit(gate.job)
        return gate


@pytest.fixture
def setup() -> Iterator[Setup]:
    """A pool of two workers, whose jobs are released at the end."""
    setup = Setup()
    yield setup
    for gate in setup.gates:
        gate.opened.set()
    setup.pool.close()
    wait_until(lambda: setup.pool.threads() == 0, "the end of all threads")


def occupy(setup: Setup) -> list[Gate]:
    """Let every worker wait in a job."""
    gates = [setup.submit_gate() for _ in range(setup.limits.workers)]
    for gate in gates:
        assert gate.entered.wait(DEADLINE)
    return gates


def test_jobs_beyond_the_workers_wait(setup: Setup) -> None:
    first, _ = occupy(setup)
    third = setup.submit_gate()
    assert setup.pool.threads() == 2
    assert not third.job.started
    first.opened.set()
    assert third.entered.wait(DEADLINE)
    assert setup.pool.threads() == 2


class Sleeper(Gate):
    """A job that sleeps until it is opened, as a function does by its clock, and then waits for `finish`."""

    def __init__(self) -> None:
        super().__init__()
        self.awake = threading.Event()
        self.finish = threading.Event()

    def _run(self) -> None:
        sleep(DEADLINE, self._sleep)
        self.awake.set()
        self.finish.wait(DEADLINE)

    def _sleep(self, seconds: float) -> None:
        self.entered.set()
        self.opened.wait(seconds)


def submit_sleepers(setup: Setup, count: int) -> list[Sleeper]:
    sleepers = [Sleeper() for _ in range(count)]
    for sleeper in sleepers:
        setup.gates.append(sleeper)
        setup.pool.submit(sleeper.job)
    return sleepers


def test_sleeping_jobs_hold_back_no_others(setup: Setup) -> None:
    sleepers = submit_sleepers(setup, setup.limits.workers + 1)
    for sleeper in sleepers:
        assert sleeper.entered.wait(DEADLINE)
        sleeper.finish.set()


def test_queued_job_starts_when_a_running_one_begins_to_sleep(setup: Setup) -> None:
    setup.limits = Limits(workers=1, max_threads=2, queue_length=3, blocked_after=1.0)
    release = threading.Event()
    asleep = threading.Event()

    def work() -> None:
        release.wait(DEADLINE)
        sleep(DEADLINE, asleep.wait)

    setup.pool.submit(Job(work))
    queued = setup.submit_gate()
    assert not queued.job.started
    release.set()
    assert queued.entered.wait(DEADLINE)
    asleep.set()


def test_function_is_called_once_when_the_job_of_its_worker_has_ended(setup: Setup) -> None:
    calls: list[bool] = []
    ended = [threading.Event(), threading.Event()]
    proceed = threading.Event()

    def job() -> None:
        after_job(lambda: calls.append(proceed.is_set()))
        after_job(ended[0].set)
        proceed.wait(DEADLINE)

    setup.pool.submit(Job(job))
    proceed.set()
    assert ended[0].wait(DEADLINE)
    setup.pool.submit(Job(lambda: after_job(ended[1].set)))
    assert ended[1].wait(DEADLINE)
    assert calls == [True]


def test_function_for_the_end_of_a_job_is_called_at_once_in_a_thread_of_no_pool() -> None:
    calls: list[str] = []
    after_job(lambda: calls.append("called"))
    assert calls == ["called"]


def test_job_counts_again_after_its_sleep(setup: Setup) -> None:
    sleepers = submit_sleepers(setup, setup.limits.workers)
    for sleeper in sleepers:
        sleeper.opened.set()
        assert sleeper.awake.wait(DEADLINE)
    waiting = Gate()
    setup.gates.append(waiting)
    assert setup.pool.submit(waiting.job), "no worker is free"
    for sleeper in sleepers:
        sleeper.finish.set()
    assert waiting.entered.wait(DEADLINE)


def test_blocked_job_that_sleeps_is_not_counted_twice(setup: Setup) -> None:
    setup.limits = Limits(workers=1, max_threads=4, queue_length=3, blocked_after=1.0)
    entered, release, asleep, wake = (threading.Event() for _ in range(4))

    def wait(seconds: float) -> None:
        asleep.set()
        wake.wait(seconds)

    def work() -> None:
        entered.set()
        release.wait(DEADLINE)
        sleep(DEADLINE, wait)

    setup.pool.submit(Job(work))
    assert entered.wait(DEADLINE)
    setup.now = 1.0
    running = setup.submit_gate()
    assert running.entered.wait(DEADLINE)
    release.set()
    assert asleep.wait(DEADLINE)
    assert setup.pool.submit(Job(lambda: None)), "the only worker is busy"
    wake.set()


def test_thread_outside_of_a_pool_sleeps_itself() -> None:
    slept: list[float] = []
    sleep(0.5, slept.append)
    assert slept == [0.5]


def test_jobs_start_in_order_of_submission(setup: Setup) -> None:
    gates = occupy(setup)
    order: list[int] = []
    done = threading.Event()
    for number in range(3):
        setup.pool.submit(Job(lambda number=number: order.append(number)))  # type: ignore[misc]
    setup.pool.submit(Job(done.set), background=True)
    gates[0].opened.set()
    assert done.wait(DEADLINE)
    assert order == [0, 1, 2]


def test_job_that_does_not_fit_is_rejected(setup: Setup) -> None:
    occupy(setup)
    for _ in range(3):
        setup.submit_gate()
    with pytest.raises(QueueFull):
        setup.pool.submit(Job(lambda: None))


def test_pool_without_a_queue_still_uses_its_workers(setup: Setup) -> None:
    setup.limits = Limits(workers=2, max_threads=4, queue_length=0, blocked_after=1.0)
    occupy(setup)
    with pytest.raises(QueueFull):
        setup.submit_gate()


def test_background_job_always_fits(setup: Setup) -> None:
    gates = occupy(setup)
    for _ in range(3):
        setup.submit_gate()
    done = threading.Event()
    assert setup.pool.submit(Job(done.set), background=True)
    for gate in (*gates, *setup.gates):
        gate.opened.set()
    assert done.wait(DEADLINE)


def test_background_jobs_are_not_starved(setup: Setup) -> None:
    setup.limits = Limits(workers=1, max_threads=4, queue_length=100, blocked_after=1.0)
    (gate,) = occupy(setup)
    order: list[str] = []
    for _ in range(8):
        setup.pool.submit(Job(lambda: order.append("queued")))
    setup.pool.submit(Job(lambda: order.append("background")), background=True)
    gate.opened.set()
    wait_until(lambda: len(order) == 9, "all jobs")
    assert order.index("background") <= 4


def test_withdrawn_job_is_not_started_and_leaves_the_queue(setup: Setup) -> None:
    gates = occupy(setup)
    queued = [setup.submit_gate() for _ in range(3)]
    assert setup.pool.withdraw(queued[0].job)
    last = setup.submit_gate()  # in the place of the withdrawn one
    for gate in (*gates, *queued[1:]):
        gate.opened.set()
    assert last.entered.wait(DEADLINE)
    assert not queued[0].entered.is_set()


def test_started_job_cannot_be_withdrawn(setup: Setup) -> None:
    first, _ = occupy(setup)
    assert not setup.pool.withdraw(first.job)


def test_blocked_workers_are_replaced_up_to_the_maximum(setup: Setup) -> None:
    occupy(setup)
    waiting = setup.submit_gate()
    assert setup.pool.replace_blocked()
    assert setup.pool.threads() == 2
    setup.now = 1.0
    setup.pool.replace_blocked()
    assert waiting.entered.wait(DEADLINE)
    second = setup.submit_gate()
    assert second.entered.wait(DEADLINE)
    setup.now = 2.0
    setup.submit_gate()
    setup.pool.replace_blocked()
    assert setup.pool.threads() == 4


def test_surplus_threads_end_soon_after_the_queue_is_empty(setup: Setup) -> None:
    setup.limits = replace(setup.limits, surplus_seconds=0.02)
    gates = occupy(setup)
    setup.now = 1.0
    gates += [setup.submit_gate(), setup.submit_gate()]
    wait_until(lambda: all(gate.entered.is_set() for gate in gates), "four running jobs")
    assert setup.pool.threads() == 4
    for gate in gates:
        gate.opened.set()
    wait_until(lambda: setup.pool.threads() == 2, "the end of the surplus threads")


def test_surplus_thread_takes_the_next_job(setup: Setup) -> None:
    """A thread that sleeps does not count, so there are more threads than workers all the time."""
    setup.limits = replace(setup.limits, surplus_seconds=DEADLINE)
    asleep, awake = threading.Event(), threading.Event()

    def wait(seconds: float) -> None:
        asleep.set()
        awake.wait(seconds)

    sleeping = Job(lambda: sleep(DEADLINE, wait))
    threads: set[str] = set()
    for job in (sleeping, *(Job(lambda: threads.add(threading.current_thread().name)) for _ in range(30))):
        done = threading.Event()
        setup.pool.submit(job)
        setup.pool.submit(Job(done.set))
        assert asleep.wait(DEADLINE)
        assert done.wait(DEADLINE)
    assert setup.pool.threads() <= 4
    assert len(threads) <= 3
    awake.set()


def test_submissions_in_a_burst_do_not_start_surplus_threads(setup: Setup) -> None:
    setup.limits = Limits(workers=2, max_threads=50, queue_length=1_000, blocked_after=60.0)
    finished: list[int] = []
    for number in range(500):
        setup.pool.submit(Job(lambda number=number: finished.append(number)))  # type: ignore[misc]
        assert setup.pool.threads() <= 2
    wait_until(lambda: len(finished) == 500, "all jobs")


def test_closed_pool_drops_its_queue(setup: Setup) -> None:
    gates = occupy(setup)
    waiting = setup.submit_gate()
    setup.pool.close()
    for gate in gates:
        gate.opened.set()
    wait_until(lambda: setup.pool.threads() == 0, "the end of all threads")
    assert not waiting.entered.is_set()


def test_idle_threads_end_and_start_again(setup: Setup) -> None:
    setup.limits = Limits(workers=2, max_threads=4, queue_length=3, blocked_after=1.0, idle_seconds=0.0)
    for gate in occupy(setup):
        gate.opened.set()
    wait_until(lambda: setup.pool.threads() == 0, "the end of idle threads")
    again = setup.submit_gate()
    assert again.entered.wait(DEADLINE)


def test_thread_that_became_idle_last_has_the_next_job(setup: Setup) -> None:
    names: list[str] = []

    def has_run(jobs: int) -> bool:
        return len(names) == jobs and setup.pool.idle_threads() == setup.limits.workers

    for gate in occupy(setup):
        gate.opened.set()
    wait_until(lambda: has_run(0), "idle threads")
    for jobs in (1, 2, 3):
        setup.pool.submit(Job(lambda: names.append(threading.current_thread().name)))
        wait_until(functools.partial(has_run, jobs), "the job")
    assert len(set(names)) == 1
