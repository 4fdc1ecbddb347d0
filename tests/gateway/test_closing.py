"""Points 32–36 of the checklist: how connections end, and what ``$disconnect`` hears of it."""

import json
import threading
import time
from typing import Any

import pytest

from local.gateway import WebSocketApi

from .conftest import Connect, Serve
from .support import DEADLINE, Event, Function, ManualClock, manage, raw_socket, wait_until
from .test_messages import closed, said


def ending(event: Event) -> tuple[int, str]:
    """Code and reason of a ``$disconnect`` event."""
    context = event["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


def test_32_an_idle_socket_is_closed_after_600_seconds(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(default=Function(), disconnect=disconnect), clock=clock)
    socket = connect(gateway.ws_url)
    clock.advance(599)
    assert len(gateway.connections()) == 1
    clock.advance(1)
    assert closed(socket) == (1001, "Going away")
    assert ending(disconnect.wait_for(1)[0]) == (1001, "Going away")


def test_32_a_message_of_the_client_resets_the_idle_timer(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    function = Function()
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


def test_32_the_idle_time_is_a_setting_in_real_time_too(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(), idle_timeout=0.1)
    started = time.monotonic()
    assert closed(connect(gateway.ws_url))[0] == 1001
    assert time.monotonic() - started >= 0.1


def test_33_a_socket_is_closed_after_two_hours_even_if_it_is_active(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    function, disconnect = Function(), Function()
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
def test_34_a_client_s_close_code_reaches_disconnect(
    serve: Serve, connect: Connect, code: int, reason: str, expected: tuple[int, str]
) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(disconnect=disconnect))
    connect(gateway.ws_url).close(code, reason)
    assert ending(disconnect.wait_for(1)[0]) == expected


def test_34_a_close_without_a_code_is_1005_with_its_text(serve: Serve) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(disconnect=disconnect), close_timeout=0.1)
    with raw_socket(gateway.ws_url) as client:
        client.open()
        client.sock.sendall(b"\x88\x80\x00\x00\x00\x00")  # a masked close frame with no payload
        assert client.sock.recv(2) == b"\x88\x00"
        assert ending(disconnect.wait_for(1)[0]) == (1005, "Client-side close frame status not set")


def test_34_a_connection_lost_without_a_close_frame_is_1006(serve: Serve) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(disconnect=disconnect))
    with raw_socket(gateway.ws_url) as client:
        client.open()
    assert ending(disconnect.wait_for(1)[0]) == (1006, "")


def test_35_disconnect_runs_after_the_socket_is_closed_and_once(serve: Serve, connect: Connect) -> None:
    seen: list[tuple[list[str], int]] = []

    def on_disconnect(event: Event) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        seen.append((gateway.connections(), manage(gateway.management_url, "GET", own).status))
        return {"statusCode": 200}

    gateway = serve(WebSocketApi(disconnect=Function(on_disconnect)))
    connect(gateway.ws_url).close()
    wait_until(lambda: seen, "$disconnect")
    gateway.stop()
    assert seen == [([], 410)]


def test_35_disconnect_may_be_dropped(serve: Serve, connect: Connect) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(disconnect=disconnect), disconnect="dropped")
    connect(gateway.ws_url).close()
    wait_until(lambda: gateway.counters().get("websocket.disconnects_dropped"), "the dropped event")
    gateway.stop()
    assert disconnect.events == []


def test_35_disconnect_may_come_after_the_next_connect(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    steps: list[str] = []

    def step(event: Event) -> dict[str, int]:
        steps.append(event["requestContext"]["routeKey"])
        return {"statusCode": 200}

    on_connect, disconnect = Function(step), Function(step)
    api = WebSocketApi(connect=on_connect, disconnect=disconnect)
    gateway = serve(api, clock=clock, disconnect="late", disconnect_delay=60.0)
    connect(gateway.ws_url).close()
    wait_until(lambda: not gateway.connections(), "the end of the first connection")
    connect(gateway.ws_url)
    disconnect.wait_for(1)
    assert steps == ["$connect", "$connect", "$disconnect"]
    first, second = (event["requestContext"]["connectionId"] for event in on_connect.events)
    assert disconnect.events[0]["requestContext"]["connectionId"] == first != second


def test_35_a_late_disconnect_comes_in_the_end_without_another_connect(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(disconnect=disconnect), clock=clock, disconnect="late", disconnect_delay=5.0)
    connect(gateway.ws_url).close()
    wait_until(lambda: clock.sleepers(within=5.0) == 1, "the wait for another connect")
    assert disconnect.events == []
    clock.advance(5.0)
    disconnect.wait_for(1)


def test_35_disconnect_may_come_twice(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(disconnect=disconnect), clock=clock, disconnect="doubled", disconnect_delay=5.0)
    connect(gateway.ws_url).close()
    disconnect.wait_for(1)
    wait_until(lambda: clock.sleepers(within=5.0) == 1, "the wait before the repeat")
    clock.advance(5.0)
    first, second = (event["requestContext"] for event in disconnect.wait_for(2))
    assert first["connectionId"] == second["connectionId"]
    assert first["requestId"] != second["requestId"]


@pytest.mark.parametrize("answer", [RuntimeError("broken"), {"statusCode": 500}, {}, lambda event: None])
def test_36_errors_of_disconnect_are_swallowed(serve: Serve, connect: Connect, answer: Any) -> None:
    disconnect, function = Function(answer), Function()
    gateway = serve(WebSocketApi(default=function, disconnect=disconnect))
    other = connect(gateway.ws_url)
    connect(gateway.ws_url).close()
    disconnect.wait_for(1)
    other.send("still served")
    function.wait_for(1)
    gateway.stop()
    assert len(disconnect.events) == 2  # one for each connection, no retry


def test_36_posting_from_disconnect_to_the_own_id_is_410(serve: Serve, connect: Connect) -> None:
    statuses: list[int] = []

    def on_disconnect(event: Event) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        statuses.append(manage(gateway.management_url, "POST", own, body="farewell").status)
        return {"statusCode": 200}

    gateway = serve(WebSocketApi(disconnect=Function(on_disconnect)))
    connect(gateway.ws_url).close()
    wait_until(lambda: statuses, "$disconnect")
    assert statuses == [410]


def test_messages_sent_before_the_close_are_still_handled(serve: Serve, connect: Connect) -> None:
    function = Function()
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    for number in range(5):
        socket.send(str(number))
    socket.close()
    assert sorted(event["body"] for event in function.wait_for(5)) == ["0", "1", "2", "3", "4"]


def test_a_client_that_ignores_the_close_frame_loses_its_tcp_connection(serve: Serve) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(disconnect=disconnect), close_timeout=0.1)
    with raw_socket(gateway.ws_url) as client:
        client.open()
        own = gateway.connections()[0]
        assert manage(gateway.management_url, "DELETE", own).status == 204
        assert manage(gateway.management_url, "GET", own).status == 410  # at once, not after the wait
        assert ending(disconnect.wait_for(1)[0]) == (1000, "Connection Closed Normally")


def test_the_gateway_s_own_frames_go_nowhere_once_the_socket_is_closed(serve: Serve, connect: Connect) -> None:
    leave = threading.Event()

    def fail(_event: Event) -> None:
        leave.wait(DEADLINE)
        raise RuntimeError

    function, other = Function(fail), Function()
    gateway = serve(WebSocketApi(default=function, routes={"other": other}))
    socket = connect(gateway.ws_url)
    socket.send("hello")
    function.wait_for(1)
    socket.close()
    leave.set()
    wait_until(lambda: gateway.counters().get("websocket.gateway_frames"), "the frame for nobody")
    second = connect(gateway.ws_url)
    second.send(json.dumps({"action": "other"}))
    other.wait_for(1)
    own = gateway.connections()[0]
    manage(gateway.management_url, "POST", own, body="for the second")
    assert said(second) == "for the second"
