"""APIs made from a Chalice app, and the isolation of concurrent requests."""

import threading
from typing import Any

import pytest
from chalice.app import AuthResponse, AuthRoute, Chalice, CORSConfig, IAMAuthorizer, Response, WebsocketEvent

from local.gateway import Apis, Gateway, rest_api_from_chalice, websocket_api_from_chalice

from .conftest import Connect, Serve
from .support import DEADLINE, FakeFunction, fetch, management_client, wait_until
from .test_messages import next_text

TOKEN = {"Authorization": "Bearer alice"}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Chalice:
    """A Chalice app with an authorizer and two resources, one of them with CORS."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    app = Chalice("tests", configure_logs=False, env={})
    app.experimental_feature_flags.update(["WEBSOCKETS"])
    cors = CORSConfig("https://app.example", allow_headers=["X-Mine"], max_age=600)

    @app.authorizer(ttl_seconds=60)
    def auth(request: Any) -> AuthResponse:
        if request.token == "Bearer nobody":
            return AuthResponse(routes=[], principal_id="nobody")
        if request.token == "Bearer reader":
            return AuthResponse(routes=[AuthRoute("/things/*", ["GET"])], principal_id="reader")
        name = request.token.removeprefix("Bearer ")
        context: Any = {"participant_id": name, "expires_at": 5}
        return AuthResponse(routes=["*"], principal_id=name, context=context)

    @app.route("/things/{thing}", methods=["GET", "POST"], authorizer=auth, cors=cors)
    def thing(thing: str) -> dict[str, Any]:
        request: Any = app.current_request
        return {
            "thing": thing,
            "caller": request.context["authorizer"]["participant_id"],
            "expires_at": request.context["authorizer"]["expires_at"],
            "method": request.method,
            "query": request.query_params and request.query_params.getlist("tag"),
            "body": request.json_body if request.method == "POST" else None,
        }

    @app.route("/plain")
    def plain() -> Response:
        return Response("plain text", headers={"Content-Type": "text/plain", "X-Twice": ["1", "2"]})

    return app


def test_chalice_view_receives_its_request(app: Chalice, serve: Serve) -> None:
    gateway = serve(Apis(rest=rest_api_from_chalice(app)))
    headers = {**TOKEN, "Content-Type": "application/json"}
    url = f"{gateway.http_url}/things/a%20b?tag=1&tag=2"
    assert fetch(url, "POST", headers=headers, body='{"x": "é"}').json() == {
        "thing": "a%20b",
        "caller": "alice",
        "expires_at": "5",
        "method": "POST",
        "query": ["1", "2"],
        "body": {"x": "é"},
    }


def test_chalice_response_headers_and_status_reach_the_client(app: Chalice, serve: Serve) -> None:
    reply = fetch(serve(Apis(rest=rest_api_from_chalice(app))).http_url + "/plain")
    assert reply.body == b"plain text"
    assert reply.headers["Content-Type"] == "text/plain"
    assert reply.headers.get_all("X-Twice") == ["1", "2"]


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [
        (None, "GET", 401),
        ("Bearer nobody", "GET", 401),
        ("Bearer reader", "POST", 401),
        ("Bearer alice", "GET", 200),
        ("Bearer alice", "POST", 200),
    ],
)
def test_chalice_authorizer_is_enforced(
    app: Chalice, serve: Serve, token: str | None, method: str, status: int
) -> None:
    gateway = serve(Apis(rest=rest_api_from_chalice(app)))
    headers = {"Authorization": token} if token else {}
    body = "{}" if method == "POST" else None
    assert fetch(f"{gateway.http_url}/things/1", method, headers=headers, body=body).status == status


def test_authorizer_ttl_and_header_come_from_chalice(app: Chalice) -> None:
    @app.authorizer()
    def without_ttl(request: Any) -> AuthResponse:
        raise AssertionError("unused authorizer")

    @app.authorizer(ttl_seconds=0, header="X-Token")
    def uncached(request: Any) -> AuthResponse:
        raise AssertionError("unused authorizer")

    for path, authorizer in (("/a", without_ttl), ("/b", uncached)):
        app.route(path, authorizer=authorizer)(lambda: {})
    routes = {route.resource: route.authorizer for route in rest_api_from_chalice(app).routes}
    authorizers = {path: (item.ttl, item.header) for path, item in routes.items() if item is not None}
    assert authorizers == {
        "/things/{thing}": (60, "Authorization"),
        "/a": (300, "Authorization"),
        "/b": (0, "X-Token"),
    }


def test_preflight_responses_equal_those_that_chalice_deploys(app: Chalice, serve: Serve) -> None:
    gateway = serve(Apis(rest=rest_api_from_chalice(app)))
    reply = fetch(f"{gateway.http_url}/things/1", "OPTIONS", headers={"Origin": "https://app.example"})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET,POST,OPTIONS"
    assert "X-Mine" in reply.headers["Access-Control-Allow-Headers"].split(",")
    assert reply.headers["Access-Control-Max-Age"] == "600"
    refused = fetch(f"{gateway.http_url}/plain", "OPTIONS")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")


def test_unsupported_authorizer_is_rejected_by_name(app: Chalice) -> None:
    app.route("/iam", authorizer=IAMAuthorizer())(lambda: {})
    with pytest.raises(ValueError, match="GET /iam uses IAMAuthorizer"):
        rest_api_from_chalice(app)


def test_api_key_requirement_is_rejected_by_name(app: Chalice) -> None:
    app.route("/keyed", api_key_required=True)(lambda: {})
    with pytest.raises(ValueError, match="GET /keyed requires an API key"):
        rest_api_from_chalice(app)


def test_current_request_is_thread_local(app: Chalice, serve: Serve) -> None:
    together = threading.Barrier(4, timeout=DEADLINE)

    @app.route("/echo/{name}")
    def echo(name: str) -> dict[str, Any]:
        together.wait()  # until all four requests run
        request: Any = app.current_request
        return {"name": name, "seen": request.uri_params, "id": app.lambda_context.aws_request_id}

    gateway = serve(Apis(rest=rest_api_from_chalice(app)))
    replies: list[Any] = []
    threads = [
        threading.Thread(target=lambda name=name: replies.append(fetch(f"{gateway.http_url}/echo/{name}").json()))
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply["name"] for reply in replies) == list("abcd")
    assert all(reply["seen"] == {"name": reply["name"]} for reply in replies)
    assert len({reply["id"] for reply in replies}) == 4


def test_app_can_be_converted_twice_and_remains_a_chalice(app: Chalice, serve: Serve) -> None:
    rest_api_from_chalice(app)
    api = rest_api_from_chalice(app)
    assert isinstance(app, Chalice)
    assert fetch(serve(Apis(rest=api)).http_url + "/plain").status == 200


def test_current_request_is_separate_per_app(app: Chalice) -> None:
    apps: list[Any] = [app, Chalice("other", configure_logs=False, env={})]
    for number, item in enumerate(apps):
        rest_api_from_chalice(item)
        item.current_request = number
    assert [item.current_request for item in apps] == [0, 1]


def socket_handlers(app: Chalice, gateway: list[Gateway]) -> list[str]:
    """Register the three socket handlers; return the list to which they append."""
    seen: list[str] = []

    @app.on_ws_connect()
    def connected(event: WebsocketEvent) -> Response:
        seen.append("connect")
        return Response("", headers={"Sec-WebSocket-Protocol": "chat.v1"})

    @app.on_ws_message()
    def message(event: WebsocketEvent) -> None:
        client = management_client(gateway[0].management_url)
        client.post_to_connection(ConnectionId=event.connection_id, Data=f"echo {event.body}".encode())

    @app.on_ws_disconnect()
    def disconnected(event: WebsocketEvent) -> None:
        seen.append("disconnect")

    return seen


def test_websocket_handlers_of_the_app_are_served(app: Chalice, serve: Serve, connect: Connect) -> None:
    gateways: list[Gateway] = []
    seen = socket_handlers(app, gateways)
    gateways.append(serve(websocket_api_from_chalice(app)))
    socket = connect(gateways[0].ws_url, subprotocols=["chat.v1"])
    assert socket.subprotocol == "chat.v1"
    socket.send("hello")
    assert next_text(socket) == "echo hello"
    socket.close()
    wait_until(lambda: seen == ["connect", "disconnect"], "$disconnect")


def test_custom_routes_and_authorizer_can_be_added(app: Chalice) -> None:
    socket_handlers(app, [])
    send = FakeFunction()
    api = websocket_api_from_chalice(app, routes={"send": send})
    assert api.select('{"action": "send"}') == ("send", send)
    assert api.select("{}")[0] == "$default"


def test_websocket_middleware_is_built_before_the_first_event(
    app: Chalice, serve: Serve, connect: Connect
) -> None:
    wrapped: list[str] = []

    @app.middleware("websocket")
    def middleware(event: Any, get_response: Any) -> Any:
        wrapped.append(event.to_dict()["requestContext"]["routeKey"])
        return get_response(event)

    done = FakeFunction()

    @app.on_ws_message()
    def message(event: WebsocketEvent) -> None:
        done(event.to_dict(), None)

    api = websocket_api_from_chalice(app)
    handler: Any = api.default
    assert handler.handler is not None  # Chalice would build the chain at the first event, in any thread
    gateway = serve(api)
    sockets = [connect(gateway.ws_url) for _ in range(10)]
    for socket in sockets:
        socket.send("first")
    done.wait_for(10)
    assert wrapped == ["$default"] * 10
