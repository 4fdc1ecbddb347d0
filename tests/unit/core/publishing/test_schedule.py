"""The rules of attempts: backoff, parking, probes, and when an endpoint is given up."""

from __future__ import annotations

import pytest

from chalicelib.core.model.publishing import Cursor, Endpoint
from chalicelib.core.publishing import schedule
from tests.support.publishing import START

HOUR, DAY = 3600.0, 24 * 3600.0
ENDPOINT = Endpoint("end_1", "webhook", "https://example.com/", START)
CURSOR = Cursor("conv_1", "end_1")


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 5), (2, 10), (3, 20), (10, 2_560), (13, 20_480), (14, 28_800), (20, 28_800)]
)
def test_retry_is_random_up_to_a_bound_that_doubles(failures: int, bound: float) -> None:
    delays = [schedule.retry_delay(failures, None) for _ in range(300)]
    assert max(delays) <= bound
    assert max(delays) > 0.8 * bound
    assert min(delays) < 0.2 * bound


def test_twenty_attempts_take_less_than_three_days() -> None:
    bounds = [min(schedule.RETRY_BASE * 2**n, schedule.RETRY_CAP) for n in range(20)]
    assert 2.5 * DAY < sum(bounds) < 3 * DAY


@pytest.mark.parametrize(("asked", "low", "high"), [(0.0, 0, 5), (60.0, 60, 60), (1e9, 6 * HOUR, 6 * HOUR)])
def test_retry_after_is_obeyed_up_to_six_hours(asked: float, low: float, high: float) -> None:
    assert low <= schedule.retry_delay(1, asked) <= high


@pytest.mark.parametrize(
    ("failures", "low", "high"), [(10, 15, 30), (11, 30, 60), (14, 240, 480), (15, 450, 900), (90, 450, 900)]
)
def test_probes_are_at_most_fifteen_minutes_apart(failures: int, low: float, high: float) -> None:
    assert all(low <= schedule.probe_delay(failures) <= high for _ in range(100))


@pytest.mark.parametrize(
    ("failures", "failing_since", "succeeded_at", "circuit", "expected"),
    [
        (0, 0, 0, 0, 1),
        (0, 0, 900, 0, 1),
        (7, 100, 0, 0, 7),
        (7, 100, 100, 0, 7),
        (7, 100, 101, 0, 8),
        (7, 100, 101, 150, 7),
    ],
    ids=["first", "first after others", "no success", "before", "others succeed", "circuit open"],
)
def test_failure_counts_while_others_succeed(
    failures: int, failing_since: int, succeeded_at: int, circuit: int, expected: int
) -> None:
    cursor = CURSOR._replace(failures=failures, own_failures=failures, failing_since=failing_since)
    endpoint = ENDPOINT._replace(succeeded_at=succeeded_at, failing_since=circuit)
    assert schedule.own_failures_after(cursor, endpoint) == expected


@pytest.mark.parametrize(
    ("failures", "since", "opens"), [(9, 0, False), (10, 0, True), (11, 0, True), (11, 5, False)]
)
def test_circuit_opens_after_ten_failures(failures: int, since: int, opens: bool) -> None:
    assert schedule.opens_circuit(ENDPOINT._replace(failures=failures, failing_since=since)) is opens


@pytest.mark.parametrize(("since", "given_up"), [(0, False), (START, True), (START + 1, False)])
def test_endpoint_is_given_up_after_three_days(since: int, given_up: bool) -> None:
    assert schedule.is_given_up(ENDPOINT._replace(failing_since=since), START + 3 * int(DAY * 1000)) is given_up
