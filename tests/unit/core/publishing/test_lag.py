"""The lag of endpoints: how long the oldest event of each attempt has waited."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.protocol.endpoint_requests import UpdateEndpoint
from tests.support.publishing import FAILED, PublishingHarness
from tests.unit.core.publishing.test_starts import restored

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


def test_pause_of_an_endpoint_is_no_lag(harness: PublishingHarness) -> None:
    endpoint_id = harness.add_endpoint("ep_1").endpoint_id
    chat = harness.create_conversation("alice", "bob")
    for is_enabled in (False, True):
        harness.publishing.registry.update(endpoint_id, UpdateEndpoint(enabled=is_enabled))
        harness.clock.advance(3 * DAY if not is_enabled else 7)
    harness.publish(chat)
    assert lags(harness) == [pytest.approx(7, abs=0.1)]


def test_conversation_that_is_first_active_long_after_a_restore_does_not_lag(harness: PublishingHarness) -> None:
    chat = harness.create_conversation("alice", "bob")
    harness.clock.advance(3 * DAY)
    harness.add_endpoint()
    harness.clock.advance(3600)
    after = restored(harness)
    after.clock.advance(30 * DAY)
    after.send_message("alice", chat)
    after.publish(chat)
    assert [delivery.events[0]["type"] for delivery in after.sink.attempts] == ["log_reset", "message"]
    assert lags(after) == [pytest.approx(0, abs=0.1)] * 2


def test_reset_that_fails_lags_since_its_first_attempt(harness: PublishingHarness) -> None:
    harness.add_endpoint()
    chat = harness.create_conversation("alice", "bob")
    harness.publish(chat)
    after = restored(harness)
    after.sink.answer = lambda delivery: FAILED
    after.publish(chat)
    after.wait(DAY)
    assert lags(after) == sorted(lags(after))
    assert DAY / 2 < lags(after)[-1] < DAY
