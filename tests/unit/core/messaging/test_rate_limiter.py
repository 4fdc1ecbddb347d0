"""The charge of a message: asked for once, made once, and only for messages out of the burst."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.messaging.rate_limiter import PrepaidRateLimits, RateLimitCharge, charge_batch
from chalicelib.core.ports.rate_limits import Bucket, RateLimitDecision
from tests.support.fakes import FakeClock
from tests.support.runtime import new_runtime

STEADY = RateLimitDecision(allowed=True)
BURST = RateLimitDecision(allowed=True, charge_pending=True)
LIMITED = RateLimitDecision(allowed=False, retry_after=1.5)


class FakeRateLimits:
    """A store with one decision, which records what it is asked."""

    def __init__(self, decision: RateLimitDecision) -> None:
        self.decision = decision
        self.calls: list[str] = []

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        assert (participant_id, interval, burst) == ("alice", 100, 100)
        self.calls.append("ask")
        return self.decision

    def charge(self, participant_id: str, now: int, *, interval: int) -> None:
        assert (participant_id, now, interval) == ("alice", 1_000_000, 100)
        self.calls.append("charge")

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
        assert (participant_id, interval, burst, bucket) == ("alice", 100, 100, "messages")
        self.calls.append(f"acquire {count}")
        return self.decision


def charge_on(store: FakeRateLimits) -> RateLimitCharge:
    return RateLimitCharge("alice", rate_limits=store, runtime=new_runtime(clock=FakeClock(1_000.0)))


def test_limit_is_asked_once_however_often_a_write_is_tried() -> None:
    store = FakeRateLimits(STEADY)
    charge = charge_on(store)
    for _ in range(3):
        charge.reserve()
        charge.raise_if_limited()
        charge.charge_with(lambda: store.calls.append("write"))
    assert store.calls == ["ask", "write", "write", "write"]


def test_message_out_of_the_burst_is_charged_with_its_first_write_alone() -> None:
    store = FakeRateLimits(BURST)
    charge = charge_on(store)
    charge.reserve()
    for _ in range(2):
        charge.charge_with(lambda: store.calls.append("write"))
    charge.charge()
    assert store.calls == ["ask", "write", "charge", "write"]


def test_message_out_of_the_burst_is_charged_without_a_write() -> None:
    store = FakeRateLimits(BURST)
    charge = charge_on(store)
    charge.reserve()
    charge.charge()
    charge.charge()
    assert store.calls == ["ask", "charge"]


def test_message_beyond_the_burst_is_refused_until_the_time_that_the_store_tells() -> None:
    charge = charge_on(FakeRateLimits(LIMITED))
    charge.reserve()
    with pytest.raises(RateLimited) as refused:
        charge.raise_if_limited()
    assert refused.value.retry_after == 1.5


@pytest.mark.parametrize("decision", [STEADY, BURST, BURST._replace(overlaps=True)])
def test_overlap_with_another_message_is_that_of_the_decision(decision: RateLimitDecision) -> None:
    charge = charge_on(FakeRateLimits(decision))
    assert not charge.overlaps, "not asked yet"
    charge.reserve()
    assert charge.overlaps == decision.overlaps


def test_nothing_is_charged_before_the_limit_was_asked() -> None:
    store = FakeRateLimits(BURST)
    charge = charge_on(store)
    charge.raise_if_limited()
    charge.charge()
    assert store.calls == []


def test_batch_is_charged_at_once() -> None:
    store = FakeRateLimits(STEADY)
    charge_batch("alice", 24, rate_limits=store, runtime=new_runtime(clock=FakeClock(1_000.0)))
    assert store.calls == ["acquire 24"]


def test_batch_beyond_the_limit_is_refused_with_retry_after() -> None:
    with pytest.raises(RateLimited) as limited:
        charge_batch(
            "alice", 24, rate_limits=FakeRateLimits(LIMITED), runtime=new_runtime(clock=FakeClock(1_000.0))
        )
    assert limited.value.retry_after == 1.5


def test_batch_of_reads_costs_no_call() -> None:
    store = FakeRateLimits(LIMITED)
    charge_batch("alice", 0, rate_limits=store, runtime=new_runtime(clock=FakeClock(1_000.0)))
    assert store.calls == []


def test_messages_of_a_charged_batch_are_allowed_without_a_call() -> None:
    charge = RateLimitCharge(
        "alice", rate_limits=PrepaidRateLimits(), runtime=new_runtime(clock=FakeClock(1_000.0))
    )
    charge.reserve()
    charge.raise_if_limited()
    charge.charge()
