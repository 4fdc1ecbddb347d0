"""What every `core.ports.Poster` promises: the one that is deployed, over real sockets, and those of the tests."""

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

SOCKETS = ("a", "b", "c")


class Rig(Protocol):
    """A poster, sockets to post to, and what they heard."""

    poster: ConnectionPoster

    def id_of(self, socket: str) -> str:
        """The connection id of a socket."""
        ...

    def lose(self, socket: str) -> None:
        """The socket is gone: a post to it is answered with 410."""
        ...

    def heard(self, socket: str, count: int) -> list[Any]:
        """The first `count` frames that reached it."""
        ...


class Fake:
    """The poster of the tests."""

    def __init__(self) -> None:
        self.fake = FakePoster()
        self.poster: ConnectionPoster = self.fake

    def id_of(self, socket: str) -> str:
        return socket

    def lose(self, socket: str) -> None:
        self.fake.stale.add(socket)

    def heard(self, socket: str, count: int) -> list[Any]:
        return [frame for connection_id, frame in self.fake.posts if connection_id == socket][:count]


class Deployed:
    """The poster that is deployed, the local gateway, and a real socket for each name."""

    def __init__(self, gateway: Gateway, ids: list[str], open_sockets: contextlib.ExitStack) -> None:
        credentials = Credentials("key", "secret")
        self.poster: ConnectionPoster = ApiGatewayPoster(
            gateway.management_url, "us-east-1", credentials.get_frozen_credentials, SystemClock()
        )
        self._gateway = gateway
        self._sockets: dict[str, ClientConnection] = {}
        self._ids: dict[str, str] = {}
        for name in SOCKETS:
            self._sockets[name] = open_sockets.enter_context(connect(gateway.ws_url))
            self._ids[name] = ids[-1]

    def id_of(self, socket: str) -> str:
        return self._ids[socket]

    def lose(self, socket: str) -> None:
        self._sockets[socket].close()
        deadline = time.monotonic() + 10
        while self._ids[socket] in self._gateway.connections():
            assert time.monotonic() < deadline, "the gateway has not noticed that the socket is closed"
            time.sleep(0.005)

    def heard(self, socket: str, count: int) -> list[Any]:
        return [json.loads(self._sockets[socket].recv(timeout=10)) for _ in range(count)]


@pytest.fixture(params=["fake", "deployed"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "fake":
        yield Fake()
        return
    ids: list[str] = []

    def opened(event: dict[str, Any], context: Any) -> dict[str, Any]:
        ids.append(event["requestContext"]["connectionId"])
        return {"statusCode": 200}

    api = WebSocketApi(connect=opened, default=lambda event, context: {"statusCode": 200})
    with Gateway(Apis(websocket=api)) as gateway, contextlib.ExitStack() as open_sockets:
        yield Deployed(gateway, ids, open_sockets)


def soon() -> float:
    return time.monotonic() + 10


def frame(text: str) -> bytes:
    return json.dumps({"type": "event", "text": text}, ensure_ascii=False).encode()


def texts(frames: list[Any]) -> list[str]:
    return [each["text"] for each in frames]


def test_each_socket_gets_its_own_frames_in_their_order(rig: Rig) -> None:
    mail = {rig.id_of(each): [frame(f"{each} {number} grüß 👋") for number in range(5)] for each in SOCKETS}
    assert rig.poster.post_all(mail, soon()) == []
    for each in SOCKETS:
        assert texts(rig.heard(each, 5)) == [f"{each} {number} grüß 👋" for number in range(5)]


def test_who_is_gone_is_named_and_the_others_get_theirs(rig: Rig) -> None:
    rig.lose("b")
    mail = {rig.id_of(each): [frame(each), frame("again")] for each in SOCKETS}
    assert rig.poster.post_all(mail, soon()) == [rig.id_of("b")]
    for each in ("a", "c"):
        assert texts(rig.heard(each, 2)) == [each, "again"]


def test_when_all_are_gone_all_are_named(rig: Rig) -> None:
    for each in SOCKETS:
        rig.lose(each)
    mail = {rig.id_of(each): [frame(each)] for each in SOCKETS}
    assert sorted(rig.poster.post_all(mail, soon())) == sorted(mail)


def test_one_socket_alone_is_no_different(rig: Rig) -> None:
    assert rig.poster.post_all({rig.id_of("a"): [frame("one")]}, soon()) == []
    assert texts(rig.heard("a", 1)) == ["one"]
    rig.lose("c")
    assert rig.poster.post_all({rig.id_of("c"): [frame("one")]}, soon()) == [rig.id_of("c")]


def test_nothing_to_post_is_nothing(rig: Rig) -> None:
    assert rig.poster.post_all({}, soon()) == []


def test_closing_never_raises_not_even_twice(rig: Rig) -> None:
    rig.poster.close(rig.id_of("a"))
    rig.poster.close(rig.id_of("a"))
