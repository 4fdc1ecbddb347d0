"""Points 1–15 of the checklist: what happens before the 101."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from local.gateway import Gateway, RequestAuthorizer, WebSocketApi

from .conftest import Connect, Serve
from .support import (
    CountedIds,
    Function,
    ManualClock,
    allow,
    fetch,
    manage,
    management_client,
    raw_socket,
    wait_until,
)


def refusal(connect: Connect, url: str, **options: Any) -> int:
    """The status with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as caught:
        connect(url, **options)
    return caught.value.response.status_code


def authorized(answer: Any, *sources: str) -> tuple[Function, WebSocketApi]:
    """An API with an authorizer that gives ``answer``."""
    authorizer = Function(answer)
    return authorizer, WebSocketApi(
        connect=Function(), default=Function(), authorizer=RequestAuthorizer(authorizer, sources)
    )


@pytest.mark.parametrize("path", ["/", "/other", "/local/more", "/LOCAL"])
def test_01_other_paths_than_the_stage_are_refused_with_403(serve: Serve, connect: Connect, path: str) -> None:
    on_connect = Function()
    gateway = serve(WebSocketApi(connect=on_connect))
    origin = gateway.ws_url.removesuffix("/local")
    assert refusal(connect, origin + path) == 403
    assert on_connect.events == []


def test_01_the_stage_itself_is_served(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(connect=Function()), stage="prod")
    assert gateway.ws_url.endswith("/prod")
    connect(gateway.ws_url)
    assert len(gateway.connections()) == 1


def test_02_a_plain_get_on_the_stage_is_answered_with_426(serve: Serve) -> None:
    on_connect = Function()
    gateway = serve(WebSocketApi(connect=on_connect))
    reply = fetch(gateway.ws_url.replace("ws:", "http:"))
    assert reply.status == 426
    assert reply.headers["Upgrade"] == "websocket"
    assert on_connect.events == []


def test_03_the_101_and_the_first_message_wait_for_connect(serve: Serve) -> None:
    steps: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def on_connect(_event: Any, _context: Any) -> dict[str, int]:
        entered.set()
        assert leave.wait(10)
        steps.append("connected")
        return {"statusCode": 200}

    message = Function(lambda event: steps.append("message"))
    gateway = serve(WebSocketApi(connect=on_connect, default=message))
    with raw_socket(gateway.ws_url) as client:
        client.send_upgrade()
        assert entered.wait(10)
        client.send_text("early")
        assert not client.has_data(within=0.1)
        assert gateway.connections() == []
        leave.set()
        assert client.read_head().startswith("HTTP/1.1 101 ")
        message.wait_for(1)
    assert steps == ["connected", "message"]


def test_04_the_id_is_allotted_before_the_authorizer_and_never_changes(serve: Serve, connect: Connect) -> None:
    authorizer = Function(lambda event: allow(event["methodArn"]))
    on_connect, message, disconnect = Function(), Function(), Function()
    gateway = serve(
        WebSocketApi(
            connect=on_connect,
            default=message,
            disconnect=disconnect,
            authorizer=RequestAuthorizer(authorizer),
        )
    )
    socket = connect(gateway.ws_url)
    socket.send("hello")
    message.wait_for(1)
    socket.close()
    disconnect.wait_for(1)
    functions = (authorizer, on_connect, message, disconnect)
    ids = {function.events[0]["requestContext"]["connectionId"] for function in functions}
    assert len(ids) == 1
    assert re.fullmatch(r"[A-Za-z0-9_-]{15}=", ids.pop())


def test_04_an_id_is_not_given_twice(serve: Serve, connect: Connect) -> None:
    on_connect = Function()
    gateway = serve(WebSocketApi(connect=on_connect))
    for _ in range(3):
        connect(gateway.ws_url).close()
    ids = {event["requestContext"]["connectionId"] for event in on_connect.wait_for(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("source", "query", "headers"),
    [
        ("route.request.querystring.ticket", "", {}),
        ("route.request.querystring.ticket", "?ticket=", {}),
        ("route.request.querystring.ticket", "?Ticket=x", {}),
        ("route.request.header.Authorization", "", {}),
        ("route.request.header.Authorization", "", {"Authorization": ""}),
    ],
)
def test_05_a_missing_identity_source_is_401_without_asking_the_authorizer(
    serve: Serve, connect: Connect, source: str, query: str, headers: dict[str, str]
) -> None:
    authorizer, api = authorized(lambda event: allow(event["methodArn"]), source)
    gateway = serve(api)
    assert refusal(connect, gateway.ws_url + query, additional_headers=headers) == 401
    assert authorizer.events == []


def test_05_with_every_identity_source_the_authorizer_is_asked(serve: Serve, connect: Connect) -> None:
    sources = ("route.request.querystring.ticket", "route.request.header.X-App")
    authorizer, api = authorized(lambda event: allow(event["methodArn"]), *sources)
    gateway = serve(api)
    connect(gateway.ws_url + "?ticket=t", additional_headers={"x-app": "1"})
    assert len(authorizer.events) == 1


def test_05_an_identity_source_of_another_form_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"method\.request\.header\.Authorization"):
        RequestAuthorizer(Function(), ("method.request.header.Authorization",))


def deny(arn: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": arn}
    return {"principalId": "mallory", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Exception("Unauthorized"), 401),
        (Exception("unauthorized"), 500),
        (KeyError("sub"), 500),
        (lambda event: deny(event["methodArn"]), 403),
        (lambda event: allow("arn:aws:execute-api:us-east-1:123456789012:other/*"), 403),
        (lambda event: {"isAuthorized": True}, 500),
        (lambda event: {"principalId": "alice"}, 500),
        (lambda event: {"principalId": "alice", "policyDocument": {"Statement": [{"Effect": "Maybe"}]}}, 500),
        (lambda event: "Allow", 500),
        (lambda event: {**allow(event["methodArn"]), "context": ["a", "list"]}, 500),
        (lambda event: allow(event["methodArn"], {"large": "x" * 8192}), 500),
    ],
)
def test_06_what_the_authorizer_does_decides_the_status(
    serve: Serve, connect: Connect, answer: Any, status: int
) -> None:
    _, api = authorized(answer)
    gateway = serve(api)
    assert refusal(connect, gateway.ws_url) == status
    assert isinstance(api.connect, Function)
    assert api.connect.events == []


def test_06_an_authorizer_that_takes_too_long_is_500(serve: Serve, connect: Connect) -> None:
    leave = threading.Event()
    _, api = authorized(lambda event: leave.wait(10))
    gateway = serve(api, integration_timeout=0.1)
    try:
        assert refusal(connect, gateway.ws_url) == 500
    finally:
        leave.set()


@pytest.mark.parametrize(
    ("pattern", "admitted"),
    [
        ("{arn}", True),
        ("{stage}/$connect", True),
        ("{stage}/*", True),
        ("*", True),
        ("{stage}/*/*", False),
        ("{stage}/$disconnect", False),
    ],
)
def test_07_the_policy_is_evaluated_against_the_connect_route(
    serve: Serve, connect: Connect, pattern: str, admitted: bool
) -> None:
    def answer(event: dict[str, Any]) -> dict[str, Any]:
        arn = event["methodArn"]
        return allow(pattern.format(arn=arn, stage=arn.removesuffix("/$connect")))

    authorizer, api = authorized(answer)
    gateway = serve(api)
    if admitted:
        connect(gateway.ws_url)
    else:
        assert refusal(connect, gateway.ws_url) == 403
    expected = "arn:aws:execute-api:us-east-1:123456789012:socklocal0/local/$connect"
    assert authorizer.events[0]["methodArn"] == expected


def test_08_context_values_reach_the_functions_as_strings(serve: Serve, connect: Connect) -> None:
    context = {"text": "hello", "number": 123, "fraction": 1.5, "yes": True, "nothing": None}
    _, api = authorized(lambda event: allow(event["methodArn"], context))
    gateway = serve(api)
    connect(gateway.ws_url)
    assert isinstance(api.connect, Function)
    seen = api.connect.events[0]["requestContext"]["authorizer"]
    latency = seen.pop("integrationLatency")
    assert isinstance(latency, int)
    assert seen == {
        "text": "hello",
        "number": "123",
        "fraction": "1.5",
        "yes": "true",
        "nothing": None,
        "principalId": "alice",
    }


@pytest.mark.parametrize("value", [["a"], {"a": "b"}])
def test_08_nested_context_values_are_500(serve: Serve, connect: Connect, value: Any) -> None:
    _, api = authorized(lambda event: allow(event["methodArn"], {"nested": value}))
    assert refusal(connect, serve(api).ws_url) == 500


def test_09_the_authorizer_is_asked_at_every_connect(serve: Serve, connect: Connect) -> None:
    authorizer, api = authorized(lambda event: allow(event["methodArn"]))
    gateway = serve(api)
    for _ in range(3):
        connect(gateway.ws_url, additional_headers={"Authorization": "the same"})
    assert len(authorizer.events) == 3


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"statusCode": 301}, 301),
        ({"statusCode": 400}, 400),
        ({"statusCode": 401}, 401),
        ({"statusCode": "403"}, 403),
        ({"statusCode": 501}, 501),
        ({"statusCode": 599}, 599),
        (RuntimeError("broken"), 502),
        ({}, 502),
        ({"statusCode": 101}, 502),
        ({"statusCode": 200, "body": {"not": "a string"}}, 502),
        ({"statusCode": 200, "message": "an unknown key"}, 502),
        ({"statusCode": 200, "headers": ["no", "object"]}, 502),
        (lambda event: None, 502),
        (lambda event: {"statusCode": 200, "body": b"bytes are not JSON"}, 502),
    ],
)
def test_10_a_connect_that_does_not_succeed_refuses_the_handshake(
    serve: Serve, connect: Connect, answer: Any, status: int
) -> None:
    disconnect = Function()
    gateway = serve(WebSocketApi(connect=Function(answer), disconnect=disconnect))
    assert refusal(connect, gateway.ws_url) == status
    gateway.stop()  # what was under way has run by now
    assert disconnect.events == []


@pytest.mark.parametrize("status", [200, 201, 204])
def test_10_any_2xx_connects(serve: Serve, connect: Connect, status: int) -> None:
    gateway = serve(WebSocketApi(connect=Function({"statusCode": status})))
    connect(gateway.ws_url)


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Holds a function back until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_10_a_connect_beyond_the_integration_timeout_is_504(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    disconnect = Function()
    gateway = serve(
        WebSocketApi(connect=Function(lambda event: held.wait(10)), disconnect=disconnect),
        integration_timeout=0.1,
    )
    assert refusal(connect, gateway.ws_url) == 504
    gateway.stop()
    assert disconnect.events == []


def test_10_a_connect_beyond_its_own_timeout_is_a_function_error(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    gateway = serve(WebSocketApi(connect=Function(lambda event: held.wait(10))), function_timeout=0.1)
    assert refusal(connect, gateway.ws_url) == 502


def test_11_only_the_subprotocol_of_the_connect_answer_reaches_the_client(serve: Serve, connect: Connect) -> None:
    answer = {
        "statusCode": 200,
        "headers": {"sec-websocket-protocol": "chat.v1", "Set-Cookie": "a=b", "X-Mine": "1"},
        "body": "welcome",
    }
    gateway = serve(WebSocketApi(connect=Function(answer), default=Function()))
    socket = connect(gateway.ws_url, subprotocols=["chat.v1", "bearer.secret"])
    assert socket.subprotocol == "chat.v1"
    assert socket.response is not None
    names = {name.lower() for name in socket.response.headers}
    assert names == {"date", "connection", "upgrade", "sec-websocket-accept", "sec-websocket-protocol"}
    with pytest.raises(TimeoutError):  # the body went nowhere
        socket.recv(timeout=0.1)


def test_11_the_offered_subprotocols_reach_connect_as_they_were_sent(serve: Serve, connect: Connect) -> None:
    on_connect = Function()
    gateway = serve(WebSocketApi(connect=on_connect))
    connect(gateway.ws_url, subprotocols=["chat.v1", "bearer.secret"])
    assert on_connect.events[0]["headers"]["Sec-WebSocket-Protocol"] == "chat.v1, bearer.secret"


def test_12_a_requested_subprotocol_that_is_not_answered_is_left_out_of_the_101(
    serve: Serve, connect: Connect
) -> None:
    gateway = serve(WebSocketApi(connect=Function()))
    socket = connect(gateway.ws_url, subprotocols=["chat.v1"])
    assert socket.subprotocol is None
    assert socket.response is not None
    assert "Sec-WebSocket-Protocol" not in socket.response.headers


def test_13_during_connect_the_connection_is_gone_for_management(serve: Serve, connect: Connect) -> None:
    statuses: dict[str, int] = {}
    gone: list[bool] = []

    def on_connect(event: dict[str, Any]) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        for method in ("POST", "GET", "DELETE"):
            statuses[method] = manage(gateway.management_url, method, own, body="x").status
        client = management_client(gateway.management_url)
        try:
            client.post_to_connection(ConnectionId=own, Data=b"x")
        except client.exceptions.GoneException:
            gone.append(True)
        return {"statusCode": 200}

    gateway = serve(WebSocketApi(connect=Function(on_connect), default=Function()))
    connect(gateway.ws_url)
    assert statuses == {"POST": 410, "GET": 410, "DELETE": 410}
    assert gone == [True]


def test_13_after_the_101_the_connection_can_be_posted_to(serve: Serve, connect: Connect) -> None:
    gateways: list[Gateway] = []

    def answer(event: dict[str, Any]) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        return {"statusCode": manage(gateways[0].management_url, "POST", own, body="here").status}

    gateways.append(serve(WebSocketApi(connect=Function(), default=Function(answer))))
    socket = connect(gateways[0].ws_url)
    socket.send("hello")
    assert socket.recv(timeout=10) == "here"


def test_14_without_a_connect_function_every_upgrade_succeeds(serve: Serve, connect: Connect) -> None:
    message = Function()
    gateway = serve(WebSocketApi(default=message))
    connect(gateway.ws_url).send("hello")
    assert message.wait_for(1)[0]["body"] == "hello"


def test_14_without_a_connect_function_the_authorizer_still_decides(serve: Serve, connect: Connect) -> None:
    authorizer = Function(Exception("Unauthorized"))
    gateway = serve(WebSocketApi(authorizer=RequestAuthorizer(authorizer)))
    assert refusal(connect, gateway.ws_url) == 401


def test_15_new_connections_beyond_the_rate_are_429(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    on_connect = Function()
    gateway = serve(WebSocketApi(connect=on_connect), clock=clock, connection_rate=2.0)
    connect(gateway.ws_url)
    connect(gateway.ws_url)
    assert refusal(connect, gateway.ws_url) == 429
    clock.advance(0.5)
    connect(gateway.ws_url)
    assert refusal(connect, gateway.ws_url) == 429
    assert len(on_connect.events) == 3


def test_a_client_that_leaves_during_connect_leaves_nothing_behind(serve: Serve, held: threading.Event) -> None:
    entered = threading.Event()

    def on_connect(_event: Any) -> dict[str, int]:
        entered.set()
        held.wait(10)
        return {"statusCode": 200}

    function = Function(on_connect)
    disconnect = Function()
    gateway = serve(WebSocketApi(connect=function, disconnect=disconnect))
    with raw_socket(gateway.ws_url) as client:
        client.send_upgrade()
        assert entered.wait(10)
    wait_until(lambda: gateway.counters().get("websocket.left_during_connect"), "the loss")
    held.set()
    own = function.events[0]["requestContext"]["connectionId"]
    assert manage(gateway.management_url, "GET", own).status == 410
    gateway.stop()
    assert disconnect.events == []
    assert gateway.connections() == []


def test_beyond_the_concurrency_limit_a_connect_is_500(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(connect=Function()), function_concurrency=0)
    assert refusal(connect, gateway.ws_url) == 500


def test_a_client_that_never_asks_for_the_upgrade_is_hung_up_on(serve: Serve) -> None:
    gateway = serve(WebSocketApi(), handshake_timeout=0.1)
    with raw_socket(gateway.ws_url) as silent, raw_socket(gateway.ws_url) as client:
        client.open()
        assert silent.sock.recv(1) == b""
        assert len(gateway.connections()) == 1  # the limit is for the request only


def test_a_refusal_names_the_request_and_the_connection(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(connect=Function({"statusCode": 401})), ids=CountedIds())
    with pytest.raises(InvalidStatus) as caught:
        connect(gateway.ws_url)
    expected = b'{"message": "Unauthorized", "connectionId":"000000000000002=", "requestId":"000000000000001="}'
    assert caught.value.response.body == expected


def test_a_request_that_is_no_handshake_is_400(serve: Serve) -> None:
    gateway = serve(WebSocketApi(connect=Function()))
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert fetch(gateway.ws_url.replace("ws:", "http:"), headers=headers).status == 400
