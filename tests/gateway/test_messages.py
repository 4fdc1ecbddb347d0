"""Points 25–31 of the checklist: the routing of messages to functions."""

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
from .support import DEADLINE, FakeFunction, ManualClock, manage, raw_socket, unless_throttled, wait_until


def next_text(socket: ClientConnection) -> str:
    """Return the next text that the client receives."""
    text = socket.recv(timeout=DEADLINE)
    assert isinstance(text, str)
    return text


def closed(socket: ClientConnection) -> tuple[int, str]:
    """Return code and reason with which the server closes the connection."""
    with pytest.raises(ConnectionClosed) as caught:
        socket.recv(timeout=DEADLINE)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """An event on which functions wait, set at the end of the test."""
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
    function = FakeFunction()
    routes = dict.fromkeys(("send", "chat/send", "[a, b]", "7", "true"), function)
    api = WebSocketApi(default=function, routes=routes, route_selection_expression=expression)
    gateway = serve(api)
    connect(gateway.ws_url).send(body)
    event = function.wait_for(1)[0]
    assert event["requestContext"]["routeKey"] == route
    assert event["body"] == body


def test_25_deeply_nested_json_goes_to_default(serve: Serve, connect: Connect) -> None:
    function = FakeFunction()
    gateway = serve(WebSocketApi(default=function, routes={"send": function}))
    connect(gateway.ws_url).send("[" * 30_000)
    assert function.wait_for(1)[0]["requestContext"]["routeKey"] == "$default"


def test_25_unroutable_message_gets_an_error_frame_and_the_connection_stays_open(
    serve: Serve, connect: Connect
) -> None:
    send = FakeFunction()
    gateway = serve(WebSocketApi(routes={"send": send}))
    socket = connect(gateway.ws_url)
    socket.send("no such route")
    frame = next_text(socket)
    own = gateway.connections()[0]
    request_id = json.loads(frame)["requestId"]
    assert frame == f'{{"message": "Forbidden", "connectionId":"{own}", "requestId":"{request_id}"}}'
    socket.send('{"action": "send"}')
    send.wait_for(1)


def test_25_reserved_route_keys_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"\$connect"):
        WebSocketApi(routes={"$connect": FakeFunction()})


@pytest.mark.parametrize("expression", ["action", "$request.header.action", ""])
def test_25_unsupported_route_selection_expression_is_rejected(expression: str) -> None:
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
def test_26_result_of_a_message_function_is_discarded(serve: Serve, connect: Connect, answer: Any) -> None:
    function = FakeFunction(answer)
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    socket.send("hello")
    function.wait_for(1)
    assert manage(gateway.management_url, "POST", gateway.connections()[0], body="next").status == 200
    assert next_text(socket) == "next"


def test_26_route_response_sends_the_body_to_the_sender(serve: Serve, connect: Connect) -> None:
    function = FakeFunction(lambda event: {"statusCode": 200, "body": event["body"].upper()})
    gateway = serve(WebSocketApi(default=function), route_responses=True)
    socket = connect(gateway.ws_url)
    socket.send("hello")
    assert next_text(socket) == "HELLO"


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
def test_27_failed_function_sends_an_error_frame_and_the_connection_stays_open(
    serve: Serve, connect: Connect, answer: Any
) -> None:
    function = FakeFunction(answer)
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    socket.send("one")
    frame = next_text(socket)
    own = gateway.connections()[0]
    request_id = function.events[0]["requestContext"]["requestId"]
    text = f'{{"message": "Internal server error", "connectionId":"{own}", "requestId":"{request_id}"}}'
    assert frame == text
    assert function.bodies() == ["one"]  # no retry
    socket.send("two")
    next_text(socket)
    assert function.bodies() == ["one", "two"]


def test_27_message_to_functions_without_concurrency_fails(serve: Serve, connect: Connect) -> None:
    function = FakeFunction()
    socket = connect(serve(WebSocketApi(default=function), function_concurrency=0).ws_url)
    socket.send("one")
    assert json.loads(next_text(socket))["message"] == "Internal server error"
    assert function.events == []


def test_28_integration_timeout_sends_an_error_frame_and_discards_the_result(
    serve: Serve, connect: Connect, held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    finished = threading.Event()

    def slow(_event: Any) -> dict[str, Any]:
        held.wait(DEADLINE)
        finished.set()
        return {"statusCode": 200, "body": "too late"}

    function = FakeFunction(slow)
    gateway = serve(WebSocketApi(default=function), integration_timeout=0.1, route_responses=True)
    socket = connect(gateway.ws_url)
    frames: list[str] = []

    def refusal() -> object:
        socket.send("hello")
        frames.append(next_text(socket))
        return json.loads(frames[-1])["message"]

    unless_throttled(refusal, "Too Many Requests")
    own = gateway.connections()[0]
    request_id = function.wait_for(1)[0]["requestContext"]["requestId"]
    text = f'{{"message": "Endpoint request timed out", "connectionId":"{own}", "requestId":"{request_id}"}}'
    assert frames[-1] == text
    assert not finished.is_set()  # the function is still running
    held.set()
    assert finished.wait(DEADLINE)
    manage(gateway.management_url, "POST", own, body="next")
    assert next_text(socket) == "next"
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_29_messages_of_one_connection_are_handled_concurrently(serve: Serve, connect: Connect) -> None:
    together = threading.Barrier(3, timeout=DEADLINE)
    function = FakeFunction(lambda event: together.wait() and None)
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    for body in ("one", "two", "three"):
        socket.send(body)
    function.wait_for(3)  # each waits for the other two


def test_29_later_message_can_finish_first(serve: Serve, connect: Connect) -> None:
    second_done = threading.Event()
    finished: list[str] = []

    def handle(event: Any) -> None:
        if event["body"] == "one":
            assert second_done.wait(DEADLINE)
        finished.append(event["body"])
        second_done.set()

    gateway = serve(WebSocketApi(default=FakeFunction(handle)))
    socket = connect(gateway.ws_url)
    socket.send("one")
    socket.send("two")
    wait_until(lambda: len(finished) == 2, "both messages")
    assert finished == ["two", "one"]


def test_29_serial_handling_keeps_the_order_of_a_connection(serve: Serve, connect: Connect) -> None:
    running: list[str] = []
    overlaps: list[str] = []

    def handle(event: Any) -> None:
        running.append(event["body"])
        if len(running) > 1:
            overlaps.append(event["body"])
        threading.Event().wait(0.002)
        running.remove(event["body"])

    function = FakeFunction(handle)
    gateway = serve(WebSocketApi(default=function), handling="serial")
    socket = connect(gateway.ws_url)
    bodies = [str(number) for number in range(20)]
    for body in bodies:
        socket.send(body)
    function.wait_for(20)
    assert function.bodies() == bodies
    assert overlaps == []


def shuffled_order(serve: Serve, connect: Connect, seed: int) -> list[str]:
    """Return the order in which ten messages are handled when time advances in small steps."""
    clock = ManualClock()
    function = FakeFunction()
    gateway = serve(
        WebSocketApi(default=function), clock=clock, handling="shuffled", handling_jitter=1.0, seed=seed
    )
    socket = connect(gateway.ws_url)
    for number in range(10):
        socket.send(str(number))
    wait_until(lambda: clock.sleepers(within=1.0) == 10, "ten delayed messages")
    for count in range(1, 11):
        clock.advance_to_next()
        function.wait_for(count)
    return function.bodies()


def test_29_shuffled_handling_is_reproducible_by_seed(serve: Serve, connect: Connect) -> None:
    first = shuffled_order(serve, connect, seed=1)
    again = shuffled_order(serve, connect, seed=1)
    other = shuffled_order(serve, connect, seed=2)
    assert sorted(first) == sorted(other) == [str(number) for number in range(10)]
    assert first == again
    assert first != sorted(first)
    assert first != other


def test_29_time_of_a_message_is_that_of_its_arrival(serve: Serve, connect: Connect) -> None:
    clock = ManualClock()
    function = FakeFunction()
    settings = {"handling": "shuffled", "handling_jitter": 5.0, "seed": 3}
    gateway = serve(WebSocketApi(default=function), clock=clock, **settings)
    socket = connect(gateway.ws_url)
    arrived = int(clock.time() * 1000)
    socket.send("late")
    wait_until(lambda: clock.sleepers(within=5.0) == 1, "the wait")
    clock.advance(5.0)
    function.wait_for(1)
    assert function.events[0]["requestContext"]["requestTimeEpoch"] == arrived


def test_29_handling_can_change_while_the_gateway_runs(serve: Serve, connect: Connect) -> None:
    clock = ManualClock()
    function = FakeFunction()
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


def test_30_binary_message_closes_with_1003(serve: Serve) -> None:
    function, disconnect = FakeFunction(), FakeFunction()
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
def test_30_messages_within_the_limits_are_accepted(
    serve: Serve, connect: Connect, message: Any, size: int
) -> None:
    function = FakeFunction()
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
def test_30_frames_and_messages_exceeding_the_limits_close_with_1009(
    serve: Serve, connect: Connect, message: Any
) -> None:
    function, disconnect = FakeFunction(), FakeFunction()
    gateway = serve(WebSocketApi(default=function, disconnect=disconnect))
    socket = connect(gateway.ws_url)
    socket.send("before")
    function.wait_for(1)
    with suppress(ConnectionClosed):  # the gateway may close before the last frame is written
        socket.send(message)
    assert closed(socket)[0] == 1009
    assert disconnect.wait_for(1)[0]["requestContext"]["disconnectStatusCode"] == 1009
    assert function.bodies() == ["before"]


def test_30_message_limits_are_configurable(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(default=FakeFunction()), max_frame_bytes=10, max_message_bytes=20)
    socket = connect(gateway.ws_url)
    socket.send("x" * 11)
    assert closed(socket)[0] == 1009


def test_31_gateway_answers_pings_without_an_event(serve: Serve, connect: Connect) -> None:
    function = FakeFunction()
    gateway = serve(WebSocketApi(default=function))
    socket = connect(gateway.ws_url)
    assert socket.ping(b"are you there").wait(DEADLINE)
    socket.send("last")
    assert function.wait_for(1)[0]["body"] == "last"
    assert len(function.events) == 1


@pytest.mark.parametrize(("counts", "survives"), [(False, False), (True, True)])
def test_31_pings_reset_the_idle_timer_only_if_configured(
    serve: Serve, connect: Connect, clock: ManualClock, counts: bool, survives: bool
) -> None:
    function = FakeFunction()
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
