"""The contract of every `ConnectionPoster`: the deployed one, over real sockets, and those of the tests."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from botocore.credentials import Credentials
from websockets.sync.client import ClientConnection, connect

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.ports.delivery import ConnectionPoster
from local.gateway import Apis, Gateway, WebSocketApi
from tests.support.fakes import FakePoster

NAMES = ("a", "b", "c")


class Rig(Protocol):
    """A poster, and named connections to post to."""

    poster: ConnectionPoster

    def id_of(self, name: str) -> str:
        """Return the id of a connection."""
        ...

    def lose(self, name: str) -> None:
        """Close a connection: a post to it is answered with 410."""
        ...

    def received(self, name: str, count: int) -> list[Any]:
        """Return the first `count` frames that a connection received."""
        ...


class FakeRig:
    """The poster of the tests."""

    def __init__(self) -> None:
        self.fake = FakePoster()
        self.poster: ConnectionPoster = self.fake

    def id_of(self, name: str) -> str:
        return name

    def lose(self, name: str) -> None:
        self.fake.stale.add(name)

    def received(self, name: str, count: int) -> list[Any]:
        return [frame for connection_id, frame in self.fake.posts if connection_id == name][:count]


class DeployedRig:
    """The poster that is deployed, the local gateway, and real sockets."""

    def __init__(self, gateway: Gateway, connection_ids: list[str], stack: contextlib.ExitStack) -> None:
        credentials = Credentials("key", "secret")
        self.poster: ConnectionPoster = ApiGatewayPoster(
            gateway.management_url, "us-east-1", credentials.get_frozen_credentials, SystemClock()
        )
        self._gateway = gateway
        self._sockets: dict[str, ClientConnection] = {}
        self._ids: dict[str, str] = {}
        for name in NAMES:
            self._sockets[name] = stack.enter_context(connect(gateway.ws_url))
            self._ids[name] = connection_ids[-1]

    def id_of(self, name: str) -> str:
        return self._ids[name]

    def lose(self, name: str) -> None:
        self._sockets[name].close()
        deadline = time.monotonic() + 10
        while self._ids[name] in self._gateway.connections():
            assert time.monotonic() < deadline, "the gateway has not noticed that the connection is closed"
            time.sleep(0.005)

    def received(self, name: str, count: int) -> list[Any]:
        return [json.loads(self._sockets[name].recv(timeout=10)) for _ in range(count)]


@pytest.fixture(params=["fake", "deployed"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    connection_ids: list[str] = []

    def on_connect(event: dict[str, Any], context: Any) -> dict[str, Any]:
        connection_ids.append(event["requestContext"]["connectionId"])
        return {"statusCode": 200}

    api = WebSocketApi(connect=on_connect, default=lambda event, context: {"statusCode": 200})
    with Gateway(Apis(websocket=api)) as gateway, contextlib.ExitStack() as stack:
        yield DeployedRig(gateway, connection_ids, stack)


def deadline() -> float:
    return time.monotonic() + 10


def frame(text: str) -> bytes:
    return json.dumps({"type": "event", "text": text}, ensure_ascii=False).encode()


def texts(frames: list[Any]) -> list[str]:
    return [each["text"] for each in frames]


def test_each_connection_receives_its_own_frames_in_order(rig: Rig) -> None:
    expected = {name: [f"{name} {number} grüß 👋" for number in range(5)] for name in NAMES}
    payloads = {rig.id_of(name): [frame(text) for text in expected[name]] for name in NAMES}
    assert rig.poster.post_all(payloads, deadline()) == []
    assert {name: texts(rig.received(name, 5)) for name in NAMES} == expected


def test_stale_connection_is_returned_and_the_others_receive_their_frames(rig: Rig) -> None:
    rig.lose("b")
    payloads = {rig.id_of(name): [frame(name), frame("again")] for name in NAMES}
    assert rig.poster.post_all(payloads, deadline()) == [rig.id_of("b")]
    for name in ("a", "c"):
        assert texts(rig.received(name, 2)) == [name, "again"]


def test_all_stale_connections_are_returned(rig: Rig) -> None:
    for name in NAMES:
        rig.lose(name)
    payloads = {rig.id_of(name): [frame(name)] for name in NAMES}
    assert sorted(rig.poster.post_all(payloads, deadline())) == sorted(payloads)


def test_single_connection_is_no_special_case(rig: Rig) -> None:
    assert rig.poster.post_all({rig.id_of("a"): [frame("one")]}, deadline()) == []
    assert texts(rig.received("a", 1)) == ["one"]
    rig.lose("c")
    assert rig.poster.post_all({rig.id_of("c"): [frame("one")]}, deadline()) == [rig.id_of("c")]


def test_no_payloads_have_no_stale_connections(rig: Rig) -> None:
    assert rig.poster.post_all({}, deadline()) == []


def test_closing_twice_does_not_raise(rig: Rig) -> None:
    rig.poster.close(rig.id_of("a"))
    rig.poster.close(rig.id_of("a"))
