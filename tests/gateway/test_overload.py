"""More load than the workers can serve: throttling, invocations that are not started, and no deadlock."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.frames import Frame, Opcode

from local.gateway import Apis, Gateway, RequestAuthorizer, RestApi, Route, WebSocketApi, load_gateway_responses
from local.gateway.relief import INTERVAL

from .conftest import Connect, Serve
from .support import (
    DEADLINE,
    Event,
    FakeFunction,
    allow,
    fetch,
    fetch_until_stopped,
    manage,
    raw_socket,
    server_side,
    wait_until,
)
from .test_handshake import rejection_status
from .test_messages import next_text

ONE_WORKER: dict[str, Any] = {"function_workers": 1, "function_concurrency": 1, "blocked_after": 60.0}


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """An event on which functions wait, set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def rest(handler: Any) -> RestApi:
    return RestApi(handler, (Route("/", "GET"),), load_gateway_responses())


def busy_gateway(serve: Serve, held: threading.Event, api: WebSocketApi, **settings: Any) -> Gateway:
    """Return a gateway whose only worker waits in a request."""
    function = FakeFunction(lambda event: held.wait(DEADLINE) and {"statusCode": 200})
    gateway = serve(Apis(rest=rest(function), websocket=api), **ONE_WORKER, **settings)
    threading.Thread(target=fetch_until_stopped, args=(gateway.http_url,), daemon=True).start()
    function.wait_for(1)
    return gateway


@pytest.mark.parametrize("url", ["http_url", "ws_url"])
def test_accepted_sockets_have_no_nagle_delay(serve: Serve, url: str) -> None:
    gateway = serve(WebSocketApi())
    address = urlsplit(getattr(gateway, url))
    with socket.create_connection((address.hostname, address.port), timeout=DEADLINE) as client:
        client.sendall(b"GET /local HTTP/1.1\r\nHost: x\r\n\r\n")
        client.settimeout(DEADLINE)
        client.recv(1, socket.MSG_PEEK)  # an answer: the connection has been accepted
        with closing(server_side(client)) as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_message_that_does_not_fit_into_the_queue_gets_an_error_frame(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    default = FakeFunction()
    gateway = busy_gateway(serve, held, WebSocketApi(default=default), queue_length=1)
    client = connect(gateway.ws_url)
    client.send("fits")
    wait_until(lambda: gateway.counters().get("websocket.messages"), "the message that fits")
    client.send("does not fit")
    frame = json.loads(next_text(client))
    assert frame["message"] == "Too Many Requests"
    assert gateway.counters()["websocket.messages"] == 1, "no event was made for the other one"
    assert sys.getswitchinterval() == INTERVAL, "the functions get their part of the interpreter"
    assert frame["connectionId"] == gateway.connections()[0]
    held.set()
    default.wait_for(1)
    assert default.bodies() == ["fits"]
    client.send("later")
    default.wait_for(2)


def test_request_that_does_not_fit_into_the_queue_is_429(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    gateway = busy_gateway(serve, held, WebSocketApi(), queue_length=0)
    reply = fetch(gateway.http_url)
    assert (reply.status, reply.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert int(reply.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("route", ["connect", "authorizer"])
def test_handshake_that_does_not_fit_into_the_queue_is_429(
    serve: Serve, connect: Connect, held: threading.Event, route: str
) -> None:
    function = FakeFunction(lambda event: allow(event["methodArn"]))
    api = (
        WebSocketApi(connect=function)
        if route == "connect"
        else WebSocketApi(authorizer=RequestAuthorizer(function))
    )
    gateway = busy_gateway(serve, held, api, queue_length=0)
    assert rejection_status(connect, gateway.ws_url) == 429
    assert function.events == []


def test_invocation_that_waits_too_long_is_throttled_and_never_started(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    default = FakeFunction()
    gateway = busy_gateway(serve, held, WebSocketApi(default=default))
    gateway.change(queue_timeout=0.05)
    client = connect(gateway.ws_url)
    client.send("too late")
    assert json.loads(next_text(client))["message"] == "Too Many Requests"
    held.set()
    gateway.change(queue_timeout=DEADLINE)
    client.send("in time")
    default.wait_for(1)
    assert default.bodies() == ["in time"]


def test_request_whose_client_has_left_the_queue_is_not_started(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    started = FakeFunction()
    release = FakeFunction(lambda event: held.wait(DEADLINE) and {"statusCode": 200})
    routes = (Route("/hold", "GET"), Route("/wait", "GET"))
    handler = lambda event, context: (release if event["path"] == "/hold" else started)(event, context)  # noqa: E731
    gateway = serve(Apis(rest=RestApi(handler, routes, load_gateway_responses())), **ONE_WORKER)
    threading.Thread(target=fetch_until_stopped, args=(f"{gateway.http_url}/hold",), daemon=True).start()
    release.wait_for(1)
    address = urlsplit(gateway.http_url)
    with socket.create_connection((address.hostname, address.port), timeout=DEADLINE) as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: gateway.counters().get("rest.requests") == 2, "the second request")
    replies = threading.Thread(target=fetch, args=(f"{gateway.http_url}/hold",))
    replies.start()
    wait_until(lambda: gateway.counters().get("rest.requests") == 3, "the third request")
    held.set()
    replies.join(DEADLINE)
    assert started.events == []


def test_connect_function_of_a_client_that_has_left_is_not_started(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    on_connect = FakeFunction()
    gateway = busy_gateway(serve, held, WebSocketApi(connect=on_connect))
    with raw_socket(gateway.ws_url) as client:
        client.send_upgrade()
        wait_until(lambda: gateway.counters().get("websocket.connects"), "the handshake")
    wait_until(lambda: gateway.counters().get("websocket.left_during_connect"), "the loss")
    held.set()
    connect(gateway.ws_url)
    assert len(on_connect.events) == 1


def test_disconnect_functions_survive_a_full_queue(serve: Serve, connect: Connect, held: threading.Event) -> None:
    disconnect = FakeFunction()
    gateway = busy_gateway(serve, held, WebSocketApi(disconnect=disconnect), queue_length=0)
    gateway.change(queue_timeout=0.0)
    clients = [connect(gateway.ws_url) for _ in range(20)]
    for client in clients:
        client.close()
    wait_until(lambda: gateway.counters().get("websocket.disconnects") == 20, "the closed connections")
    assert disconnect.events == []
    held.set()
    assert len(disconnect.wait_for(20)) == 20


def test_posts_are_served_while_every_worker_posts(serve: Serve, connect: Connect) -> None:
    together = threading.Barrier(2, timeout=DEADLINE)
    statuses: list[int] = []

    def post(event: Event) -> None:
        together.wait()  # both workers are busy now
        own = event["requestContext"]["connectionId"]
        statuses.append(manage(gateway.management_url, "POST", own, body="posted").status)

    gateway = serve(
        WebSocketApi(default=FakeFunction(post)), function_workers=2, function_concurrency=2, blocked_after=60.0
    )
    client = connect(gateway.ws_url)
    client.send("one")
    client.send("two")
    assert [next_text(client), next_text(client)] == ["posted", "posted"]
    wait_until(lambda: statuses == [200, 200], "the answers to the posts")


def test_threads_return_to_the_idle_level(serve: Serve) -> None:
    leave = threading.Event()
    function = FakeFunction(lambda event: leave.wait(DEADLINE) and {"statusCode": 200})
    gateway = serve(Apis(rest=rest(function)), function_workers=2, blocked_after=0.02)
    callers = [threading.Thread(target=fetch, args=(gateway.http_url,)) for _ in range(12)]
    for caller in callers:
        caller.start()
    function.wait_for(12)
    # On a busy machine a further thread may have started while a call was about to reach its own.
    assert 12 <= gateway.function_threads() <= 14
    leave.set()
    for caller in callers:
        caller.join()
    wait_until(lambda: gateway.function_threads() == 2, "the idle level")


def test_client_that_does_not_read_is_not_read_either(serve: Serve, held: threading.Event) -> None:
    gateway = busy_gateway(serve, held, WebSocketApi(), queue_length=0, send_buffer_bytes=65_536)
    message = Frame(Opcode.TEXT, b"x").serialize(mask=True)
    messages = message * 200_000
    with raw_socket(gateway.ws_url, receive_buffer=4_096) as client:
        client.open()
        with closing(server_side(client.sock)) as accepted:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        client.sock.settimeout(0.5)
        sent = 0
        with suppress(TimeoutError):
            while sent < len(messages):
                sent += client.sock.send(messages[sent : sent + 65_536])
        assert sent < len(messages) / 2, "the rest would have been answered into the gateway's memory"
        client.sock.settimeout(DEADLINE)
        for _ in range(sent // len(message)):
            assert json.loads(bytes(client.read_frame().data))["message"] == "Too Many Requests"
