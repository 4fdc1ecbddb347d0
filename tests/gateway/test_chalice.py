"""APIs made from a Chalice app: what is taken over, and what threads must not mix up."""

import threading
from typing import Any

import pytest
from chalice.app import AuthResponse, AuthRoute, Chalice, CORSConfig, IAMAuthorizer, Response, WebsocketEvent

from local.gateway import Apis, Gateway, rest_api_from_chalice, websocket_api_from_chalice

from .conftest import Connect, Serve
from .support import DEADLINE, Function, fetch, management_client, wait_until
from .test_messages import said

TOKEN = {"Authorization": "Bearer alice"}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Chalice:
    """A Chalice app with an authorizer and two resources, one of them open to browsers."""
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
            "who": request.context["authorizer"]["participant_id"],
            "expires_at": request.context["authorizer"]["expires_at"],
            "method": request.method,
            "query": request.query_params and request.query_params.getlist("tag"),
            "body": request.json_body if request.method == "POST" else None,
        }

    @app.route("/plain")
    def plain() -> Response:
        return Response("plain text", headers={"Content-Type": "text/plain", "X-Twice": ["1", "2"]})

    return app


def test_a_chalice_view_is_served_with_its_request(app: Chalice, serve: Serve) -> None:
    gateway = serve(Apis(rest=rest_api_from_chalice(app)))
    headers = {**TOKEN, "Content-Type": "application/json"}
    url = f"{gateway.http_url}/things/a%20b?tag=1&tag=2"
    assert fetch(url, "POST", headers=headers, body='{"x": "é"}').json() == {
        "thing": "a%20b",
        "who": "alice",
        "expires_at": "5",
        "method": "POST",
        "query": ["1", "2"],
        "body": {"x": "é"},
    }


def test_headers_and_status_of_a_chalice_response_reach_the_client(app: Chalice, serve: Serve) -> None:
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
def test_a_chalice_authorizer_decides(
    app: Chalice, serve: Serve, token: str | None, method: str, status: int
) -> None:
    gateway = serve(Apis(rest=rest_api_from_chalice(app)))
    headers = {"Authorization": token} if token else {}
    body = "{}" if method == "POST" else None
    assert fetch(f"{gateway.http_url}/things/1", method, headers=headers, body=body).status == status


def test_the_authorizer_s_ttl_comes_from_chalice(app: Chalice) -> None:
    @app.authorizer()
    def without_ttl(request: Any) -> AuthResponse:
        raise AssertionError("never called here")

    @app.authorizer(ttl_seconds=0, header="X-Token")
    def uncached(request: Any) -> AuthResponse:
        raise AssertionError("never called here")

    for path, authorizer in (("/a", without_ttl), ("/b", uncached)):
        app.route(path, authorizer=authorizer)(lambda: {})
    routes = {route.resource: route.authorizer for route in rest_api_from_chalice(app).routes}
    found = {path: (item.ttl, item.header) for path, item in routes.items() if item is not None}
    assert found == {"/things/{thing}": (60, "Authorization"), "/a": (300, "Authorization"), "/b": (0, "X-Token")}


def test_preflights_are_answered_as_chalice_deploys_them(app: Chalice, serve: Serve) -> None:
    gateway = serve(Apis(rest=rest_api_from_chalice(app)))
    reply = fetch(f"{gateway.http_url}/things/1", "OPTIONS", headers={"Origin": "https://app.example"})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET,POST,OPTIONS"
    assert "X-Mine" in reply.headers["Access-Control-Allow-Headers"].split(",")
    assert reply.headers["Access-Control-Max-Age"] == "600"
    assert fetch(f"{gateway.http_url}/plain", "OPTIONS").status == 404


def test_what_is_not_emulated_is_refused_by_name(app: Chalice) -> None:
    app.route("/iam", authorizer=IAMAuthorizer())(lambda: {})
    with pytest.raises(ValueError, match="GET /iam uses IAMAuthorizer"):
        rest_api_from_chalice(app)


def test_an_api_key_is_refused_by_name(app: Chalice) -> None:
    app.route("/keyed", api_key_required=True)(lambda: {})
    with pytest.raises(ValueError, match="GET /keyed wants an API key"):
        rest_api_from_chalice(app)


def test_each_thread_sees_its_own_request(app: Chalice, serve: Serve) -> None:
    together = threading.Barrier(4, timeout=DEADLINE)

    @app.route("/echo/{name}")
    def echo(name: str) -> dict[str, Any]:
        together.wait()  # all four requests are in here at once
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


def test_an_app_can_be_taken_twice_and_stays_a_chalice(app: Chalice, serve: Serve) -> None:
    rest_api_from_chalice(app)
    api = rest_api_from_chalice(app)
    assert isinstance(app, Chalice)
    assert fetch(serve(Apis(rest=api)).http_url + "/plain").status == 200


def test_two_apps_do_not_share_their_requests(app: Chalice) -> None:
    apps: list[Any] = [app, Chalice("other", configure_logs=False, env={})]
    for number, item in enumerate(apps):
        rest_api_from_chalice(item)
        item.current_request = number
    assert [item.current_request for item in apps] == [0, 1]


def socket_handlers(app: Chalice, gateway: list[Gateway]) -> list[str]:
    """Registers the three socket handlers; the result is a list of what they have seen."""
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


def test_the_three_socket_handlers_are_served(app: Chalice, serve: Serve, connect: Connect) -> None:
    gateways: list[Gateway] = []
    seen = socket_handlers(app, gateways)
    gateways.append(serve(websocket_api_from_chalice(app)))
    socket = connect(gateways[0].ws_url, subprotocols=["chat.v1"])
    assert socket.subprotocol == "chat.v1"
    socket.send("hello")
    assert said(socket) == "echo hello"
    socket.close()
    wait_until(lambda: seen == ["connect", "disconnect"], "$disconnect")


def test_custom_routes_and_an_authorizer_can_be_added(app: Chalice) -> None:
    socket_handlers(app, [])
    send = Function()
    api = websocket_api_from_chalice(app, routes={"send": send})
    assert api.select('{"action": "send"}') == ("send", send)
    assert api.select("{}")[0] == "$default"


def test_socket_middleware_is_there_from_the_first_event_on(app: Chalice, serve: Serve, connect: Connect) -> None:
    wrapped: list[str] = []

    @app.middleware("websocket")
    def middleware(event: Any, get_response: Any) -> Any:
        wrapped.append(event.to_dict()["requestContext"]["routeKey"])
        return get_response(event)

    done = Function()

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
