"""Points 37–48 of the checklist: the ``@connections`` management API, also with boto3."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from websockets.frames import Opcode
from websockets.sync.client import ClientConnection

from local.gateway import Apis, Gateway, RequestAuthorizer, WebSocketApi

from .conftest import Connect, Serve
from .support import (
    DEADLINE,
    SIGNATURE,
    FakeFunction,
    ManualClock,
    allow,
    fetch,
    manage,
    management_client,
    raw_socket,
    wait_until,
)
from .test_closing import ending
from .test_messages import closed, next_text

UNKNOWN = "AAAAAAAAAAAAAAA="
Pair = tuple[Gateway, ClientConnection, str]


@pytest.fixture
def pair(serve: Serve, connect: Connect) -> Callable[..., Pair]:
    """Starts a gateway with one client; returns both and the connection's id."""

    def start(api: WebSocketApi | None = None, **options: Any) -> Pair:
        gateway = serve(api or WebSocketApi(default=FakeFunction()), **options)
        socket = connect(gateway.ws_url)
        return gateway, socket, gateway.connections()[0]

    return start


def post(gateway: Gateway, own: str, body: bytes | str = "x") -> int:
    return manage(gateway.management_url, "POST", own, body=body).status


@pytest.mark.parametrize("spelling", ["@connections", "%40connections"])
@pytest.mark.parametrize("escape", [True, False])
def test_37_path_may_be_percent_encoded(pair: Callable[..., Pair], spelling: str, escape: bool) -> None:
    gateway, socket, own = pair()
    name = own.replace("=", "%3D") if escape else own
    target = f"/local/{spelling}/{name}"
    reply = fetch(
        gateway.http_url, "POST", target=target, headers={"Authorization": SIGNATURE}, body="over the wire"
    )
    assert reply.status == 200
    assert next_text(socket) == "over the wire"


def test_37_boto3_works_unmodified(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    for url in (gateway.management_url, gateway.management_url + "/"):
        management_client(url).post_to_connection(ConnectionId=own, Data="from boto3 ✓".encode())
        assert next_text(socket) == "from boto3 ✓"


@pytest.mark.parametrize("target", ["/other/@connections/", "/@connections/", "/local/connections/"])
def test_37_other_paths_are_not_the_management_api(pair: Callable[..., Pair], target: str) -> None:
    gateway, _, own = pair()
    reply = fetch(gateway.http_url, "POST", target=target + own, headers={"Authorization": SIGNATURE}, body="x")
    assert reply.status == 403


def test_37_other_methods_are_forbidden(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair()
    assert manage(gateway.management_url, "PUT", own, body="x").status == 403


def test_38_post_returns_an_empty_200(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair()
    reply = manage(gateway.management_url, "POST", own, body="x")
    assert (reply.status, reply.body) == (200, b"")


def test_38_get_returns_lower_camel_case_and_utc(serve: Serve, connect: Connect, clock: ManualClock) -> None:
    gateway = serve(WebSocketApi(), clock=clock)
    connect(gateway.ws_url, user_agent_header="tests/1.0")
    own = gateway.connections()[0]
    clock.advance(1.5)
    post(gateway, own)
    reply = manage(gateway.management_url, "GET", own)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json() == {
        "connectedAt": "2024-11-11T13:45:46.123Z",
        "identity": {"sourceIp": "127.0.0.1", "userAgent": "tests/1.0"},
        "lastActiveAt": "2024-11-11T13:45:47.623Z",
    }
    seen = management_client(gateway.management_url).get_connection(ConnectionId=own)
    assert seen["ConnectedAt"] == datetime(2024, 11, 11, 13, 45, 46, 123000, UTC)
    assert seen["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tests/1.0"}
    assert seen["LastActiveAt"] == datetime(2024, 11, 11, 13, 45, 47, 623000, UTC)


def test_38_get_omits_a_missing_user_agent(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi())
    connect(gateway.ws_url, user_agent_header=None)
    reply = manage(gateway.management_url, "GET", gateway.connections()[0])
    assert reply.json()["identity"] == {"sourceIp": "127.0.0.1"}


def test_38_delete_returns_204_and_closes_with_1000(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    answer = management_client(gateway.management_url).delete_connection(ConnectionId=own)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert closed(socket)[0] == 1000
    assert post(gateway, own) == 410


def test_39_delete_invokes_disconnect_with_the_authorizer_context(serve: Serve, connect: Connect) -> None:
    disconnect = FakeFunction()
    authorizer = RequestAuthorizer(FakeFunction(lambda event: allow(event["methodArn"], {"userId": "u1"})))
    gateway = serve(WebSocketApi(disconnect=disconnect, authorizer=authorizer))
    connect(gateway.ws_url)
    manage(gateway.management_url, "DELETE", gateway.connections()[0])
    event = disconnect.wait_for(1)[0]
    assert ending(event) == (1000, "Connection Closed Normally")
    assert event["requestContext"]["authorizer"] == {"userId": "u1", "principalId": "alice"}


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_40_unknown_id_is_410(pair: Callable[..., Pair], method: str) -> None:
    gateway, _, _ = pair()
    reply = manage(gateway.management_url, method, UNKNOWN, body="x" if method == "POST" else None)
    assert reply.status == 410
    assert reply.headers["x-amzn-ErrorType"] == "GoneException"
    assert reply.body == b""


def test_40_closed_connection_raises_gone_exception_in_boto3(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    socket.close()
    wait_until(lambda: not gateway.connections(), "the end of the connection")
    client = management_client(gateway.management_url)
    for call in (client.get_connection, client.delete_connection):
        with pytest.raises(client.exceptions.GoneException):
            call(ConnectionId=own)
    with pytest.raises(client.exceptions.GoneException):
        client.post_to_connection(ConnectionId=own, Data=b"x")


@pytest.mark.parametrize(
    "name", ["short", "AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAA!=", "AAAAAAAAAAAAAAA=\n", "é" * 15 + "="]
)
def test_40_malformed_id_is_400(pair: Callable[..., Pair], name: str) -> None:
    gateway, _, _ = pair()
    reply = manage(gateway.management_url, "POST", name, body="x")
    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "BadRequestException"


def test_41_128_kb_are_accepted_and_one_byte_more_is_413(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    client = management_client(gateway.management_url)
    client.post_to_connection(ConnectionId=own, Data=b"x" * 131_072)
    assert len(next_text(socket)) == 131_072
    with pytest.raises(client.exceptions.PayloadTooLargeException):
        client.post_to_connection(ConnectionId=own, Data=b"x" * 131_073)
    assert post(gateway, own, "next") == 200
    assert next_text(socket) == "next"


def test_41_empty_message_is_delivered(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    assert post(gateway, own, b"") == 200
    assert next_text(socket) == ""


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "Bearer token",
        SIGNATURE.replace("execute-api", "s3"),
        SIGNATURE.replace("aws4_request", "aws5_request"),
        SIGNATURE.replace("AWS4-HMAC-SHA256", "AWS4"),
        SIGNATURE[:-1],
    ],
)
def test_42_unsigned_request_is_403(pair: Callable[..., Pair], signature: str) -> None:
    gateway, _, own = pair()
    reply = manage(gateway.management_url, "POST", own, body="x", signature=signature)
    assert reply.status == 403
    assert "message" in reply.json()


def test_42_signature_check_can_be_disabled(
    pair: Callable[..., Pair],
) -> None:
    gateway, socket, own = pair(require_signature=False)
    assert manage(gateway.management_url, "POST", own, body="unsigned", signature="").status == 200
    assert next_text(socket) == "unsigned"
    gateway.change(require_signature=True)
    assert manage(gateway.management_url, "POST", own, body="unsigned", signature="").status == 403


def test_43_messages_connects_and_callbacks_share_one_bucket(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    function = FakeFunction()
    gateway = serve(WebSocketApi(default=function), clock=clock, request_rate=2.0, request_burst=3)
    socket = connect(gateway.ws_url)  # 1
    own = gateway.connections()[0]
    socket.send("hello")  # 2
    function.wait_for(1)
    client = management_client(gateway.management_url)
    client.post_to_connection(ConnectionId=own, Data=b"posted")  # 3
    assert next_text(socket) == "posted"
    with pytest.raises(client.exceptions.LimitExceededException):
        client.post_to_connection(ConnectionId=own, Data=b"too much")
    socket.send("too much as well")
    assert json.loads(next_text(socket))["message"] == "Too Many Requests"
    clock.advance(0.5)  # one more token
    client.post_to_connection(ConnectionId=own, Data=b"again")
    assert next_text(socket) == "again"
    assert len(function.events) == 1


def test_43_posts_to_a_client_with_a_full_buffer_are_429(serve: Serve) -> None:
    gateway = serve(WebSocketApi(), send_buffer_bytes=262_144)
    with raw_socket(gateway.ws_url, receive_buffer=4096) as client:
        client.open()
        own = gateway.connections()[0]
        statuses: list[int] = []
        while 429 not in statuses and len(statuses) < 500:
            reply = manage(gateway.management_url, "POST", own, body=b"x" * 131_072)
            statuses.append(reply.status)
        assert reply.headers["x-amzn-ErrorType"] == "LimitExceededException"
    assert set(statuses) == {200, 429}
    assert len(statuses) > 2


def test_44_500_after_delivery_makes_the_sdk_deliver_twice(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair(posts_failed_after_delivery=1.0)
    client = management_client(gateway.management_url, attempts=2)
    with pytest.raises(ClientError) as caught:
        client.post_to_connection(ConnectionId=own, Data=b"twice")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert [next_text(socket), next_text(socket)] == ["twice", "twice"]


def test_44_410_after_delivery_is_a_false_positive(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    gateway.change(posts_gone_after_delivery=1.0)
    client = management_client(gateway.management_url)
    with pytest.raises(client.exceptions.GoneException):
        client.post_to_connection(ConnectionId=own, Data=b"delivered all the same")
    assert next_text(socket) == "delivered all the same"
    gateway.change(posts_gone_after_delivery=0.0)
    assert post(gateway, own) == 200


def test_44_slow_post_delivers_immediately_and_responds_late(
    pair: Callable[..., Pair], clock: ManualClock
) -> None:
    gateway, socket, own = pair(clock=clock, posts_slow=1.0, slow_post=3.0)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, gateway, own, "early")
        assert next_text(socket) == "early"
        wait_until(lambda: clock.sleepers(within=3.0) == 1, "the slow answer")
        assert not answer.done()
        clock.advance(3.0)
        assert answer.result(DEADLINE) == 200


def test_44_failed_post_is_not_delivered(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair(posts_failed=1.0)
    assert post(gateway, own, "lost") == 500
    gateway.change(posts_failed=0.0, posts_throttled=1.0)
    assert post(gateway, own, "lost too") == 429
    gateway.change(posts_throttled=0.0)
    assert post(gateway, own, "first") == 200
    assert next_text(socket) == "first"


def test_44_hung_post_reaches_the_caller_timeout(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair(posts_hung=1.0)
    client = management_client(gateway.management_url, read_timeout=0.1)
    with pytest.raises(ReadTimeoutError):
        client.post_to_connection(ConnectionId=own, Data=b"lost")
    gateway.change(posts_hung=0.0)
    assert post(gateway, own, "next") == 200
    assert next_text(socket) == "next"


def test_44_hung_post_does_not_block_the_shutdown(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair(posts_hung=1.0)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, gateway, own)
        wait_until(lambda: gateway.counters().get("management.hung"), "the hung post")
        gateway.stop()
        with suppress(OSError):
            assert answer.result(DEADLINE) == 500


def test_44_posts_can_be_duplicated(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair(posts_duplicated=1.0)
    assert post(gateway, own, "twice") == 200
    assert [next_text(socket), next_text(socket)] == ["twice", "twice"]


def test_44_faults_can_be_limited_to_one_connection(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi())
    connect(gateway.ws_url)
    connect(gateway.ws_url)
    first, second = gateway.connections()
    gateway.change_for(first, posts_failed=1.0)
    assert (post(gateway, first), post(gateway, second)) == (500, 200)
    gateway.change_for(first)
    assert (post(gateway, first), post(gateway, second)) == (200, 200)


def test_44_faults_are_reproducible_by_seed(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair(posts_failed=0.5, seed=1)
    first = [post(gateway, own) for _ in range(20)]
    gateway.change(seed=1)
    again = [post(gateway, own) for _ in range(20)]
    gateway.change(seed=2)
    other = [post(gateway, own) for _ in range(20)]
    assert first == again != other
    assert set(first) == {200, 500}


@pytest.mark.parametrize("text", ["plain", "é ✓ 漢字 🎉", '{"type":"event"}', "a\u0000b\r\n"])
def test_45_payload_arrives_as_one_text_message_byte_for_byte(pair: Callable[..., Pair], text: str) -> None:
    gateway, socket, own = pair()
    post(gateway, own, text.encode())
    assert next_text(socket).encode() == text.encode()


def test_45_long_message_is_sent_in_frames_of_32_kb(serve: Serve) -> None:
    gateway = serve(WebSocketApi())
    text = "✓" * 25_000  # 75,000 bytes, so that a frame ends within a character
    with raw_socket(gateway.ws_url) as client:
        client.open()
        post(gateway, gateway.connections()[0], text.encode())
        frames = [client.read_frame() for _ in range(3)]
    assert [frame.opcode for frame in frames] == [Opcode.TEXT, Opcode.CONT, Opcode.CONT]
    assert [len(frame.data) for frame in frames] == [32_768, 32_768, 75_000 - 65_536]
    assert [frame.fin for frame in frames] == [False, False, True]
    assert b"".join(bytes(frame.data) for frame in frames).decode() == text


def test_46_posts_can_be_reordered(pair: Callable[..., Pair], clock: ManualClock) -> None:
    gateway, socket, own = pair(clock=clock, posts_shuffled=1.0, shuffle_jitter=1.0, seed=5)
    texts = [str(number) for number in range(10)]
    assert [post(gateway, own, text) for text in texts] == [200] * 10
    wait_until(lambda: clock.sleepers(within=1.0) == 10, "ten delayed messages")
    received = []
    for _ in texts:
        clock.advance_to_next()
        received.append(next_text(socket))
    assert sorted(received) == texts
    assert received != texts


def test_46_sequential_posts_keep_their_order_without_the_fault(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    texts = [str(number) for number in range(20)]
    for text in texts:
        post(gateway, own, text)
    assert [next_text(socket) for _ in texts] == texts


def test_47_post_updates_last_active_and_the_idle_timer_but_not_connected_at(
    pair: Callable[..., Pair], clock: ManualClock
) -> None:
    gateway, socket, own = pair(clock=clock)
    clock.advance(599)
    post(gateway, own, "keeps it open")
    assert next_text(socket) == "keeps it open"
    before = manage(gateway.management_url, "GET", own).json()
    clock.advance(599)
    after = manage(gateway.management_url, "GET", own).json()
    assert (
        before
        == after
        == {
            "connectedAt": "2024-11-11T13:45:46.123Z",
            "identity": after["identity"],
            "lastActiveAt": "2024-11-11T13:55:45.123Z",
        }
    )
    clock.advance(1)
    assert closed(socket)[0] == 1001


def test_47_client_message_updates_last_active(pair: Callable[..., Pair], clock: ManualClock) -> None:
    function = FakeFunction()
    gateway, socket, own = pair(WebSocketApi(default=function), clock=clock)
    clock.advance(2)
    socket.send("hello")
    function.wait_for(1)
    assert manage(gateway.management_url, "GET", own).json()["lastActiveAt"] == "2024-11-11T13:45:48.123Z"


def test_48_posts_to_a_dropped_connection_are_200_until_it_is_detected(
    pair: Callable[..., Pair], clock: ManualClock
) -> None:
    disconnect = FakeFunction()
    gateway, _, own = pair(WebSocketApi(disconnect=disconnect), clock=clock, drop_detection=30.0)
    gateway.drop(own)
    wait_until(lambda: clock.sleepers(within=30.0) == 1, "the undetected loss")
    assert post(gateway, own) == 200
    assert manage(gateway.management_url, "GET", own).status == 200
    assert disconnect.events == []
    clock.advance(30.0)
    assert ending(disconnect.wait_for(1)[0]) == (1006, "")
    assert post(gateway, own) == 410


def test_48_dropped_connection_is_410_at_once_without_the_delay(pair: Callable[..., Pair]) -> None:
    disconnect = FakeFunction()
    gateway, _, own = pair(WebSocketApi(disconnect=disconnect))
    gateway.drop(own)
    disconnect.wait_for(1)
    assert post(gateway, own) == 410
    with pytest.raises(KeyError, match="AAAA"):
        gateway.drop(UNKNOWN)


def test_fan_out_to_a_hundred_connections_from_many_threads(serve: Serve, connect: Connect) -> None:
    started = threading.Barrier(3, timeout=DEADLINE)
    clients: list[Any] = []

    def fan_out(event: dict[str, Any]) -> dict[str, int]:
        started.wait()
        with ThreadPoolExecutor(20) as pool:
            for own in gateway.connections():
                pool.submit(clients[0].post_to_connection, ConnectionId=own, Data=event["body"].encode())
        return {"statusCode": 200}

    gateway = serve(Apis(websocket=WebSocketApi(default=FakeFunction(fan_out))))
    clients.append(management_client(gateway.management_url, pool=200))
    sockets = [connect(gateway.ws_url) for _ in range(100)]
    for socket in sockets[:3]:
        socket.send("to all")
    for socket in sockets:
        assert [next_text(socket) for _ in range(3)] == ["to all"] * 3
