"""Points 25–31 of the checklist: messages on their way to functions."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.sync.client import ClientConnection

from local.gateway import WebSocketApi

from .conftest import Connect, Serve
from .support import DEADLINE, Function, ManualClock, manage, raw_socket, wait_until


def said(socket: ClientConnection) -> str:
    """The next text that the client receives."""
    text = socket.recv(timeout=DEADLINE)
    assert isinstance(text, str)
    return text


def closed(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes the socket."""
    with pytest.raises(ConnectionClosed) as caught:
        socket.recv(timeout=DEADLINE)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Holds a function back until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    ("expression", "body", "route"),
    [
        ("$request.body.action", '{"action": "send"}', "send"),
        ("$request.body.action", '{"action": "other"}', "$default"),
        ("$request.body.action", '{"action": "Send"}', "$default"),
        ("$request.body.action", '{"action": null}', "$default"),
        ("$request.body.action", '{"type": "send"}', "$default"),
        ("$request.body.action", '{"action": "$connect"}', "$default"),
        ("$request.body.action", "[]", "$default"),
        ("$request.body.action", "send", "$default"),
        ("$request.body.action", "", "$default"),
        ("$request.body.action", '{"action": ["a", "b"]}', "[a, b]"),
        ("$request.body.action", '{"action": 7}', "7"),
        ("$request.body.action", '{"action": true}', "true"),
        ("$request.body.message.type", '{"message": {"type": "send"}}', "send"),
        ("${request.body.service}/${request.body.action}", '{"service": "chat", "action": "send"}', "chat/send"),
        ("${request.body.service}/${request.body.action}", '{"action": "send"}', "$default"),
    ],
)
def test_25_messages_are_routed_by_the_selection_expression(
    serve: Serve, connect: Connect, expression: str, body: str, route: str
) -> None:
    function = Function()
    routes = dict.fromkeys(("send", "chat/send", "[a, b]", "7", "true"), function)
    api = WebSocketApi(default=function, routes=routes, route_selection_expression=expression)
    gateway = serve(api)
    connect(gateway.ws_url).send(body)
    event = function.wait_for(1)[0]
    assert event["requestContext"]["routeKey"] == route
    assert event["body"] == body


def test_25_deeply_nested_json_goes_to_default(serve: Serve, connect: Connect) -> None:
    function = Function()
    gateway = serve(WebSocketApi(default=function, routes={"send": function}))
    connect(gateway.ws_url).send("[" * 30_000)
    assert function.wait_for(1)[0]["requestContext"]["routeKey"] == "$default"


def test_25_without_a_default_route_the_client_is_told_and_stays_connected(serve: Serve, connect: Connect) -> None:
    send = Function()
    gateway = serve(WebSocketApi(routes={"send": send}))
    socket = connect(gateway.ws_url)
    socket.send("no such route")
    frame = said(socket)
    own = gateway.connections()[0]
    request_id = json.loads(frame)["requestId"]
    assert frame == f'{{"message": "Forbidden", "connectionId":"{own}", "requestId":"{request_id}"}}'
    socket.send('{"action": "send"}')
    send.wait_for(1)


def test_25_reserved_route_keys_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match=r"\$connect"):
        WebSocketApi(routes={"$connect": Function()})


@pytest.mark.parametrize("expression", ["action", "$request.header.action", ""])
def test_25_an_expression_that_is_not_understood_is_refused_at_once(expression: str) -> None:
    with pytest.raises(ValueError, match="route selection expression"):
        WebSocketApi(route_selection_expression=expression)


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": 200, "body": "not for the client"},
        {"statusCode": 401, "body": "not for the client"},
        {"statusCode": 501},
        lambda event: None,
    ],
)
def test_26_what_a_message_function_returns_is_dropped(serve: Serve, connect: Connect, answer: Any) -> None:
    function = Function(answer)
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    socket.send("hello")
    function.wait_for(1)
    assert manage(gateway.management_url, "POST", gateway.connections()[0], body="next").status == 200
    assert said(socket) == "next"


def test_26_with_a_route_response_the_body_is_sent_back(serve: Serve, connect: Connect) -> None:
    function = Function(lambda event: {"statusCode": 200, "body": event["body"].upper()})
    gateway = serve(WebSocketApi(default=function), route_responses=True)
    socket = connect(gateway.ws_url)
    socket.send("hello")
    assert said(socket) == "HELLO"


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("a secret text"),
        SystemExit(1),
        {},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "extra": 1},
        {"statusCode": 200, "isBase64Encoded": "no"},
        {"statusCode": 200, "headers": {"X-List": ["no"]}},
        {"statusCode": 200, "multiValueHeaders": {"X-List": "no"}},
        lambda event: "done",
        lambda event: {"statusCode": 200, "body": object()},
        lambda event: {"statusCode": 200, "body": "x" * 7_000_000},
    ],
)
def test_27_a_failing_function_becomes_a_frame_and_the_socket_stays_open(
    serve: Serve, connect: Connect, answer: Any
) -> None:
    function = Function(answer)
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    socket.send("one")
    frame = said(socket)
    own = gateway.connections()[0]
    request_id = function.events[0]["requestContext"]["requestId"]
    text = f'{{"message": "Internal server error", "connectionId":"{own}", "requestId":"{request_id}"}}'
    assert frame == text
    assert function.bodies() == ["one"]  # no retry
    socket.send("two")
    said(socket)
    assert function.bodies() == ["one", "two"]


def test_27_beyond_the_concurrency_limit_invocations_fail(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    function = Function(lambda event: held.wait(DEADLINE) and None)
    gateway = serve(WebSocketApi(default=function), function_concurrency=1)
    socket = connect(gateway.ws_url)
    socket.send("one")
    function.wait_for(1)
    socket.send("two")
    assert json.loads(said(socket))["message"] == "Internal server error"
    assert function.bodies() == ["one"]


def test_28_beyond_the_integration_timeout_the_client_is_told_and_the_result_ignored(
    serve: Serve, connect: Connect, held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    finished = threading.Event()

    def slow(_event: Any) -> dict[str, Any]:
        held.wait(DEADLINE)
        finished.set()
        return {"statusCode": 200, "body": "too late"}

    function = Function(slow)
    gateway = serve(WebSocketApi(default=function), integration_timeout=0.1, route_responses=True)
    socket = connect(gateway.ws_url)
    socket.send("hello")
    frame = said(socket)
    own = gateway.connections()[0]
    request_id = function.wait_for(1)[0]["requestContext"]["requestId"]
    text = f'{{"message": "Endpoint request timed out", "connectionId":"{own}", "requestId":"{request_id}"}}'
    assert frame == text
    assert not finished.is_set()  # the function runs on
    held.set()
    assert finished.wait(DEADLINE)
    manage(gateway.management_url, "POST", own, body="next")
    assert said(socket) == "next"
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_29_messages_of_one_socket_are_handled_at_the_same_time(serve: Serve, connect: Connect) -> None:
    together = threading.Barrier(3, timeout=DEADLINE)
    function = Function(lambda event: together.wait() and None)
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    for body in ("one", "two", "three"):
        socket.send(body)
    function.wait_for(3)  # each of them waits for the other two


def test_29_a_later_message_may_finish_first(serve: Serve, connect: Connect) -> None:
    second_done = threading.Event()
    finished: list[str] = []

    def handle(event: Any) -> None:
        if event["body"] == "one":
            assert second_done.wait(DEADLINE)
        finished.append(event["body"])
        second_done.set()

    gateway = serve(WebSocketApi(default=Function(handle)))
    socket = connect(gateway.ws_url)
    socket.send("one")
    socket.send("two")
    wait_until(lambda: len(finished) == 2, "both messages")
    assert finished == ["two", "one"]


def test_29_serial_handling_keeps_the_order_of_a_socket(serve: Serve, connect: Connect) -> None:
    running: list[str] = []
    overlaps: list[str] = []

    def handle(event: Any) -> None:
        running.append(event["body"])
        if len(running) > 1:
            overlaps.append(event["body"])
        threading.Event().wait(0.002)
        running.remove(event["body"])

    function = Function(handle)
    gateway = serve(WebSocketApi(default=function), handling="serial")
    socket = connect(gateway.ws_url)
    bodies = [str(number) for number in range(20)]
    for body in bodies:
        socket.send(body)
    function.wait_for(20)
    assert function.bodies() == bodies
    assert overlaps == []


def shuffled_order(serve: Serve, connect: Connect, seed: int) -> list[str]:
    """The order in which ten messages are handled when time passes in small steps."""
    clock = ManualClock()
    function = Function()
    gateway = serve(
        WebSocketApi(default=function), clock=clock, handling="shuffled", handling_jitter=1.0, seed=seed
    )
    socket = connect(gateway.ws_url)
    for number in range(10):
        socket.send(str(number))
    wait_until(lambda: clock.sleepers(within=1.0) == 10, "ten waiting messages")
    for count in range(1, 11):
        clock.advance_to_next()
        function.wait_for(count)
    return function.bodies()


def test_29_shuffled_handling_reorders_by_a_seed(serve: Serve, connect: Connect) -> None:
    first = shuffled_order(serve, connect, seed=1)
    again = shuffled_order(serve, connect, seed=1)
    other = shuffled_order(serve, connect, seed=2)
    assert sorted(first) == sorted(other) == [str(number) for number in range(10)]
    assert first == again
    assert first != sorted(first)
    assert first != other


def test_29_handling_can_be_changed_while_the_gateway_runs(serve: Serve, connect: Connect) -> None:
    clock = ManualClock()
    function = Function()
    gateway = serve(WebSocketApi(default=function), clock=clock)
    socket = connect(gateway.ws_url)
    socket.send("at once")
    function.wait_for(1)
    gateway.change(handling="shuffled", handling_jitter=5.0, seed=3)
    socket.send("later")
    wait_until(lambda: clock.sleepers(within=5.0) == 1, "the wait")
    assert function.bodies() == ["at once"]
    clock.advance(5.0)
    function.wait_for(2)


def test_30_a_binary_message_closes_with_1003(serve: Serve) -> None:
    function, disconnect = Function(), Function()
    gateway = serve(WebSocketApi(default=function, disconnect=disconnect))
    with raw_socket(gateway.ws_url) as client:
        client.open()
        text_behind = Frame(Opcode.TEXT, b"not handled").serialize(mask=True)
        client.sock.sendall(Frame(Opcode.BINARY, b"\x00\x01").serialize(mask=True) + text_behind)
        frame = client.read_frame()
        assert (frame.opcode, Close.parse(frame.data).code) == (Opcode.CLOSE, 1003)
    assert disconnect.wait_for(1)[0]["requestContext"]["disconnectStatusCode"] == 1003
    assert function.events == []


def fragments(size: int, count: int) -> list[str]:
    return ["x" * size] * count


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ("x" * 32_768, 32_768),
        (fragments(32_768, 4), 131_072),
        ("é" * 16_384, 16_384),
    ],
)
def test_30_messages_up_to_the_limits_arrive(serve: Serve, connect: Connect, message: Any, size: int) -> None:
    function = Function()
    gateway = serve(WebSocketApi(default=function))
    connect(gateway.ws_url).send(message)
    assert len(function.wait_for(1)[0]["body"]) == size


@pytest.mark.parametrize(
    "message",
    [
        "x" * 32_769,
        "é" * 16_385,
        [*fragments(32_768, 4), "x"],
        ["x", "x" * 32_769],
    ],
    ids=["frame too large", "frame too large in UTF-8", "message too large", "second frame too large"],
)
def test_30_larger_frames_and_messages_close_with_1009(serve: Serve, connect: Connect, message: Any) -> None:
    function, disconnect = Function(), Function()
    gateway = serve(WebSocketApi(default=function, disconnect=disconnect))
    socket = connect(gateway.ws_url)
    socket.send("before")
    function.wait_for(1)
    with suppress(ConnectionClosed):  # the gateway may hang up before the last frame is written
        socket.send(message)
    assert closed(socket)[0] == 1009
    assert disconnect.wait_for(1)[0]["requestContext"]["disconnectStatusCode"] == 1009
    assert function.bodies() == ["before"]


def test_30_the_limits_are_settings(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(default=Function()), max_frame_bytes=10, max_message_bytes=20)
    socket = connect(gateway.ws_url)
    socket.send("x" * 11)
    assert closed(socket)[0] == 1009


def test_31_pings_are_answered_by_the_gateway_and_are_no_event(serve: Serve, connect: Connect) -> None:
    function = Function()
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    assert socket.ping(b"are you there").wait(DEADLINE)
    socket.send("last")
    assert function.wait_for(1)[0]["body"] == "last"
    assert len(function.events) == 1


@pytest.mark.parametrize(("counts", "survives"), [(False, False), (True, True)])
def test_31_pings_reset_the_idle_timer_only_if_told_to(
    serve: Serve, connect: Connect, clock: ManualClock, counts: bool, survives: bool
) -> None:
    function = Function()
    gateway = serve(WebSocketApi(default=function), clock=clock, ping_resets_idle=counts)
    socket = connect(gateway.ws_url)
    clock.advance(599)
    assert socket.ping().wait(DEADLINE)
    clock.advance(1)
    if survives:
        socket.send("still here")
        function.wait_for(1)
    else:
        assert closed(socket)[0] == 1001
