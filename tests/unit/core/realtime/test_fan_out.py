"""The metrics of a fan-out and of the reply before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.concurrency import Gather, run_parallel
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.outbox import DirectReply, ToSubscribers
from tests.support.app_harness import AppHarness
from tests.support.fakes import FakeClock, FakeObserver
from tests.support.runtime import new_runtime


def fan_out(harness: AppHarness, observer: FakeObserver, clock: Clock, gather: Gather = run_parallel) -> FanOut:
    return FanOut(
        connections=harness.chat.stores.connections,
        subscriptions=harness.chat.stores.subscriptions,
        presence=harness.chat.realtime.fan_out._presence,
        feed=harness.chat.realtime.fan_out._feed,
        poster=harness.poster,
        runtime=new_runtime(observer=observer, clock=clock, gather=gather),
    )


@pytest.fixture
def observer() -> FakeObserver:
    return FakeObserver()


def test_ack_latency_starts_when_api_gateway_received_the_frame(
    harness: AppHarness, observer: FakeObserver
) -> None:
    delivery = fan_out(harness, observer, FakeClock(1_000.25))
    ack = DirectReply("a=", 0, [{"type": "message_ack"}], received_at=1_000_000)
    delivery.deliver([], within=5, reply=ack)
    assert observer.values == {Metric.ACK_LATENCY: [250.0]}
    for silent in (
        ack._replace(frames=[{"type": "pong"}]),
        ack._replace(received_at=None),
        ack._replace(frames=[]),
    ):
        delivery.deliver([], within=5, reply=silent)
    harness.poster.stale.add("a=")
    delivery.deliver([], within=5, reply=ack)
    assert observer.values == {Metric.ACK_LATENCY: [250.0]}
    # A clock behind API Gateway's does not yield a negative duration.
    delivery.deliver([], within=5, reply=ack._replace(connection_id="b=", received_at=2_000_000))
    assert observer.values[Metric.ACK_LATENCY] == [250.0, 0.0]


def test_reply_alone_needs_no_thread(harness: AppHarness, observer: FakeObserver) -> None:
    calls: list[int] = []

    def gather(*tasks: Callable[[], Any]) -> list[Any]:
        calls.append(len(tasks))
        return run_parallel(*tasks)

    delivery = fan_out(harness, observer, FakeClock(), gather)
    delivery.deliver([], within=5, reply=DirectReply("a=", 0, [{"type": "pong"}]))
    assert calls == [1]


def test_fan_out_is_measured_for_all_outcomes(harness: AppHarness, observer: FakeObserver) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    for person in ("alice", "bob"):
        harness.connect(f"{person}-{conversation_id}", person, conversation_id)
    harness.poster.stale.add(f"bob-{conversation_id}")
    delivery = fan_out(harness, observer, SystemClock())
    frame = {"type": "events"}
    delivery.deliver(
        [ToSubscribers(conversation_id, frame, {}), ToSubscribers(conversation_id, frame, {})], within=5
    )
    assert observer.values[Metric.FAN_OUT_SIZE] == [2]
    (duration,) = observer.values[Metric.FAN_OUT_LATENCY]
    assert 0 <= duration < 5_000
