"""The poster that is deployed, and a callback API that throttles, fails, hangs and lies."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from typing import Any, NamedTuple

import pytest
from botocore.credentials import Credentials
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.metrics import Metric, NullObserver
from local.gateway import Apis, Gateway, WebSocketApi

SOCKETS, FRAMES = 12, 4
TROUBLE: dict[str, Any] = {
    "posts_throttled": 0.15,
    "posts_failed": 0.15,
    "posts_failed_after_delivery": 0.1,
    "posts_gone_after_delivery": 0.04,
    "posts_slow": 0.1,
    "slow_post": 0.05,
}


class Run(NamedTuple):
    """What came of a fan-out; sockets by their numbers."""

    gone: list[int]
    heard: list[list[int]]
    told: dict[Metric, float]


class Told(NullObserver):
    """Adds up."""

    def __init__(self) -> None:
        self.counts: Counter[Metric] = Counter()

    def count(self, what: Metric, value: float = 1) -> None:
        self.counts[what] += int(value)


def run(seed: int, seconds: float = 30, **trouble: float) -> Run:
    ids: list[str] = []

    def opened(event: dict[str, Any], context: Any) -> dict[str, Any]:
        ids.append(event["requestContext"]["connectionId"])
        return {"statusCode": 200}

    api = WebSocketApi(connect=opened, default=lambda event, context: {"statusCode": 200})
    with Gateway(Apis(websocket=api)) as gateway, contextlib.ExitStack() as opening:
        sockets = [opening.enter_context(connect(gateway.ws_url)) for _ in range(SOCKETS)]
        sockets[0].close()
        deadline = time.monotonic() + 10
        while ids[0] in gateway.connections():
            assert time.monotonic() < deadline, "the gateway has not noticed that the socket is closed"
            time.sleep(0.005)
        gateway.change(seed=seed, **(trouble or TROUBLE))
        told = Told()
        credentials = Credentials("key", "secret").get_frozen_credentials
        poster = ApiGatewayPoster(gateway.management_url, "us-east-1", credentials, SystemClock(), told)
        mail = {each: [json.dumps(number).encode() for number in range(FRAMES)] for each in ids}
        gone = poster.post_all(mail, time.monotonic() + seconds)
        for each in ids:
            poster.close(each)
        heard = [heard_by(each) for each in sockets]
    return Run([ids.index(each) for each in gone], heard, dict(+told.counts))


def heard_by(socket: Any) -> list[int]:
    """Everything until the socket was closed."""
    found: list[int] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            found.append(json.loads(socket.recv(timeout=10)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_whoever_is_not_said_to_be_gone_hears_all_in_order_at_least_once(seed: int) -> None:
    gone, heard, told = run(seed)
    assert 0 in gone
    assert heard[0] == []
    for number in range(1, SOCKETS):
        assert heard[number] == sorted(heard[number])
        if number not in gone:
            assert set(heard[number]) == set(range(FRAMES))
    assert told[Metric.POSTS_GONE] == len(gone)
    assert told[Metric.POSTS_RETRIED] > 0
    assert Metric.POSTS_DROPPED not in told


def test_some_seed_says_of_a_socket_that_hears_that_it_is_gone() -> None:
    lies = [number for seed in range(4) for number in run(seed).gone if number]
    assert lies


def test_the_same_seed_gives_the_same_run() -> None:
    assert run(7) == run(7)
    assert run(7) != run(8)


def test_posts_that_hang_are_given_up_at_the_deadline_and_the_others_go_out() -> None:
    begun = time.monotonic()
    found = run(3, seconds=1.0, posts_hung=0.2)
    assert time.monotonic() - begun < 10
    assert found.told[Metric.POSTS_DROPPED] > 0
    assert any(set(each) == set(range(FRAMES)) for each in found.heard)
    assert found.gone == [0]
