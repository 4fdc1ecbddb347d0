"""Simulated time: the order of activities, and that waiting takes no real time."""

import time

import pytest

from bench.simulation import EPOCH, Deadlock, Simulation


def test_activities_run_in_order_of_wake_up() -> None:
    simulation = Simulation()
    seen: list[tuple[str, float]] = []

    def activity(name: str, *sleeps: float) -> None:
        for seconds in sleeps:
            simulation.sleep(seconds)
            seen.append((name, round(simulation.now() - EPOCH, 3)))

    simulation.run(lambda: activity("a", 3, 3), lambda: activity("b", 1, 4), lambda: activity("c", 2))

    assert seen == [("b", 1), ("c", 2), ("a", 3), ("b", 5), ("a", 6)]


def test_simultaneous_wake_ups_run_in_order_of_sleeping() -> None:
    simulation = Simulation()
    seen: list[int] = []

    def activity(number: int) -> None:
        simulation.sleep(1)
        seen.append(number)

    simulation.run(*(lambda number=number: activity(number) for number in range(5)))

    # The caller's own thread executes the last call, and does so first.
    assert seen == [4, 0, 1, 2, 3]


def test_simulated_waiting_takes_no_real_time() -> None:
    simulation = Simulation()
    started = time.monotonic()

    simulation.run(lambda: simulation.sleep(1_000_000))

    assert simulation.now() == EPOCH + 1_000_000
    assert time.monotonic() - started < 60


def test_gathered_calls_run_concurrently() -> None:
    simulation = Simulation()

    def nap(seconds: float) -> float:
        simulation.sleep(seconds)
        return seconds

    def both() -> tuple[list[float], float]:
        before = simulation.monotonic()
        results = simulation.gather(lambda: nap(2), lambda: nap(5), lambda: nap(1))
        return results, simulation.monotonic() - before

    [(results, lasted)] = simulation.run(both)

    assert (results, lasted) == ([2, 5, 1], 5)


def test_gather_can_be_nested() -> None:
    simulation = Simulation()

    def leaf(seconds: float) -> float:
        simulation.sleep(seconds)
        return simulation.now() - EPOCH

    def branch() -> list[float]:
        return simulation.gather(lambda: leaf(1), lambda: leaf(2))

    assert simulation.run(branch, branch) == [[1, 2], [1, 2]]


def test_gather_raises_the_first_error_after_all_calls_have_ended() -> None:
    simulation = Simulation()
    ended: list[str] = []

    def fail() -> None:
        raise LookupError("the first")

    def end_later() -> None:
        simulation.sleep(9)
        ended.append("later")

    with pytest.raises(LookupError, match="the first"):
        simulation.run(fail, end_later)

    assert ended == ["later"]


def test_gather_without_calls_returns_nothing() -> None:
    simulation = Simulation()

    assert simulation.run(simulation.gather) == [[]]


def test_waiting_outside_an_activity_is_a_deadlock_error() -> None:
    with pytest.raises(Deadlock):
        Simulation().sleep(1)
