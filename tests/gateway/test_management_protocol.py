"""The parser of requests to ``@connections``: strict, in order, and with an answer or a close for every input."""

import logging
import random
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from websockets.sync.client import ClientConnection

from local.gateway import Apis, Gateway, RestApi, Route, WebSocketApi, load_gateway_responses
from local.gateway.http_head import Head, Unsupported, parse_head

from .conftest import Connect, Serve
from .support import DEADLINE, SIGNATURE, FakeFunction, ManualClock, wait_until
from .test_messages import next_text

LINE = "POST /local/@connections/x HTTP/1.1"
Pair = tuple[Gateway, ClientConnection, str]


@pytest.fixture
def pair(serve: Serve, connect: Connect) -> Callable[..., Pair]:
    """Starts a gateway with a REST API and one client; returns both and the connection's id."""

    def start(**options: Any) -> Pair:
        function = FakeFunction({"statusCode": 200, "body": "rest"})
        rest = RestApi(function, (Route("/things", "GET"),), load_gateway_responses())
        gateway = serve(Apis(rest=rest, websocket=WebSocketApi()), **options)
        client = connect(gateway.ws_url)
        return gateway, client, gateway.connections()[0]

    return start


@contextmanager
def http_socket(gateway: Gateway) -> Iterator[socket.socket]:
    address = urlsplit(gateway.http_url)
    with socket.create_connection((address.hostname, address.port), timeout=DEADLINE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield client


def request(own: str, body: bytes = b"", method: str = "POST", extra: str = "") -> bytes:
    """Return one request, with a well-formed signature."""
    head = (
        f"{method} /local/@connections/{quote(own, safe='')} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {SIGNATURE}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read_replies(client: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Read so many responses; return their statuses and bodies."""
    stream = client.makefile("rb")
    replies = []
    for _ in range(count):
        status = int(stream.readline().split()[1])
        length = 0
        while (line := stream.readline().rstrip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        replies.append((status, stream.read(length)))
    return replies


@pytest.mark.parametrize(
    ("lines", "head"),
    [
        (["Host: x"], Head("POST", "/local/@connections/x", None, 0)),
        (["host:x", "CONTENT-LENGTH: 12 "], Head("POST", "/local/@connections/x", None, 12)),
        (["Host: x", "Authorization:\tAWS4 a, b"], Head("POST", "/local/@connections/x", "AWS4 a, b", 0)),
        (["Host: x", "Connection: Keep-Alive", "X-Amz-Date: d"], Head("POST", "/local/@connections/x", None, 0)),
    ],
)
def test_simple_head_is_parsed(lines: list[str], head: Head) -> None:
    assert parse_head("\r\n".join([LINE, *lines]).encode()) == head


@pytest.mark.parametrize(
    "head",
    [
        "",
        "POST",
        f"{LINE} x\r\nHost: x",
        "POST  /local/@connections/x HTTP/1.1\r\nHost: x",
        "POST /local/@connections/x HTTP/1.0\r\nHost: x",
        "PUT /local/@connections/x HTTP/1.1\r\nHost: x",
        "post /local/@connections/x HTTP/1.1\r\nHost: x",
        "POST http://x/local/@connections/x HTTP/1.1\r\nHost: x",
        "POST /local/@connections/é HTTP/1.1\r\nHost: x",
        LINE,
        f"{LINE}\r\nHost: x\r\nHost: y",
        f"{LINE}\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1",
        f"{LINE}\r\nHost: x\r\nContent-Length: +1",
        f"{LINE}\r\nHost: x\r\nContent-Length: 1, 1",
        f"{LINE}\r\nHost: x\r\nContent-Length:",
        f"{LINE}\r\nHost: x\r\nContent-Length: ١",
        f"{LINE}\r\nHost: x\r\nContent-Length: 9999999999",
        f"{LINE}\r\nHost: x\r\nTransfer-Encoding: chunked",
        f"{LINE}\r\nHost: x\r\nExpect: 100-continue",
        f"{LINE}\r\nHost: x\r\nConnection: close",
        f"{LINE}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket",
        f"{LINE}\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b",
        f"{LINE}\r\nHost : x",
        f"{LINE}\r\n Host: x",
        f"{LINE}\r\nHost: x\r\n folded",
        f"{LINE}\r\nHost: x\nContent-Length: 1",
        f"{LINE}\r\nHost: x\rContent-Length: 1",
        f"{LINE}\r\nHost: x\r\nX: \0",
        f"{LINE}\r\nHost: x\r\nno colon",
        f"{LINE}\r\nHost: x\r\n: no name",
    ],
)
def test_other_heads_are_unsupported(head: str) -> None:
    with pytest.raises(Unsupported):
        parse_head(head.encode())


def test_pipelined_requests_are_answered_in_order(pair: Callable[..., Pair]) -> None:
    gateway, client, own = pair()
    bodies = [str(number).encode() * 50 for number in range(200)]
    with http_socket(gateway) as http:
        http.sendall(b"".join(request(own, body) for body in bodies) + request(own, method="GET"))
        replies = read_replies(http, 201)
    assert [status for status, _ in replies] == [200] * 201
    assert b"connectedAt" in replies[-1][1]
    assert [next_text(client).encode() for _ in bodies] == bodies


def test_request_may_arrive_byte_by_byte(pair: Callable[..., Pair]) -> None:
    gateway, client, own = pair()
    with http_socket(gateway) as http:
        for number in range(2):
            for byte in request(own, b"slow"):
                http.sendall(bytes([byte]))
            assert read_replies(http, 1) == [(200, b"")], number
            assert next_text(client) == "slow"


def test_requests_to_other_apis_are_served_on_the_same_connection(pair: Callable[..., Pair]) -> None:
    gateway, client, own = pair()
    rest = b"GET /things HTTP/1.1\r\nHost: x\r\n\r\n"
    with http_socket(gateway) as http:
        http.sendall(request(own, b"one") + rest + request(own, b"two") + rest)
        assert read_replies(http, 4) == [(200, b""), (200, b"rest"), (200, b""), (200, b"rest")]
    assert [next_text(client), next_text(client)] == ["one", "two"]


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        ("Connection: close\r\nContent-Length: 5\r\n", b"hello"),
        ("Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello"),
    ],
)
def test_unusual_framing_is_served_by_the_general_server(
    pair: Callable[..., Pair], extra: str, body: bytes
) -> None:
    gateway, client, own = pair()
    head = f"POST /local/@connections/{own} HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNATURE}\r\n{extra}\r\n"
    with http_socket(gateway) as http:
        http.sendall(head.encode() + body)
        assert read_replies(http, 1)[0][0] in (100, 200)
        assert next_text(client) == "hello"


def test_body_that_is_announced_as_too_large_is_413(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair(max_message_bytes=1_000)
    with http_socket(gateway) as http:
        http.sendall(request(own, b"x" * 1_000) + request(own, b"x" * 1_001))
        assert [status for status, _ in read_replies(http, 2)] == [200, 413]


@pytest.mark.parametrize("part", [1, 40, -3])
def test_client_that_does_not_complete_its_request_is_disconnected(pair: Callable[..., Pair], part: int) -> None:
    gateway, _, own = pair()
    gateway.change(handshake_timeout=0.1)  # not before, as it would limit the handshake of `pair`
    with http_socket(gateway) as http:
        http.sendall(request(own, b"hello")[:part])
        with suppress(ConnectionError):
            assert http.recv(1) == b""


def test_idle_connection_is_kept(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair()
    gateway.change(handshake_timeout=0.3)  # not before, as it would limit the handshake of `pair`
    with http_socket(gateway) as http:
        http.sendall(request(own, b"one"))
        assert read_replies(http, 1) == [(200, b"")]
        http.settimeout(0.5)
        with pytest.raises(TimeoutError):
            http.recv(1)
        http.settimeout(DEADLINE)
        http.sendall(request(own, b"two"))
        assert read_replies(http, 1) == [(200, b"")]


def test_client_that_does_not_read_its_answers_is_not_read_either(pair: Callable[..., Pair]) -> None:
    gateway, _, own = pair(request_rate=1e9, request_burst=10**9)
    one = request(own, method="GET")
    most = 96 * 2**20  # bytes; more than the buffers of both directions can grow to (tcp_rmem, tcp_wmem)
    with http_socket(gateway) as http:
        http.setblocking(False)
        sent = 0
        while sent < most and select.select([], [http], [], 1.0)[1]:
            rest = sent % len(one)
            sent += http.send(one[rest:] + one * 1_000)
        assert sent < most  # the answers do not fit into the buffers, so the requests are not read
        http.setblocking(True)
        count = 1_000
        assert {status for status, _ in read_replies(http, count)} == {200}


def test_delayed_answer_keeps_the_order_of_answers(pair: Callable[..., Pair], clock: ManualClock) -> None:
    gateway, client, own = pair(clock=clock, posts_slow=1.0, slow_post=3.0)
    with http_socket(gateway) as http:
        http.sendall(request(own, b"slow") + request(own, method="GET") + request("malformed"))
        assert next_text(client) == "slow"
        wait_until(lambda: clock.sleepers(within=3.0) == 1, "the slow answer")
        clock.advance(3.0)
        replies = read_replies(http, 3)
    assert [status for status, _ in replies] == [200, 200, 400]
    assert b"connectedAt" in replies[1][1]


def test_client_that_half_closes_still_receives_its_answer(pair: Callable[..., Pair], clock: ManualClock) -> None:
    gateway, _, own = pair(clock=clock, posts_slow=1.0, slow_post=3.0)
    with http_socket(gateway) as http:
        http.sendall(request(own, b"slow"))
        wait_until(lambda: clock.sleepers(within=3.0) == 1, "the slow answer")
        http.shutdown(socket.SHUT_WR)
        clock.advance(3.0)
        assert read_replies(http, 1) == [(200, b"")]
        assert http.recv(1) == b""


def mutate(chance: random.Random, valid: bytes) -> bytes:
    """Return a request with random damage."""
    data = bytearray(valid)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 5, 60)))
        piece = chance.choice(
            (
                b"",
                b"\r\n",
                b"\n",
                b"\r\n\r\n",
                b"\0",
                b"\xff\xfe",
                b": ",
                b" ",
                b"Content-Length: -1\r\n",
                b"Content-Length: 5\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Transfer-Encoding: gzip, chunked\r\n",
                b"zz\r\n",
                b"Host: y\r\n",
                b"%",
                b"%zz",
                b"x" * 70_000,
                chance.randbytes(8),
            )
        )
        data[start:end] = piece
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_requests_get_an_answer_or_a_close(
    pair: Callable[..., Pair], caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    gateway, client, own = pair(max_message_bytes=2_000, handshake_timeout=5.0)
    chance = random.Random(seed)
    with caplog.at_level(logging.WARNING):
        for number in range(100):
            valid = request(own, b"hello", extra="X-Amz-Date: 20261122T000000Z\r\n")
            with http_socket(gateway) as http, suppress(ConnectionError):
                http.sendall(mutate(chance, valid * chance.randint(1, 2)))
                http.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: http.recv(65_536), b""))
                assert not answer or answer.startswith(b"HTTP/1."), (seed, number)
    assert [record.getMessage() for record in caplog.records] == []
    with http_socket(gateway) as http:
        http.sendall(request(own, b"still served"))
        assert read_replies(http, 1) == [(200, b"")]
    client.close()
