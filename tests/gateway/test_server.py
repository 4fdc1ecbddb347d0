"""The gateway as a whole: ports, startup and shutdown, inspection, settings."""

import asyncio
import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect as async_connect

from local.gateway import (
    AccessRecord,
    Apis,
    Gateway,
    GatewaySettings,
    PortInUse,
    RequestAuthorizer,
    RestApi,
    Route,
    Urls,
    WebSocketApi,
    load_gateway_responses,
)
from local.gateway.ids import Ids
from local.gateway.server import loop_factory
from local.gateway.throttle import TokenBucket

from .conftest import Connect, Serve
from .support import (
    DEADLINE,
    Event,
    FakeFunction,
    ManualClock,
    allow,
    fetch,
    fetch_until_stopped,
    manage,
    raw_socket,
    wait_until,
)
from .test_closing import ending
from .test_messages import closed, next_text


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another socket listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def stopped_loop(gateway: Gateway) -> Iterator[None]:
    """Keep the gateway's event loop from accepting connections."""
    stopped, proceed = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        proceed.wait(DEADLINE)

    loop = gateway._loop
    assert loop is not None
    loop.call_soon_threadsafe(stop)
    assert stopped.wait(DEADLINE)
    try:
        yield
    finally:
        proceed.set()


def rest(handler: Any) -> RestApi:
    return RestApi(handler, (Route("/", "GET"),), load_gateway_responses())


@pytest.mark.parametrize("which", ["http_port", "ws_port"])
def test_port_in_use_is_reported_by_number(taken: int, which: str) -> None:
    ports = {"http_port": 0, "ws_port": 0, which: taken}
    gateway = Gateway(Apis(websocket=WebSocketApi()), http_port=ports["http_port"], ws_port=ports["ws_port"])
    with pytest.raises(PortInUse, match=f"port {taken} on 127.0.0.1 is in use") as caught:
        gateway.start()
    assert caught.value.port == taken
    gateway.stop()


def test_invalid_port_is_rejected_and_no_socket_stays_open() -> None:
    gateway = Gateway(Apis(websocket=WebSocketApi()), ws_port=70_000)
    with pytest.raises(OverflowError):
        gateway.bind()


def test_ports_are_configurable_and_released_by_stop() -> None:
    with Gateway(Apis(websocket=WebSocketApi())) as first:
        urls = first.bind()
    http_port, ws_port = (int(url.rsplit(":", 1)[1].split("/")[0]) for url in (urls.http_url, urls.ws_url))
    with Gateway(Apis(websocket=WebSocketApi()), http_port=http_port, ws_port=ws_port) as second:
        assert second.bind() == urls


def test_apis_can_be_made_from_the_urls(connect: Connect) -> None:
    announced: list[Urls] = []

    def apis(urls: Urls) -> Apis:
        announced.append(urls)
        return Apis(rest=rest(FakeFunction({"statusCode": 200, "body": urls.management_url})))

    with Gateway(apis) as gateway:
        assert announced == [gateway.bind()]
        assert fetch(gateway.http_url).body.decode() == gateway.management_url
        assert gateway.management_url == f"{gateway.http_url}/local"


def test_client_that_connects_between_bind_and_start_is_served() -> None:
    function = FakeFunction({"statusCode": 200, "body": "served"})
    gateway = Gateway(Apis(rest=rest(function)))
    urls = gateway.bind()
    host, port = urls.http_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with gateway:
            answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.endswith(b"served")


@pytest.mark.parametrize("which", ["http_url", "ws_url"])
def test_burst_of_connections_waits_in_the_kernel(which: str) -> None:
    """A listener with a short backlog drops them, and TCP connects again a second later."""
    api = Apis(rest=rest(FakeFunction()), websocket=WebSocketApi())
    with Gateway(api) as gateway, stopped_loop(gateway), contextlib.ExitStack() as opened:
        url = urlsplit(getattr(gateway, which))
        waiting = selectors.DefaultSelector()
        opened.callback(waiting.close)
        for _ in range(400):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((url.hostname, url.port))
            waiting.register(client, selectors.EVENT_WRITE)
        end = time.monotonic() + DEADLINE
        while waiting.get_map() and time.monotonic() < end:
            for key, _ in waiting.select(0.1):
                waiting.unregister(key.fileobj)
        assert not waiting.get_map()


def test_failure_to_make_the_apis_releases_the_ports() -> None:
    def broken(_urls: Urls) -> Apis:
        raise LookupError("no app")

    gateway = Gateway(broken)
    urls = gateway.bind()
    with pytest.raises(LookupError, match="no app"):
        gateway.start()
    port = int(urls.http_url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_conflicting_resources_fail_the_start() -> None:
    routes = (Route("/things/{thing}", "GET"), Route("/things/{other}/parts", "GET"))
    gateway = Gateway(Apis(rest=RestApi(FakeFunction(), routes, load_gateway_responses())))
    with pytest.raises(ValueError, match="sibling"):
        gateway.start()


def test_gateway_cannot_be_started_twice(serve: Serve) -> None:
    gateway = serve(WebSocketApi())
    with pytest.raises(RuntimeError, match="already been started"):
        gateway.start()


def test_stop_closes_every_connection_with_1001_and_runs_disconnect(serve: Serve, connect: Connect) -> None:
    posted: list[int] = []

    def on_disconnect(event: Event) -> dict[str, int]:
        own = event["requestContext"]["connectionId"]
        posted.append(manage(gateway.management_url, "POST", own, body="x").status)
        return {"statusCode": 200}

    disconnect = FakeFunction(on_disconnect)
    gateway = serve(WebSocketApi(disconnect=disconnect), close_timeout=20.0, shutdown_timeout=20.0)
    sockets = [connect(gateway.ws_url) for _ in range(5)]
    started = time.monotonic()
    gateway.stop()
    assert time.monotonic() - started < 15, "it waits for no timeout"
    assert [closed(item) for item in sockets] == [(1001, "Going away")] * 5
    assert [ending(event) for event in disconnect.events] == [(1001, "Going away")] * 5
    assert posted == [410] * 5  # the management API was still running
    assert gateway.connections() == []
    gateway.stop()  # idempotent


def test_stop_does_not_wait_for_unresponsive_clients_or_slow_functions(serve: Serve) -> None:
    leave = threading.Event()
    function = FakeFunction(lambda event: leave.wait(60))
    api = WebSocketApi(connect=FakeFunction(), default=function, disconnect=function)
    gateway = serve(Apis(rest=rest(function), websocket=api), close_timeout=0.1, shutdown_timeout=0.3)
    with raw_socket(gateway.ws_url) as mute, raw_socket(gateway.ws_url) as half_open:
        mute.open()
        mute.send_text("hello")
        half_open.sock.sendall(b"GET /local HTTP/1.1\r\n")
        caller = threading.Thread(target=fetch_until_stopped, args=(gateway.http_url,))
        caller.start()
        function.wait_for(2)
        started = time.monotonic()
        gateway.stop()
        assert time.monotonic() - started < 30
        caller.join()
    leave.set()
    assert gateway.connections() == []


def test_stop_does_not_wait_for_a_hanging_connect(serve: Serve) -> None:
    leave = threading.Event()
    function = FakeFunction(lambda event: leave.wait(60))
    gateway = serve(WebSocketApi(connect=function))
    with raw_socket(gateway.ws_url) as client:
        client.send_upgrade()
        function.wait_for(1)
        started = time.monotonic()
        gateway.stop()
        assert time.monotonic() - started < 30
    leave.set()


def test_function_that_returns_after_the_stop_is_harmless(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    leave = threading.Event()
    function = FakeFunction(lambda event: leave.wait(DEADLINE) and None)
    gateway = serve(WebSocketApi(default=function))
    connect(gateway.ws_url).send("hello")
    function.wait_for(1)
    gateway.stop()
    with caplog.at_level(logging.INFO, logger="local.gateway"):
        leave.set()
        wait_until(lambda: "returned after the gateway had stopped" in caplog.text, "the late return")


@pytest.mark.parametrize("fault", ["late", "doubled"])
def test_stop_releases_delayed_disconnects(serve: Serve, connect: Connect, fault: str) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), disconnect=fault, disconnect_delay=60.0)
    connect(gateway.ws_url)
    started = time.monotonic()
    gateway.stop()
    assert time.monotonic() - started < 30
    assert len(disconnect.events) == {"late": 1, "doubled": 2}[fault]


def test_stop_does_not_wait_for_an_undetected_loss(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), clock=clock, drop_detection=60.0)
    connect(gateway.ws_url)
    gateway.drop(gateway.connections()[0])
    wait_until(lambda: clock.sleepers(within=60.0) == 1, "the undetected loss")
    gateway.stop()
    assert [ending(event) for event in disconnect.events] == [(1006, "")]


def test_held_disconnect_runs_before_the_stop(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    disconnect = FakeFunction()
    gateway = serve(WebSocketApi(disconnect=disconnect), clock=clock, disconnect="late", disconnect_delay=60.0)
    connect(gateway.ws_url).close()
    wait_until(lambda: clock.sleepers(within=60.0) == 1, "the wait for another connect")
    gateway.stop()
    assert len(disconnect.events) == 1


def test_recursive_calls_through_the_gateway_do_not_deadlock() -> None:
    urls: list[str] = []

    def deep(event: Event, _context: Any) -> dict[str, Any]:
        depth = int((event["queryStringParameters"] or {"depth": "0"})["depth"])
        below = fetch(f"{urls[0]}/?depth={depth - 1}").body.decode() if depth else "ground"
        return {"statusCode": 200, "body": below}

    with Gateway(Apis(rest=rest(deep)), GatewaySettings(blocked_after=0.05)) as gateway:
        urls.append(gateway.http_url)
        assert fetch(f"{gateway.http_url}/?depth=32").body == b"ground"


def test_gateway_is_usable_from_an_event_loop() -> None:
    function, disconnect = FakeFunction(), FakeFunction()

    async def scenario() -> int | None:
        async with Gateway(Apis(websocket=WebSocketApi(default=function, disconnect=disconnect))) as gateway:
            client = await async_connect(gateway.ws_url)
            await client.send("hello")
            await asyncio.to_thread(function.wait_for, 1)
        await client.wait_closed()
        return client.close_code

    assert asyncio.run(scenario()) == 1001
    assert len(disconnect.events) == 1


def test_connections_lists_connections_from_the_101_until_the_close(serve: Serve, connect: Connect) -> None:
    on_connect = FakeFunction()
    gateway = serve(WebSocketApi(connect=on_connect))
    assert gateway.connections() == []
    first, second = connect(gateway.ws_url), connect(gateway.ws_url)
    ids = [event["requestContext"]["connectionId"] for event in on_connect.events]
    assert gateway.connections() == ids
    first.close()
    wait_until(lambda: gateway.connections() == ids[1:], "the end of the first")
    second.close()


def test_access_log_contains_neither_query_strings_nor_tokens(serve: Serve, connect: Connect) -> None:
    records: list[AccessRecord] = []
    authorizer = RequestAuthorizer(FakeFunction(lambda event: allow(event["methodArn"])))
    apis = Apis(rest=rest(FakeFunction()), websocket=WebSocketApi(default=FakeFunction(), authorizer=authorizer))
    gateway = serve(apis, access_log=records.append)
    fetch(f"{gateway.http_url}/?token=secret", headers={"Authorization": "Bearer secret"})
    fetch(f"{gateway.http_url}/nowhere?token=secret")
    connect(f"{gateway.ws_url}?ticket=secret", subprotocols=["bearer.secret"])
    own = gateway.connections()[0]
    manage(gateway.management_url, "POST", own, body="secret")
    wait_until(lambda: len(records) == 4, "four records")
    assert [(record.api, record.method, record.path, record.status) for record in records] == [
        ("rest", "GET", "/", 200),
        ("rest", "GET", "/nowhere", 404),
        ("websocket", "GET", "/local", 101),
        ("management", "POST", f"/local/@connections/{own.replace('=', '%3D')}", 200),
    ]
    assert all(record.milliseconds >= 0 for record in records)
    assert "secret" not in repr(records)


def test_failed_function_is_logged_by_location_without_its_message(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = serve(Apis(rest=rest(FakeFunction(RuntimeError("a private text")))))
    with caplog.at_level(logging.DEBUG, logger="local.gateway"):
        fetch(gateway.http_url)
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("local.gateway")]
    assert any("RuntimeError" in line and "support.py:" in line for line in logged)
    assert "private" not in caplog.text


def test_counters_count_requests_and_connections(serve: Serve, connect: Connect) -> None:
    message = FakeFunction()
    gateway = serve(WebSocketApi(connect=FakeFunction(), default=message, disconnect=FakeFunction()))
    socket = connect(gateway.ws_url)
    socket.send("hello")
    message.wait_for(1)
    manage(gateway.management_url, "POST", gateway.connections()[0], body="x")
    assert next_text(socket) == "x"
    manage(gateway.management_url, "POST", "AAAAAAAAAAAAAAA=", body="x")
    socket.close()
    wait_until(lambda: gateway.counters().get("websocket.disconnects"), "$disconnect")
    assert gateway.counters() == {
        "websocket.connects": 1,
        "websocket.messages": 1,
        "management.posts": 1,
        "management.gone": 1,
        "websocket.disconnects": 1,
    }


def test_websocket_port_is_closed_without_a_websocket_api(serve: Serve) -> None:
    gateway = serve(Apis(rest=rest(FakeFunction())))
    with pytest.raises(ConnectionRefusedError):
        fetch(gateway.ws_url.replace("ws:", "http:"))


def test_only_the_management_api_is_served_without_a_rest_api(serve: Serve) -> None:
    reply = fetch(serve(WebSocketApi()).http_url)
    assert (reply.status, reply.json()) == (403, {"message": "Missing Authentication Token"})


def test_malformed_http_is_rejected_without_a_rest_api(serve: Serve) -> None:
    gateway = serve(WebSocketApi())
    host, port = gateway.http_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert client.recv(4096).split()[1] == b"400"


class BrokenIds(Ids):
    """Ids that fail, to simulate an internal error of the gateway."""

    def short(self) -> str:
        raise ZeroDivisionError("a private text")


def test_internal_error_of_the_gateway_is_a_500_without_its_message(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = serve(Apis(rest=rest(FakeFunction())), ids=BrokenIds())
    reply = fetch(gateway.http_url)
    assert (reply.status, reply.json()["error"]["code"]) == (500, "INTERNAL")
    assert b"private" not in reply.body
    assert "private" not in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_drop_requires_a_running_gateway() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        Gateway(Apis()).drop("AAAAAAAAAAAAAAA=")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"idle_timeout": -1}, "idle_timeout"),
        ({"posts_failed": 1.5}, "posts_failed"),
        ({"handling": "random"}, "handling"),
        ({"disconnect": "never"}, "disconnect"),
        ({"stage": "a/b"}, "stage"),
        ({"stage": ""}, "stage"),
    ],
)
def test_settings_out_of_range_are_rejected_by_name(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        GatewaySettings(**changes)
    gateway = Gateway(Apis())
    with pytest.raises(ValueError, match=problem):
        gateway.change(**changes)
    with pytest.raises(ValueError, match=problem):
        gateway.change_for("AAAAAAAAAAAAAAA=", **changes)
    assert gateway.settings == GatewaySettings()


def test_default_settings_are_the_quotas_of_aws() -> None:
    settings = GatewaySettings()
    assert (settings.idle_timeout, settings.max_connection_age, settings.integration_timeout) == (600, 7200, 29)
    assert (settings.max_message_bytes, settings.max_frame_bytes) == (128 * 1024, 32 * 1024)
    assert (settings.connection_rate, settings.request_rate, settings.request_burst) == (500, 10_000, 5_000)
    assert settings.max_request_bytes == 10 * 1024 * 1024
    assert settings.max_payload_bytes > 6 * 1000 * 1000


def test_installed_event_loop_library_is_used() -> None:
    assert loop_factory("asyncio") is asyncio.new_event_loop
    assert loop_factory("no_such_library") is None


def test_stage_cannot_change_while_the_gateway_runs(serve: Serve) -> None:
    gateway = serve(WebSocketApi())
    with pytest.raises(ValueError, match="stage"):
        gateway.change(stage="other")


def test_unknown_setting_is_rejected() -> None:
    with pytest.raises(TypeError, match="idle"):
        Gateway(Apis()).change(idle=5)


def test_token_bucket_allows_its_burst_and_then_its_rate() -> None:
    now = [0.0]
    limits = [(10.0, 3.0)]
    bucket = TokenBucket(lambda: limits[0], lambda: now[0])
    assert [bucket.try_acquire() for _ in range(4)] == [True, True, True, False]
    now[0] += 0.25
    assert [bucket.try_acquire() for _ in range(3)] == [True, True, False]
    now[0] += 100
    assert [bucket.try_acquire() for _ in range(4)] == [True, True, True, False]
    limits[0] = (10.0, 5.0)
    assert [bucket.try_acquire() for _ in range(3)] == [True, True, False]
