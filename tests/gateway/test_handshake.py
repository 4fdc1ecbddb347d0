"""Points 1–15 of the checklist: the handshake until the 101."""

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
    FakeFunction,
    ManualClock,
    allow,
    fetch,
    manage,
    management_client,
    raw_socket,
    unless_throttled,
    wait_until,
)


def rejection_status(connect: Connect, url: str, **options: Any) -> int:
    """Return the status with which a handshake is rejected."""
    with pytest.raises(InvalidStatus) as caught:
        connect(url, **options)
    return caught.value.response.status_code


def authorized(answer: Any, *sources: str) -> tuple[FakeFunction, WebSocketApi]:
    """Make an API whose authorizer responds with ``answer``."""
    authorizer = FakeFunction(answer)
    return authorizer, WebSocketApi(
        connect=FakeFunction(), default=FakeFunction(), authorizer=RequestAuthorizer(authorizer, sources)
    )


@pytest.mark.parametrize("path", ["/", "/other", "/local/more", "/LOCAL"])
def test_01_path_other_than_the_stage_is_403(serve: Serve, connect: Connect, path: str) -> None:
    on_connect = FakeFunction()
    gateway = serve(WebSocketApi(connect=on_connect))
    origin = gateway.ws_url.removesuffix("/local")
    assert rejection_status(connect, origin + path) == 403
    assert on_connect.events == []


def test_01_stage_path_is_served(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(connect=FakeFunction()), stage="prod")
    assert gateway.ws_url.endswith("/prod")
    connect(gateway.ws_url)
    assert len(gateway.connections()) == 1


def test_02_plain_get_on_the_stage_is_426(serve: Serve) -> None:
    on_connect = FakeFunction()
    gateway = serve(WebSocketApi(connect=on_connect))
    reply = fetch(gateway.ws_url.replace("ws:", "http:"))
    assert reply.status == 426
    assert reply.headers["Upgrade"] == "websocket"
    assert on_connect.events == []


def test_03_101_and_first_message_wait_for_connect(serve: Serve) -> None:
    steps: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def on_connect(_event: Any, _context: Any) -> dict[str, int]:
        entered.set()
        assert leave.wait(10)
        steps.append("connected")
        return {"statusCode": 200}

    message = FakeFunction(lambda event: steps.append("message"))
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


def test_04_connection_id_is_assigned_before_the_authorizer_and_is_constant(
    serve: Serve, connect: Connect
) -> None:
    authorizer = FakeFunction(lambda event: allow(event["methodArn"]))
    on_connect, message, disconnect = FakeFunction(), FakeFunction(), FakeFunction()
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


def test_04_connection_ids_are_unique(serve: Serve, connect: Connect) -> None:
    on_connect = FakeFunction()
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
def test_05_missing_identity_source_is_401_without_invoking_the_authorizer(
    serve: Serve, connect: Connect, source: str, query: str, headers: dict[str, str]
) -> None:
    authorizer, api = authorized(lambda event: allow(event["methodArn"]), source)
    gateway = serve(api)
    assert rejection_status(connect, gateway.ws_url + query, additional_headers=headers) == 401
    assert authorizer.events == []


def test_05_authorizer_is_invoked_if_all_identity_sources_are_present(serve: Serve, connect: Connect) -> None:
    sources = ("route.request.querystring.ticket", "route.request.header.X-App")
    authorizer, api = authorized(lambda event: allow(event["methodArn"]), *sources)
    gateway = serve(api)
    connect(gateway.ws_url + "?ticket=t", additional_headers={"x-app": "1"})
    assert len(authorizer.events) == 1


def test_05_malformed_identity_source_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"method\.request\.header\.Authorization"):
        RequestAuthorizer(FakeFunction(), ("method.request.header.Authorization",))


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
def test_06_authorizer_outcome_determines_the_status(
    serve: Serve, connect: Connect, answer: Any, status: int
) -> None:
    _, api = authorized(answer)
    gateway = serve(api)
    assert rejection_status(connect, gateway.ws_url) == status
    assert isinstance(api.connect, FakeFunction)
    assert api.connect.events == []


def test_06_authorizer_timeout_is_500(serve: Serve, connect: Connect) -> None:
    leave = threading.Event()
    _, api = authorized(lambda event: leave.wait(10))
    gateway = serve(api, integration_timeout=0.1)
    try:
        assert unless_throttled(lambda: rejection_status(connect, gateway.ws_url), 429) == 500
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
def test_07_policy_is_evaluated_for_the_connect_route(
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
        assert rejection_status(connect, gateway.ws_url) == 403
    expected = "arn:aws:execute-api:us-east-1:123456789012:socklocal0/local/$connect"
    assert authorizer.events[0]["methodArn"] == expected


def test_08_context_values_reach_the_functions_as_strings(serve: Serve, connect: Connect) -> None:
    context = {"text": "hello", "number": 123, "fraction": 1.5, "yes": True, "nothing": None}
    _, api = authorized(lambda event: allow(event["methodArn"], context))
    gateway = serve(api)
    connect(gateway.ws_url)
    assert isinstance(api.connect, FakeFunction)
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
    assert rejection_status(connect, serve(api).ws_url) == 500


def test_09_authorizer_is_invoked_at_every_connect(serve: Serve, connect: Connect) -> None:
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
def test_10_failed_connect_rejects_the_handshake(serve: Serve, connect: Connect, answer: Any, status: int) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(connect=FakeFunction(answer), disconnect=disconnect))
    assert rejection_status(connect, gateway.ws_url) == status
    gateway.stop()  # waits for running functions
    assert disconnect.events == []


@pytest.mark.parametrize("status", [200, 201, 204])
def test_10_any_2xx_status_accepts_the_handshake(serve: Serve, connect: Connect, status: int) -> None:
    gateway = serve(WebSocketApi(connect=FakeFunction({"statusCode": status})))
    connect(gateway.ws_url)


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """An event on which functions wait, set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_10_connect_exceeding_the_integration_timeout_is_504(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    disconnect = FakeFunction()
    gateway = serve(
        WebSocketApi(connect=FakeFunction(lambda event: held.wait(10)), disconnect=disconnect),
        integration_timeout=0.1,
    )
    assert unless_throttled(lambda: rejection_status(connect, gateway.ws_url), 429) == 504
    gateway.stop()
    assert disconnect.events == []


def test_10_connect_exceeding_the_function_timeout_is_a_function_error(
    serve: Serve, connect: Connect, held: threading.Event
) -> None:
    gateway = serve(WebSocketApi(connect=FakeFunction(lambda event: held.wait(10))), function_timeout=0.1)
    assert unless_throttled(lambda: rejection_status(connect, gateway.ws_url), 429) == 502


def test_11_only_the_subprotocol_of_the_connect_response_reaches_the_client(
    serve: Serve, connect: Connect
) -> None:
    answer = {
        "statusCode": 200,
        "headers": {"sec-websocket-protocol": "chat.v1", "Set-Cookie": "a=b", "X-Mine": "1"},
        "body": "welcome",
    }
    gateway = serve(WebSocketApi(connect=FakeFunction(answer), default=FakeFunction()))
    socket = connect(gateway.ws_url, subprotocols=["chat.v1", "bearer.secret"])
    assert socket.subprotocol == "chat.v1"
    assert socket.response is not None
    names = {name.lower() for name in socket.response.headers}
    assert names == {"date", "connection", "upgrade", "sec-websocket-accept", "sec-websocket-protocol"}
    with pytest.raises(TimeoutError):  # the body was not sent
        socket.recv(timeout=0.1)


def test_11_offered_subprotocols_reach_connect_unchanged(serve: Serve, connect: Connect) -> None:
    on_connect = FakeFunction()
    gateway = serve(WebSocketApi(connect=on_connect))
    connect(gateway.ws_url, subprotocols=["chat.v1", "bearer.secret"])
    assert on_connect.events[0]["headers"]["Sec-WebSocket-Protocol"] == "chat.v1, bearer.secret"


def test_12_subprotocol_not_selected_by_connect_is_not_in_the_101(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(connect=FakeFunction()))
    socket = connect(gateway.ws_url, subprotocols=["chat.v1"])
    assert socket.subprotocol is None
    assert socket.response is not None
    assert "Sec-WebSocket-Protocol" not in socket.response.headers


def test_13_management_api_returns_410_during_connect(serve: Serve, connect: Connect) -> None:
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

    gateway = serve(WebSocketApi(connect=FakeFunction(on_connect), default=FakeFunction()))
    connect(gateway.ws_url)
    assert statuses == {"POST": 410, "GET": 410, "DELETE": 410}
    assert gone == [True]


def test_13_connection_receives_posts_from_the_101(serve: Serve, connect: Connect) -> None:
    gateways: list[Gateway] = []

    def answer(event: dict[str, Any]) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        return {"statusCode": manage(gateways[0].management_url, "POST", own, body="here").status}

    gateways.append(serve(WebSocketApi(connect=FakeFunction(), default=FakeFunction(answer))))
    socket = connect(gateways[0].ws_url)
    socket.send("hello")
    assert socket.recv(timeout=10) == "here"


def test_14_upgrade_succeeds_without_a_connect_function(serve: Serve, connect: Connect) -> None:
    message = FakeFunction()
    gateway = serve(WebSocketApi(default=message))
    connect(gateway.ws_url).send("hello")
    assert message.wait_for(1)[0]["body"] == "hello"


def test_14_authorizer_is_enforced_without_a_connect_function(serve: Serve, connect: Connect) -> None:
    authorizer = FakeFunction(Exception("Unauthorized"))
    gateway = serve(WebSocketApi(authorizer=RequestAuthorizer(authorizer)))
    assert rejection_status(connect, gateway.ws_url) == 401


def test_15_connections_exceeding_the_rate_are_429(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    on_connect = FakeFunction()
    gateway = serve(WebSocketApi(connect=on_connect), clock=clock, connection_rate=2.0)
    connect(gateway.ws_url)
    connect(gateway.ws_url)
    assert rejection_status(connect, gateway.ws_url) == 429
    clock.advance(0.5)
    connect(gateway.ws_url)
    assert rejection_status(connect, gateway.ws_url) == 429
    assert len(on_connect.events) == 3


def test_client_that_disconnects_during_connect_is_removed(serve: Serve, held: threading.Event) -> None:
    entered = threading.Event()

    def on_connect(_event: Any) -> dict[str, int]:
        entered.set()
        held.wait(10)
        return {"statusCode": 200}

    function = FakeFunction(on_connect)
    disconnect = FakeFunction()
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


def test_connect_exceeding_the_concurrency_limit_is_500(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(connect=FakeFunction()), function_concurrency=0)
    assert rejection_status(connect, gateway.ws_url) == 500


def test_client_without_an_upgrade_request_is_aborted(serve: Serve) -> None:
    gateway = serve(WebSocketApi(), handshake_timeout=0.5)
    with raw_socket(gateway.ws_url) as silent, raw_socket(gateway.ws_url) as client:
        client.open()
        assert silent.sock.recv(1) == b""
        assert len(gateway.connections()) == 1  # only the upgrade request has a time limit


def test_rejection_contains_request_id_and_connection_id(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi(connect=FakeFunction({"statusCode": 401})), ids=CountedIds())
    with pytest.raises(InvalidStatus) as caught:
        connect(gateway.ws_url)
    expected = b'{"message": "Unauthorized", "connectionId":"000000000000002=", "requestId":"000000000000001="}'
    assert caught.value.response.body == expected


def test_malformed_handshake_is_400(serve: Serve) -> None:
    gateway = serve(WebSocketApi(connect=FakeFunction()))
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert fetch(gateway.ws_url.replace("ws:", "http:"), headers=headers).status == 400
