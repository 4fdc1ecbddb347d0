"""Delays between attempts: their bounds, and the deadline that ends them."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.backoff import Backoff, full_jitter, random_delay, retry_after
from tests.support.fakes import FakeClock


class GaveUp(Exception):
    """The error of a backoff under test."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(0.0)


def backoff(clock: FakeClock, timeout: float) -> Backoff:
    return Backoff(clock, base=0.1, cap=0.8, timeout=timeout, timed_out=GaveUp)


@pytest.mark.parametrize(("attempt", "bound"), [(0, 0.1), (1, 0.2), (2, 0.4), (3, 0.5), (20, 0.5)])
def test_delay_is_spread_over_zero_to_a_bound_that_doubles_up_to_the_cap(attempt: int, bound: float) -> None:
    delays = [full_jitter(attempt, base=0.1, cap=0.5) for _ in range(500)]
    assert 0 <= min(delays) < 0.2 * bound
    assert 0.8 * bound < max(delays) <= bound


def test_random_delay_is_within_its_bounds() -> None:
    delays = [random_delay(2, 3) for _ in range(500)]
    assert 2 <= min(delays) < 2.2
    assert 2.8 < max(delays) <= 3


@pytest.mark.parametrize(("shortest", "low", "high"), [(0.0, 1.0, 3.0), (1.0, 1.0, 3.0), (60.0, 60.0, 121.0)])
def test_retry_after_is_spread_and_at_least_a_second(shortest: float, low: float, high: float) -> None:
    values = [retry_after(shortest) for _ in range(200)]
    assert low <= min(values) < low + (high - low) / 4
    assert high - (high - low) / 4 < max(values) <= high


def test_each_wait_sleeps_once_within_the_bound_of_its_attempt(clock: FakeClock) -> None:
    waiting = backoff(clock, timeout=60)
    for _ in range(6):
        waiting.wait()
    assert len(clock.sleeps) == 6
    for delay, bound in zip(clock.sleeps, (0.1, 0.2, 0.4, 0.8, 0.8, 0.8), strict=True):
        assert 0 <= delay <= bound


def test_bound_of_the_delays_grows_with_each_wait(clock: FakeClock) -> None:
    longest = [0.0] * 4
    for _ in range(200):
        waiting, first = backoff(clock, timeout=60), len(clock.sleeps)
        for _ in range(4):
            waiting.wait()
        longest = [max(pair) for pair in zip(longest, clock.sleeps[first:], strict=True)]
    for most, bound in zip(longest, (0.1, 0.2, 0.4, 0.8), strict=True):
        assert 0.8 * bound < most <= bound


def test_wait_raises_the_callers_error_at_the_deadline_and_does_not_sleep(clock: FakeClock) -> None:
    waiting = backoff(clock, timeout=5)
    clock.advance(4.999)
    waiting.raise_if_expired()
    clock.advance(0.001)
    assert waiting.expired
    with pytest.raises(GaveUp):
        waiting.wait()
    with pytest.raises(GaveUp):
        waiting.raise_if_expired()
    assert clock.sleeps == []


def test_deadline_counts_from_the_creation_of_the_backoff(clock: FakeClock) -> None:
    clock.advance(100)
    waiting = backoff(clock, timeout=1)
    clock.advance(0.5)
    waiting.wait()
    clock.advance(0.5)
    with pytest.raises(GaveUp):
        waiting.wait()
