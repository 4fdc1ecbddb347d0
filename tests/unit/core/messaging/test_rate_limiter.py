"""The charge of a message: it is made once, before the write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.messaging.rate_limiter import PrepaidRateLimits, RateLimitCharge, charge_batch
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.rate_limits import Bucket, RateLimitDecision
from tests.support.fakes import FakeClock
from tests.support.runtime import new_runtime

ALICE = Principal("alice", "Alice")
STEADY = RateLimitDecision(allowed=True)
LIMITED = RateLimitDecision(allowed=False, retry_after=1.5)


class FakeRateLimits:
    """A store with one decision, which records what it is asked."""

    def __init__(self, decision: RateLimitDecision) -> None:
        self.decision = decision
        self.calls: list[str] = []

    def acquire(
        self,
        participant_id: str,
        now: int,
        count: int,
        *,
        interval: int,
        burst: int,
        bucket: Bucket = "messages",
    ) -> RateLimitDecision:
        assert (participant_id, now, interval, burst, bucket) == ("alice", 1_000_000, 100, 100, "messages")
        self.calls.append(f"acquire {count}")
        return self.decision


def charge_on(store: FakeRateLimits) -> RateLimitCharge:
    return RateLimitCharge(ALICE, rate_limits=store, runtime=new_runtime(clock=FakeClock(1_000.0)))


def test_message_is_charged_once_however_often_a_write_is_tried() -> None:
    store = FakeRateLimits(STEADY)
    charge = charge_on(store)
    for _ in range(3):
        charge.reserve()
        charge.raise_if_limited()
    assert store.calls == ["acquire 1"]


def test_message_beyond_the_burst_is_refused_until_the_time_that_the_store_tells() -> None:
    charge = charge_on(FakeRateLimits(LIMITED))
    charge.reserve()
    with pytest.raises(RateLimited) as refused:
        charge.raise_if_limited()
    assert refused.value.retry_after == 1.5


@pytest.mark.parametrize("decision", [STEADY, STEADY._replace(overlaps=True)])
def test_overlap_with_another_message_is_that_of_the_decision(decision: RateLimitDecision) -> None:
    charge = charge_on(FakeRateLimits(decision))
    assert not charge.overlaps, "not asked yet"
    charge.reserve()
    assert charge.overlaps == decision.overlaps


def test_batch_is_charged_at_once() -> None:
    store = FakeRateLimits(STEADY)
    charge_batch(ALICE, 24, rate_limits=store, runtime=new_runtime(clock=FakeClock(1_000.0)))
    assert store.calls == ["acquire 24"]


def test_batch_beyond_the_limit_is_refused_with_retry_after() -> None:
    with pytest.raises(RateLimited) as limited:
        charge_batch(ALICE, 24, rate_limits=FakeRateLimits(LIMITED), runtime=new_runtime(clock=FakeClock(1_000.0)))
    assert limited.value.retry_after == 1.5


def test_batch_of_reads_costs_no_call() -> None:
    store = FakeRateLimits(LIMITED)
    charge_batch(ALICE, 0, rate_limits=store, runtime=new_runtime(clock=FakeClock(1_000.0)))
    assert store.calls == []


def test_messages_of_a_charged_batch_are_allowed_without_a_call() -> None:
    charge = RateLimitCharge(ALICE, rate_limits=PrepaidRateLimits(), runtime=new_runtime(clock=FakeClock(1_000.0)))
    charge.reserve()
    charge.raise_if_limited()


def test_service_that_acts_for_a_participant_is_not_charged_to_them() -> None:
    store, runtime = FakeRateLimits(LIMITED), new_runtime(clock=FakeClock(1_000.0))
    acting = replace(ALICE, service="backend")
    charge = RateLimitCharge(acting, rate_limits=store, runtime=runtime)
    charge.reserve()
    charge.raise_if_limited()
    charge_batch(acting, 24, rate_limits=store, runtime=runtime)
    assert store.calls == []
