"""Points 32–36 of the checklist: the end of connections, and the ``$disconnect`` event."""

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.server import ServerProtocol

from local.gateway import WebSocketApi
from local.gateway.sockets import GatewaySocket

from .conftest import Connect, Serve
from .support import DEADLINE, Event, FakeFunction, ManualClock, manage, raw_socket, unless_throttled, wait_until
from .test_handshake import rejection_status
from .test_messages import closed, next_text


def ending(event: Event) -> tuple[int, str]:
    """Return code and reason of a ``$disconnect`` event."""
    context = event["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


def test_32_idle_connection_is_closed_after_600_seconds(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(default=FakeFunction(), disconnect=disconnect), clock=clock)
    socket = connect(gateway.ws_url)
    clock.advance(599)
    assert len(gateway.connections()) == 1
    clock.advance(1)
    assert closed(socket) == (1001, "Going away")
    assert ending(disconnect.wait_for(1)[0]) == (1001, "Going away")


def test_32_client_message_resets_the_idle_timer(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    function = FakeFunction()
    gateway = serve(WebSocketApi(default=function), clock=clock)
    socket = connect(gateway.ws_url)
    clock.advance(500)
    socket.send("active")
    function.wait_for(1)
    clock.advance(599)
    socket.send("still open")
    function.wait_for(2)
    clock.advance(600)
    assert closed(socket)[0] == 1001


def test_32_idle_timeout_setting_applies_in_real_time(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(), idle_timeout=0.1)
    started = time.monotonic()
    assert closed(connect(gateway.ws_url))[0] == 1001
    assert time.monotonic() - started >= 0.1


def test_33_active_connection_is_closed_after_two_hours(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    function, disconnect = FakeFunction(), FakeFunction()
    gateway = serve(WebSocketApi(default=function, disconnect=disconnect), clock=clock)
    socket = connect(gateway.ws_url)
    for minutes in range(0, 7_200 - 300, 300):
        clock.advance(300)
        socket.send(str(minutes))
        function.wait_for(minutes // 300 + 1)
    clock.advance(299)
    socket.send("one second before")
    function.wait_for(24)
    clock.advance(1)
    assert closed(socket) == (1001, "Going away")
    assert ending(disconnect.wait_for(1)[0]) == (1001, "Going away")


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (1000, "", (1000, "")),
        (1001, "", (1001, "")),
        (4321, "good bye", (4321, "good bye")),
    ],
)
def test_34_client_close_code_is_in_the_disconnect_event(
    serve: Serve, connect: Connect, code: int, reason: str, expected: tuple[int, str]
) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect))
    connect(gateway.ws_url).close(code, reason)
    assert ending(disconnect.wait_for(1)[0]) == expected


def test_34_close_without_a_code_is_reported_as_1005(serve: Serve) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), close_timeout=0.1)
    with raw_socket(gateway.ws_url) as client:
        client.open()
        client.sock.sendall(b"\x88\x80\x00\x00\x00\x00")  # a masked close frame without payload
        assert client.sock.recv(2) == b"\x88\x00"
        assert ending(disconnect.wait_for(1)[0]) == (1005, "Client-side close frame status not set")


def test_34_connection_lost_without_a_close_frame_is_reported_as_1006(serve: Serve) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect))
    with raw_socket(gateway.ws_url) as client:
        client.open()
    assert ending(disconnect.wait_for(1)[0]) == (1006, "")


def test_35_disconnect_runs_once_after_the_close(serve: Serve, connect: Connect) -> None:
    seen: list[tuple[list[str], int]] = []

    def on_disconnect(event: Event) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        seen.append((gateway.connections(), manage(gateway.management_url, "GET", own).status))
        return {"statusCode": 200}

    gateway = serve(WebSocketApi(disconnect=FakeFunction(on_disconnect)))
    connect(gateway.ws_url).close()
    wait_until(lambda: seen, "$disconnect")
    gateway.stop()
    assert seen == [([], 410)]


def test_35_disconnect_can_be_dropped(serve: Serve, connect: Connect) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), disconnect="dropped")
    connect(gateway.ws_url).close()
    wait_until(lambda: gateway.counters().get("websocket.disconnects_dropped"), "the dropped event")
    gateway.stop()
    assert disconnect.events == []


def test_35_disconnect_can_be_delayed_until_after_the_next_connect(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    steps: list[str] = []

    def step(event: Event) -> dict[str, int]:
        steps.append(event["requestContext"]["routeKey"])
        return {"statusCode": 200}

    on_connect, disconnect = FakeFunction(step), FakeFunction(step)
    api = WebSocketApi(connect=on_connect, disconnect=disconnect)
    gateway = serve(api, clock=clock, disconnect="late", disconnect_delay=60.0)
    connect(gateway.ws_url).close()
    wait_until(lambda: not gateway.connections(), "the end of the first connection")
    connect(gateway.ws_url)
    disconnect.wait_for(1)
    assert steps == ["$connect", "$connect", "$disconnect"]
    first, second = (event["requestContext"]["connectionId"] for event in on_connect.events)
    assert disconnect.events[0]["requestContext"]["connectionId"] == first != second


def test_35_late_disconnect_runs_without_another_connect(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), clock=clock, disconnect="late", disconnect_delay=5.0)
    connect(gateway.ws_url).close()
    wait_until(lambda: clock.sleepers(within=5.0) == 1, "the wait for another connect")
    assert disconnect.events == []
    clock.advance(5.0)
    disconnect.wait_for(1)


def test_35_disconnect_can_be_duplicated(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), clock=clock, disconnect="doubled", disconnect_delay=5.0)
    connect(gateway.ws_url).close()
    disconnect.wait_for(1)
    wait_until(lambda: clock.sleepers(within=5.0) == 1, "the wait before the repetition")
    clock.advance(5.0)
    first, second = (event["requestContext"] for event in disconnect.wait_for(2))
    assert first["connectionId"] == second["connectionId"]
    assert first["requestId"] != second["requestId"]


@pytest.mark.parametrize("answer", [RuntimeError("broken"), {"statusCode": 500}, {}, lambda event: None])
def test_36_disconnect_errors_are_not_retried(serve: Serve, connect: Connect, answer: Any) -> None:
    disconnect, function = FakeFunction(answer), FakeFunction()
    gateway = serve(WebSocketApi(default=function, disconnect=disconnect))
    other = connect(gateway.ws_url)
    connect(gateway.ws_url).close()
    disconnect.wait_for(1)
    other.send("still served")
    function.wait_for(1)
    gateway.stop()
    assert len(disconnect.events) == 2  # one per connection, no retry


def test_36_post_from_disconnect_to_its_own_connection_is_410(serve: Serve, connect: Connect) -> None:
    statuses: list[int] = []

    def on_disconnect(event: Event) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        statuses.append(manage(gateway.management_url, "POST", own, body="farewell").status)
        return {"statusCode": 200}

    gateway = serve(WebSocketApi(disconnect=FakeFunction(on_disconnect)))
    connect(gateway.ws_url).close()
    wait_until(lambda: statuses, "$disconnect")
    assert statuses == [410]


def test_messages_sent_before_the_close_are_handled(serve: Serve, connect: Connect) -> None:
    function = FakeFunction()
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    for number in range(5):
        socket.send(str(number))
    socket.close()
    assert sorted(event["body"] for event in function.wait_for(5)) == ["0", "1", "2", "3", "4"]


def test_client_that_ignores_the_close_frame_is_aborted(serve: Serve) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), close_timeout=0.1)
    with raw_socket(gateway.ws_url) as client:
        client.open()
        own = gateway.connections()[0]
        assert manage(gateway.management_url, "DELETE", own).status == 204
        assert manage(gateway.management_url, "GET", own).status == 410  # before the timeout
        assert ending(disconnect.wait_for(1)[0]) == (1000, "Connection Closed Normally")


def test_gateway_error_frame_to_a_closed_connection_is_discarded(serve: Serve, connect: Connect) -> None:
    leave = threading.Event()

    def fail(_event: Event) -> None:
        leave.wait(DEADLINE)
        raise RuntimeError

    function, other = FakeFunction(fail), FakeFunction()
    gateway = serve(WebSocketApi(default=function, routes={"other": other}))
    socket = connect(gateway.ws_url)
    socket.send("hello")
    function.wait_for(1)
    socket.close()
    leave.set()
    wait_until(lambda: gateway.counters().get("websocket.gateway_frames"), "the discarded frame")
    second = connect(gateway.ws_url)
    second.send(json.dumps({"action": "other"}))
    other.wait_for(1)
    own = gateway.connections()[0]
    manage(gateway.management_url, "POST", own, body="for the second")
    assert next_text(second) == "for the second"


def sockets() -> list[object]:
    """Return all sockets of gateways in this process, and the library's protocol objects of them."""
    return [found for found in gc.get_objects() if issubclass(type(found), GatewaySocket | ServerProtocol)]


@pytest.fixture
def all_are_freed() -> Iterator[Callable[[], bool]]:
    """Return whether all sockets of the test are freed, while no cycle of objects is.

    Errors that are parameters of other tests may have kept some: a traceback refers to all its frames.
    """
    gc.collect()
    kept = sockets()
    was_enabled = gc.isenabled()
    gc.disable()
    yield lambda: all(any(found is before for before in kept) for found in sockets())
    if was_enabled:
        gc.enable()


def test_socket_that_has_ended_is_freed_without_the_garbage_collector(
    serve: Serve, connect: Connect, all_are_freed: Callable[[], bool]
) -> None:
    refuses = threading.Event()
    disconnect = FakeFunction()
    api = WebSocketApi(
        connect=FakeFunction(lambda event: {"statusCode": 401 if refuses.is_set() else 200}),
        default=FakeFunction(),
        disconnect=disconnect,
    )
    gateway = serve(api)
    closing, deleted = connect(gateway.ws_url, subprotocols=["chat"]), connect(gateway.ws_url)
    closing.send("hello")
    closing.close()
    manage(gateway.management_url, "DELETE", gateway.connections()[-1])
    assert closed(deleted) == (1000, "Connection Closed Normally")
    with raw_socket(gateway.ws_url) as client:
        client.open().send_text("hello")
    with raw_socket(gateway.ws_url):
        """It ends before its upgrade request."""
    disconnect.wait_for(3)
    refuses.set()
    assert rejection_status(connect, gateway.ws_url) == 401
    wait_until(all_are_freed, "the end of all sockets")


def test_socket_whose_handshake_timed_out_is_freed_without_the_garbage_collector(
    serve: Serve, connect: Connect, all_are_freed: Callable[[], bool]
) -> None:
    answers = threading.Event()
    function = FakeFunction(lambda event: answers.wait(DEADLINE) and {"statusCode": 200})
    gateway = serve(WebSocketApi(connect=function), integration_timeout=0.05)
    assert unless_throttled(lambda: rejection_status(connect, gateway.ws_url), 429) == 504
    answers.set()
    wait_until(all_are_freed, "the end of all sockets")
