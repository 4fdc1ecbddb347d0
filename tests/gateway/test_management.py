"""Points 37–48 of the checklist: the ``@connections`` management API, and boto3 against it."""

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
    Function,
    ManualClock,
    allow,
    fetch,
    manage,
    management_client,
    raw_socket,
    wait_until,
)
from .test_closing import ending
from .test_messages import closed, said

UNKNOWN = "AAAAAAAAAAAAAAA="
Pair = tuple[Gateway, ClientConnection, str]


@pytest.fixture
def pair(serve: Serve, connect: Connect) -> Callable[..., Pair]:
    """Starts a gateway and connects one client to it; returns both and the connection's id."""

    def start(api: WebSocketApi | None = None, **options: Any) -> Pair:
        gateway = serve(api or WebSocketApi(default=Function()), **options)
        socket = connect(gateway.ws_url)
        return gateway, socket, gateway.connections()[0]

    return start


def post(gateway: Gateway, own: str, body: bytes | str = "x") -> int:
    return manage(gateway.management_url, "POST", own, body=body).status


@pytest.mark.parametrize("spelling", ["@connections", "%40connections"])
@pytest.mark.parametrize("escape", [True, False])
def test_37_the_path_is_understood_encoded_or_not(pair: Callable[..., Pair], spelling: str, escape: bool) -> None:
    gateway, socket, own = pair()
    name = own.replace("=", "%3D") if escape else own
    target = f"/local/{spelling}/{name}"
    reply = fetch(
        gateway.http_url, "POST", target=target, headers={"Authorization": SIGNATURE}, body="over the wire"
    )
    assert reply.status == 200
    assert said(socket) == "over the wire"


def test_37_boto3_works_unchanged(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    for url in (gateway.management_url, gateway.management_url + "/"):
        management_client(url).post_to_connection(ConnectionId=own, Data="from boto3 ✓".encode())
        assert said(socket) == "from boto3 ✓"


@pytest.mark.parametrize("target", ["/other/@connections/", "/@connections/", "/local/connections/"])
def test_37_other_paths_are_not_the_management_api(pair: Callable[..., Pair], target: str) -> None:
    gateway, _, own = pair()
    reply = fetch(gateway.http_url, "POST", target=target + own, headers={"Authorization": SIGNATURE}, body="x")
    assert reply.status == 403


def test_37_other_methods_are_forbidden(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair()
    assert manage(gateway.management_url, "PUT", own, body="x").status == 403


def test_38_post_answers_200_and_nothing_else(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair()
    reply = manage(gateway.management_url, "POST", own, body="x")
    assert (reply.status, reply.body) == (200, b"")


def test_38_get_answers_in_lower_camel_case_and_utc(serve: Serve, connect: Connect, clock: ManualClock) -> None:
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


def test_38_get_leaves_out_a_user_agent_that_was_not_sent(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi())
    connect(gateway.ws_url, user_agent_header=None)
    reply = manage(gateway.management_url, "GET", gateway.connections()[0])
    assert reply.json()["identity"] == {"sourceIp": "127.0.0.1"}


def test_38_delete_answers_204_and_closes_with_1000(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    answer = management_client(gateway.management_url).delete_connection(ConnectionId=own)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert closed(socket)[0] == 1000
    assert post(gateway, own) == 410


def test_39_delete_brings_a_disconnect_with_the_authorizer_s_context(serve: Serve, connect: Connect) -> None:
    disconnect = Function()
    authorizer = RequestAuthorizer(Function(lambda event: allow(event["methodArn"], {"userId": "u1"})))
    gateway = serve(WebSocketApi(disconnect=disconnect, authorizer=authorizer))
    connect(gateway.ws_url)
    manage(gateway.management_url, "DELETE", gateway.connections()[0])
    event = disconnect.wait_for(1)[0]
    assert ending(event) == (1000, "Connection Closed Normally")
    assert event["requestContext"]["authorizer"] == {"userId": "u1", "principalId": "alice"}


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_40_an_unknown_id_is_gone(pair: Callable[..., Pair], method: str) -> None:
    gateway, _, _ = pair()
    reply = manage(gateway.management_url, method, UNKNOWN, body="x" if method == "POST" else None)
    assert reply.status == 410
    assert reply.headers["x-amzn-ErrorType"] == "GoneException"
    assert reply.body == b""


def test_40_a_closed_id_is_gone_and_boto3_says_so(pair: Callable[..., Pair]) -> None:
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
def test_40_a_malformed_id_is_a_bad_request(pair: Callable[..., Pair], name: str) -> None:
    gateway, _, _ = pair()
    reply = manage(gateway.management_url, "POST", name, body="x")
    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "BadRequestException"


def test_41_exactly_128_kb_pass_and_one_byte_more_is_413(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    client = management_client(gateway.management_url)
    client.post_to_connection(ConnectionId=own, Data=b"x" * 131_072)
    assert len(said(socket)) == 131_072
    with pytest.raises(client.exceptions.PayloadTooLargeException):
        client.post_to_connection(ConnectionId=own, Data=b"x" * 131_073)
    assert post(gateway, own, "next") == 200
    assert said(socket) == "next"


def test_41_an_empty_message_is_delivered(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    assert post(gateway, own, b"") == 200
    assert said(socket) == ""


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
def test_42_a_request_that_is_not_signed_is_403(pair: Callable[..., Pair], signature: str) -> None:
    gateway, _, own = pair()
    reply = manage(gateway.management_url, "POST", own, body="x", signature=signature)
    assert reply.status == 403
    assert "message" in reply.json()


def test_42_the_check_of_signatures_can_be_switched_off(
    pair: Callable[..., Pair],
) -> None:
    gateway, socket, own = pair(require_signature=False)
    assert manage(gateway.management_url, "POST", own, body="unsigned", signature="").status == 200
    assert said(socket) == "unsigned"
    gateway.change(require_signature=True)
    assert manage(gateway.management_url, "POST", own, body="unsigned", signature="").status == 403


def test_43_messages_connects_and_callbacks_share_one_bucket(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    function = Function()
    gateway = serve(WebSocketApi(default=function), clock=clock, request_rate=2.0, request_burst=3)
    socket = connect(gateway.ws_url)  # 1
    own = gateway.connections()[0]
    socket.send("hello")  # 2
    function.wait_for(1)
    client = management_client(gateway.management_url)
    client.post_to_connection(ConnectionId=own, Data=b"posted")  # 3
    assert said(socket) == "posted"
    with pytest.raises(client.exceptions.LimitExceededException):
        client.post_to_connection(ConnectionId=own, Data=b"too much")
    socket.send("too much as well")
    assert json.loads(said(socket))["message"] == "Too Many Requests"
    clock.advance(0.5)  # one more token
    client.post_to_connection(ConnectionId=own, Data=b"again")
    assert said(socket) == "again"
    assert len(function.events) == 1


def test_43_a_client_that_does_not_read_fills_its_buffer(serve: Serve) -> None:
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


def test_44_a_500_after_delivery_makes_the_sdk_deliver_twice(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair(posts_failed_after_delivery=1.0)
    client = management_client(gateway.management_url, attempts=2)
    with pytest.raises(ClientError) as caught:
        client.post_to_connection(ConnectionId=own, Data=b"twice")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert [said(socket), said(socket)] == ["twice", "twice"]


def test_44_a_410_after_delivery_is_a_false_gone(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    gateway.change(posts_gone_after_delivery=1.0)
    client = management_client(gateway.management_url)
    with pytest.raises(client.exceptions.GoneException):
        client.post_to_connection(ConnectionId=own, Data=b"delivered all the same")
    assert said(socket) == "delivered all the same"
    gateway.change(posts_gone_after_delivery=0.0)
    assert post(gateway, own) == 200


def test_44_a_slow_post_delivers_at_once_and_answers_late(pair: Callable[..., Pair], clock: ManualClock) -> None:
    gateway, socket, own = pair(clock=clock, posts_slow=1.0, slow_post=3.0)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, gateway, own, "early")
        assert said(socket) == "early"
        wait_until(lambda: clock.sleepers(within=3.0) == 1, "the slow answer")
        assert not answer.done()
        clock.advance(3.0)
        assert answer.result(DEADLINE) == 200


def test_44_a_failed_post_delivers_nothing(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair(posts_failed=1.0)
    assert post(gateway, own, "lost") == 500
    gateway.change(posts_failed=0.0, posts_throttled=1.0)
    assert post(gateway, own, "lost too") == 429
    gateway.change(posts_throttled=0.0)
    assert post(gateway, own, "first") == 200
    assert said(socket) == "first"


def test_44_a_hung_post_runs_into_the_caller_s_timeout(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair(posts_hung=1.0)
    client = management_client(gateway.management_url, read_timeout=0.1)
    with pytest.raises(ReadTimeoutError):
        client.post_to_connection(ConnectionId=own, Data=b"lost")
    gateway.change(posts_hung=0.0)
    assert post(gateway, own, "next") == 200
    assert said(socket) == "next"


def test_44_a_hung_post_does_not_keep_the_gateway_from_stopping(pair: Callable[..., Pair]) -> None:
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
    assert [said(socket), said(socket)] == ["twice", "twice"]


def test_44_faults_can_be_meant_for_one_recipient_only(serve: Serve, connect: Connect) -> None:
    gateway = serve(WebSocketApi())
    connect(gateway.ws_url)
    connect(gateway.ws_url)
    first, second = gateway.connections()
    gateway.change_for(first, posts_failed=1.0)
    assert (post(gateway, first), post(gateway, second)) == (500, 200)
    gateway.change_for(first)
    assert (post(gateway, first), post(gateway, second)) == (200, 200)


def test_44_chances_are_drawn_from_the_seed(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair(posts_failed=0.5, seed=1)
    first = [post(gateway, own) for _ in range(20)]
    gateway.change(seed=1)
    again = [post(gateway, own) for _ in range(20)]
    gateway.change(seed=2)
    other = [post(gateway, own) for _ in range(20)]
    assert first == again != other
    assert set(first) == {200, 500}


@pytest.mark.parametrize("text", ["plain", "é ✓ 漢字 🎉", '{"type":"event"}', "a\u0000b\r\n"])
def test_45_the_payload_arrives_as_one_text_message_byte_for_byte(pair: Callable[..., Pair], text: str) -> None:
    gateway, socket, own = pair()
    post(gateway, own, text.encode())
    assert said(socket).encode() == text.encode()


def test_45_a_long_message_comes_in_frames_of_32_kb_and_is_one_message(serve: Serve) -> None:
    gateway = serve(WebSocketApi())
    text = "✓" * 25_000  # 75,000 bytes, so that a frame ends inside a character
    with raw_socket(gateway.ws_url) as client:
        client.open()
        post(gateway, gateway.connections()[0], text.encode())
        frames = [client.read_frame() for _ in range(3)]
    assert [frame.opcode for frame in frames] == [Opcode.TEXT, Opcode.CONT, Opcode.CONT]
    assert [len(frame.data) for frame in frames] == [32_768, 32_768, 75_000 - 65_536]
    assert [frame.fin for frame in frames] == [False, False, True]
    assert b"".join(bytes(frame.data) for frame in frames).decode() == text


def test_46_posts_may_overtake_each_other(pair: Callable[..., Pair], clock: ManualClock) -> None:
    gateway, socket, own = pair(clock=clock, posts_shuffled=1.0, shuffle_jitter=1.0, seed=5)
    texts = [str(number) for number in range(10)]
    assert [post(gateway, own, text) for text in texts] == [200] * 10
    wait_until(lambda: clock.sleepers(within=1.0) == 10, "ten messages under way")
    received = []
    for _ in texts:
        clock.advance_to_next()
        received.append(said(socket))
    assert sorted(received) == texts
    assert received != texts


def test_46_without_the_disorder_sequential_posts_keep_their_order(pair: Callable[..., Pair]) -> None:
    gateway, socket, own = pair()
    texts = [str(number) for number in range(20)]
    for text in texts:
        post(gateway, own, text)
    assert [said(socket) for _ in texts] == texts


def test_47_a_post_moves_last_active_and_the_idle_timer_but_not_connected_at(
    pair: Callable[..., Pair], clock: ManualClock
) -> None:
    gateway, socket, own = pair(clock=clock)
    clock.advance(599)
    post(gateway, own, "keeps it open")
    assert said(socket) == "keeps it open"
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


def test_47_a_message_of_the_client_moves_last_active(pair: Callable[..., Pair], clock: ManualClock) -> None:
    function = Function()
    gateway, socket, own = pair(WebSocketApi(default=function), clock=clock)
    clock.advance(2)
    socket.send("hello")
    function.wait_for(1)
    assert manage(gateway.management_url, "GET", own).json()["lastActiveAt"] == "2024-11-11T13:45:48.123Z"


def test_48_after_a_dropped_connection_posts_answer_200_until_it_is_noticed(
    pair: Callable[..., Pair], clock: ManualClock
) -> None:
    disconnect = Function()
    gateway, _, own = pair(WebSocketApi(disconnect=disconnect), clock=clock, drop_detection=30.0)
    gateway.drop(own)
    wait_until(lambda: clock.sleepers(within=30.0) == 1, "the undetected loss")
    assert post(gateway, own) == 200
    assert manage(gateway.management_url, "GET", own).status == 200
    assert disconnect.events == []
    clock.advance(30.0)
    assert ending(disconnect.wait_for(1)[0]) == (1006, "")
    assert post(gateway, own) == 410


def test_48_without_the_delay_a_dropped_connection_is_gone_at_once(pair: Callable[..., Pair]) -> None:
    disconnect = Function()
    gateway, _, own = pair(WebSocketApi(disconnect=disconnect))
    gateway.drop(own)
    disconnect.wait_for(1)
    assert post(gateway, own) == 410
    with pytest.raises(KeyError, match="AAAA"):
        gateway.drop(UNKNOWN)


def test_a_hundred_sockets_are_fanned_out_to_from_many_threads(serve: Serve, connect: Connect) -> None:
    started = threading.Barrier(3, timeout=DEADLINE)
    clients: list[Any] = []

    def fan_out(event: dict[str, Any]) -> dict[str, int]:
        started.wait()
        with ThreadPoolExecutor(20) as pool:
            for own in gateway.connections():
                pool.submit(clients[0].post_to_connection, ConnectionId=own, Data=event["body"].encode())
        return {"statusCode": 200}

    gateway = serve(Apis(websocket=WebSocketApi(default=Function(fan_out))))
    clients.append(management_client(gateway.management_url, pool=200))
    sockets = [connect(gateway.ws_url) for _ in range(100)]
    for socket in sockets[:3]:
        socket.send("to all")
    for socket in sockets:
        assert [said(socket) for _ in range(3)] == ["to all"] * 3
