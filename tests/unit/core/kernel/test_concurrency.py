"""Concurrent calls."""

from __future__ import annotations

import threading

import pytest

from chalicelib.core.kernel.concurrency import Gather, ParallelCalls, run_parallel
from tests.support.sequential import run_sequential
from tests.support.threads import without_new_threads

PATIENCE = 30.0
"""Seconds for threads to meet on a busy machine."""


@pytest.mark.parametrize("gather", [run_parallel, run_sequential])
def test_results_are_in_the_order_of_the_calls(gather: Gather) -> None:
    assert gather() == []
    assert gather(lambda: 1, lambda: None, lambda: "x") == [1, None, "x"]


@pytest.mark.parametrize("gather", [run_parallel, run_sequential])
def test_error_is_raised_in_the_caller(gather: Gather) -> None:
    class DeadProcess(BaseException):
        pass

    def fail() -> None:
        raise DeadProcess

    with pytest.raises(DeadProcess):
        gather(lambda: 1, fail, lambda: 2)


def test_calls_run_concurrently() -> None:
    meeting = threading.Barrier(3, timeout=PATIENCE)
    assert sorted(run_parallel(meeting.wait, meeting.wait, meeting.wait)) == [0, 1, 2]


def test_threads_are_reused() -> None:
    def where() -> threading.Thread:
        return threading.current_thread()

    run_parallel(where, where)
    known = set(threading.enumerate())
    for _ in range(20):
        assert run_parallel(where, where)[0] in known
    assert run_parallel(where, where)[1] is threading.current_thread()


def test_idle_threads_end() -> None:
    calls = ParallelCalls(idle_seconds=0.01)
    meeting = threading.Barrier(3, timeout=PATIENCE)

    def where() -> threading.Thread:
        meeting.wait()  # or the first thread could have become idle when the second call begins
        return threading.current_thread()

    threads = set(calls.run(where, where, where))
    threads.discard(threading.current_thread())
    assert len(threads) == 2
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert calls.run(lambda: 1, lambda: 2) == [1, 2]


def test_calls_that_meet_ending_threads_are_run() -> None:
    calls = ParallelCalls(idle_seconds=0.0005)
    for number in range(2_000):
        assert calls.run(lambda: number, lambda: -number) == [number, -number]  # noqa: B023


def test_calls_run_one_after_another_in_a_process_that_can_start_no_thread() -> None:
    """None of them runs on after `run` has returned."""
    ran: list[int] = []

    def fail() -> None:
        ran.append(2)
        raise ValueError

    calls = ParallelCalls()
    with without_new_threads():
        assert calls.run(lambda: 1, lambda: 2, lambda: 3) == [1, 2, 3]
        with pytest.raises(ValueError, match=r"^$"):
            calls.run(lambda: ran.append(1), fail, lambda: ran.append(3))
    assert sorted(ran) == [1, 2, 3]


def test_nested_gathering_does_not_deadlock() -> None:
    everybody = threading.Barrier(2**6, timeout=PATIENCE)

    def split(depth: int) -> int:
        if depth == 0:
            everybody.wait()
            return 1
        return sum(run_parallel(lambda: split(depth - 1), lambda: split(depth - 1)))

    assert split(6) == 2**6
    assert split(6) == 2**6


def test_error_is_raised_after_all_calls_have_finished() -> None:
    failed, finished = threading.Event(), []

    def fail() -> None:
        failed.set()
        raise ValueError

    def go_on() -> None:
        assert failed.wait(PATIENCE)
        finished.append(True)

    with pytest.raises(ValueError, match=r"^$"):
        run_parallel(fail, go_on)
    assert finished == [True]
