"""The lag of endpoints: how long the oldest event of each attempt has waited."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.metrics import Metric
from tests.support.publishing import FAILED, PublishingHarness

DAY = 24 * 3600.0


@pytest.fixture
def harness() -> PublishingHarness:
    return PublishingHarness()


def lags(harness: PublishingHarness) -> list[float]:
    return harness.observer.values[Metric.PUBLISHING_LAG]


def test_lag_is_that_of_the_oldest_event_of_a_delivery(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.clock.advance(20)
    harness.send_message("alice", chat)
    harness.clock.advance(5)
    harness.publish(chat)
    assert lags(harness) == [pytest.approx(25, abs=0.1)]
    harness.publish(chat)
    assert len(lags(harness)) == 1, "an idle conversation does not lag"


def test_lag_of_an_endpoint_that_fails_increases_with_each_attempt(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.sink.answer = lambda delivery: FAILED
    harness.publish(chat)
    harness.wait(DAY)
    assert lags(harness) == sorted(lags(harness))
    assert DAY / 2 < lags(harness)[-1] < DAY


def test_endpoint_that_begins_at_the_beginning_lags_since_its_creation(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.clock.advance(300 * DAY)
    harness.add_endpoint(start="beginning")
    harness.clock.advance(7)
    harness.publish(chat)
    assert lags(harness) == [pytest.approx(7, abs=0.1)]
