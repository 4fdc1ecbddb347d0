"""The poster, and a callback API that throttles, fails, hangs, and answers 410 for open connections."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any, NamedTuple

import pytest
from botocore.credentials import Credentials
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.metrics import Metric
from local.gateway import Apis, Gateway, WebSocketApi
from tests.support.fakes import FakeObserver

CONNECTIONS, FRAMES = 12, 4
FAULTS: dict[str, Any] = {
    "posts_throttled": 0.15,
    "posts_failed": 0.15,
    "posts_failed_after_delivery": 0.1,
    "posts_gone_after_delivery": 0.04,
    "posts_slow": 0.1,
    "slow_post": 0.05,
}


class Result(NamedTuple):
    """The result of a fan-out. Connections are numbered; the first one is closed."""

    stale: list[int]
    received: list[list[int]]
    """The frames that each connection received, by number."""
    counts: dict[Metric, float]


def fan_out(seed: int, seconds: float = 30, **faults: float) -> Result:
    """Post to all connections, with faults that the seed decides."""
    connection_ids: list[str] = []

    def on_connect(event: dict[str, Any], context: Any) -> dict[str, Any]:
        connection_ids.append(event["requestContext"]["connectionId"])
        return {"statusCode": 200}

    api = WebSocketApi(connect=on_connect, default=lambda event, context: {"statusCode": 200})
    with Gateway(Apis(websocket=api)) as gateway, contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connect(gateway.ws_url)) for _ in range(CONNECTIONS)]
        sockets[0].close()
        deadline = time.monotonic() + 10
        while connection_ids[0] in gateway.connections():
            assert time.monotonic() < deadline, "the gateway has not noticed that the connection is closed"
            time.sleep(0.005)
        gateway.change(seed=seed, **(faults or FAULTS))
        observer = FakeObserver()
        credentials = Credentials("key", "secret").get_frozen_credentials
        poster = ApiGatewayPoster(gateway.management_url, "us-east-1", credentials, SystemClock(), observer)
        frames = [json.dumps(number).encode() for number in range(FRAMES)]
        stale = poster.post_all(dict.fromkeys(connection_ids, frames), time.monotonic() + seconds)
        for connection_id in connection_ids:
            poster.close(connection_id)
        received = [frames_of(socket) for socket in sockets]
    stale_numbers = [connection_ids.index(connection_id) for connection_id in stale]
    return Result(stale_numbers, received, observer.sums())


def frames_of(socket: Any) -> list[int]:
    """Return everything that a connection received until it was closed."""
    frames: list[int] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            frames.append(json.loads(socket.recv(timeout=10)))
    return frames


@pytest.mark.parametrize("seed", range(4))
def test_connections_that_are_not_stale_receive_all_frames_in_order_at_least_once(seed: int) -> None:
    stale, received, counts = fan_out(seed)
    assert 0 in stale
    assert received[0] == []
    for number in range(1, CONNECTIONS):
        assert received[number] == sorted(received[number])
        if number not in stale:
            assert set(received[number]) == set(range(FRAMES))
    assert counts[Metric.POSTS_GONE] == len(stale)
    assert counts[Metric.POSTS_RETRIED] > 0
    assert Metric.POSTS_DROPPED not in counts


def test_some_open_connection_is_reported_as_stale() -> None:
    assert [number for seed in range(4) for number in fan_out(seed).stale if number]


def test_same_seed_has_the_same_result() -> None:
    assert fan_out(7) == fan_out(7)
    assert fan_out(7) != fan_out(8)


def test_hung_posts_end_at_the_deadline_and_delay_no_other_connection() -> None:
    started = time.monotonic()
    result = fan_out(3, seconds=1.0, posts_hung=0.2)
    assert time.monotonic() - started < 10
    assert result.counts[Metric.POSTS_DROPPED] > 0
    assert any(set(frames) == set(range(FRAMES)) for frames in result.received)
    assert result.stale == [0]
