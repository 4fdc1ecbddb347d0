"""Simulated time: the order of things, and that waiting takes none of the machine's."""

import time

import pytest

from bench.simulation import EPOCH, Deadlock, Simulation


def test_activities_go_on_in_the_order_in_which_they_wake() -> None:
    simulation = Simulation()
    seen: list[tuple[str, float]] = []

    def activity(name: str, *sleeps: float) -> None:
        for seconds in sleeps:
            simulation.sleep(seconds)
            seen.append((name, round(simulation.now() - EPOCH, 3)))

    simulation.run(lambda: activity("a", 3, 3), lambda: activity("b", 1, 4), lambda: activity("c", 2))

    assert seen == [("b", 1), ("c", 2), ("a", 3), ("b", 5), ("a", 6)]


def test_who_wakes_at_the_same_moment_goes_on_in_the_order_of_going_to_sleep() -> None:
    simulation = Simulation()
    seen: list[int] = []

    def activity(number: int) -> None:
        simulation.sleep(1)
        seen.append(number)

    simulation.run(*(lambda number=number: activity(number) for number in range(5)))

    # The caller's own thread carries out the last one, and does so first.
    assert seen == [4, 0, 1, 2, 3]


def test_waiting_takes_no_time_of_the_machine() -> None:
    simulation = Simulation()
    started = time.monotonic()

    simulation.run(lambda: simulation.sleep(1_000_000))

    assert simulation.now() == EPOCH + 1_000_000
    assert time.monotonic() - started < 60


def test_what_is_gathered_runs_beside_each_other_and_lasts_as_long_as_the_longest() -> None:
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


def test_gathering_within_what_is_gathered_works() -> None:
    simulation = Simulation()

    def leaf(seconds: float) -> float:
        simulation.sleep(seconds)
        return simulation.now() - EPOCH

    def branch() -> list[float]:
        return simulation.gather(lambda: leaf(1), lambda: leaf(2))

    assert simulation.run(branch, branch) == [[1, 2], [1, 2]]


def test_the_first_error_is_raised_when_everybody_has_ended() -> None:
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


def test_gathering_nothing_is_nothing() -> None:
    simulation = Simulation()

    assert simulation.run(simulation.gather) == [[]]


def test_nobody_can_wait_from_outside() -> None:
    with pytest.raises(Deadlock):
        Simulation().sleep(1)
