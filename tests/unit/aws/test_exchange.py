"""Connections over real sockets: kept, looked at before they are used again, given up, verified."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import certificates
from chalicelib.awshttp import _pool as pooling
from chalicelib.awshttp._http11 import Response
from chalicelib.awshttp._multiplexer import Multiplexer
from chalicelib.awshttp._pool import ConnectionPool, Origin
from chalicelib.awshttp._tls import TlsContext
from chalicelib.core.kernel.clock import SystemClock
from tests.support.raw_peer import CUT, HANG, OK, RawPeer, Say, raw_peer


class Asking:
    """A task that is satisfied by any answer, and asks again when its request went unseen."""

    def __init__(self, body: bytes = b"x") -> None:
        self.body = body
        self.answers: list[Response | None] = []
        self.unseen = 0

    def next_request(self) -> bytes:
        return b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(self.body), self.body)

    def on_response(self, answer: Response | None, *, safe_to_retry: bool) -> float | None:
        if safe_to_retry:
            self.unseen += 1
            return 0.0
        self.answers.append(answer)
        return None


class Client:
    """An exchange with a pool of its own."""

    def __init__(self, url: str, clock: SystemClock | None = None) -> None:
        clock = clock or SystemClock()
        self.pool = ConnectionPool(Origin(url), clock, TlsContext())
        self._exchange = Multiplexer(self.pool, clock, at_once=16, connect=1, read=0.3)

    def ask(self, *tasks: Asking, seconds: float = 10) -> list[int]:
        """The statuses of the answers, 0 for none."""
        asking = tasks or (Asking(),)
        self._exchange.run(asking, time.monotonic() + seconds)
        return [0 if each is None else each.status for one in asking for each in one.answers]


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with raw_peer() as peer:
        yield peer


@pytest.fixture
def client(peer: RawPeer) -> Client:
    return Client(peer.url)


def used(peer: RawPeer) -> list[int]:
    """The connection of each request."""
    return [number for number, _, _ in peer.requests]


# ---- keeping connections -------------------------------------------------------------------------------


def test_a_connection_is_used_again_and_again(peer: RawPeer, client: Client) -> None:
    for _ in range(5):
        assert client.ask() == [200]
    assert used(peer) == [0] * 5


def test_one_that_the_peer_has_closed_meanwhile_is_not(peer: RawPeer, client: Client) -> None:
    assert client.ask(*(Asking() for _ in range(10))) == [200] * 10
    peer.hang_up()
    tasks = [Asking() for _ in range(10)]
    assert client.ask(*tasks) == [200] * 10
    assert set(used(peer)[:10]).isdisjoint(used(peer)[10:])
    assert sum(each.unseen for each in tasks) == 0


def test_one_that_dies_as_it_is_used_again_costs_no_attempt(peer: RawPeer, client: Client) -> None:
    assert client.ask() == [200]
    peer.script.append(CUT)
    task = Asking()
    assert client.ask(task) == [200]
    assert task.unseen == 1
    assert used(peer) == [0, 0, 1]


def test_a_new_one_that_is_cut_off_is_an_attempt(peer: RawPeer, client: Client) -> None:
    peer.script.append(CUT)
    assert client.ask() == [0]
    assert len(peer.requests) == 1


def test_one_that_was_not_used_for_long_is_given_up(peer: RawPeer) -> None:
    class Later(SystemClock):
        offset = 0.0

        def now(self) -> float:
            return super().now() + self.offset

    clock = Later()
    client = Client(peer.url, clock)
    client.ask()
    clock.offset = pooling.IDLE_SECONDS - 5
    client.ask()
    clock.offset += pooling.IDLE_SECONDS + 5
    client.ask()
    assert used(peer) == [0, 0, 1]


def test_one_on_which_more_came_in_than_was_asked_for_is_given_up(peer: RawPeer, client: Client) -> None:
    peer.script += [Say(OK), Say(OK + OK)]
    assert client.ask() == [200]
    assert client.ask() == [0]
    assert client.ask() == [200]
    assert used(peer) == [0, 0, 1]


def test_a_closing_answer_closes(peer: RawPeer, client: Client) -> None:
    peer.script.append(Say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
    assert client.ask() == [200]
    assert client.ask() == [200]
    assert used(peer) == [0, 1]


def test_a_closed_pool_keeps_nothing_and_still_works(peer: RawPeer, client: Client) -> None:
    assert client.ask() == [200]
    client.pool.close()
    assert client.ask() == [200]
    assert client.ask() == [200]
    assert used(peer) == [0, 1, 2]


def test_no_more_connections_are_kept_than_there_is_room_for(
    peer: RawPeer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "MAX_IDLE", 3)
    client.ask(*(Asking() for _ in range(10)))
    assert client.ask() == [200]
    assert used(peer)[-1] == 10


def test_threads_do_not_get_into_each_others_way(peer: RawPeer, client: Client) -> None:
    found: list[list[int]] = []

    def ask() -> None:
        for _ in range(20):
            found.append(client.ask(*(Asking() for _ in range(5))))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [[200] * 5] * 120
    assert len(peer.connections) <= 6 * 5


# ---- answers -------------------------------------------------------------------------------------------


def test_an_answer_that_comes_byte_by_byte_is_read(peer: RawPeer, client: Client) -> None:
    data = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    peer.script.append(Say(data, byte_by_byte=True))
    task = Asking()
    client.ask(task)
    assert task.answers == [Response(400, b"abc", True)]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_truncated_or_senseless_answer_is_none(peer: RawPeer, client: Client, data: bytes) -> None:
    peer.script.append(Say(data, then_close=True))
    assert client.ask() == [0]
    assert client.ask() == [200]
    assert used(peer) == [0, 1]


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 128 * 1024])
def test_bodies_arrive_whole(peer: RawPeer, client: Client, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"!" * (size % 256)
    tasks = [Asking(body) for _ in range(4)]
    assert client.ask(*tasks) == [200] * 4
    assert [each for _, _, each in peer.requests] == [body] * 4


def test_a_refusal_before_the_body_was_sent_is_heard(peer: RawPeer, client: Client) -> None:
    peer.refuses_after_head = b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert client.ask(Asking(b"x" * 8 * 1024 * 1024)) == [413]


def test_a_hung_peer_is_given_up_after_a_while_and_others_are_not_kept_waiting(
    peer: RawPeer, client: Client
) -> None:
    peer.script.append(HANG)
    begun = time.monotonic()
    assert sorted(client.ask(*(Asking() for _ in range(5)))) == [0, 200, 200, 200, 200]
    assert 0.3 <= time.monotonic() - begun < 5
    assert client.ask() == [200]


def test_a_hung_peer_is_given_up_at_the_deadline(peer: RawPeer, client: Client) -> None:
    peer.script.append(HANG)
    begun = time.monotonic()
    assert client.ask(seconds=0.1) == []
    assert 0.1 <= time.monotonic() - begun < 0.3


def test_nobody_there_is_no_answer() -> None:
    with raw_peer() as peer:
        client = Client(peer.url)
    assert client.ask() == [0]


def test_a_name_that_does_not_resolve_is_no_answer() -> None:
    assert Client("http://nowhere.invalid/dev").ask(seconds=5) == [0]


def test_after_an_address_that_cannot_be_reached_it_is_the_next_one_s_turn(
    peer: RawPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_peer() as closed:
        pass
    ports = (closed.port, peer.port)
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    client = Client("http://several.example/dev")
    assert [client.ask(), client.ask(), client.ask()] == [[0], [200], [200]]


def test_a_name_is_not_asked_for_at_every_connection(peer: RawPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    known = socket.getaddrinfo

    def counting(*arguments: Any, **more: Any) -> Any:
        asked.append(arguments)
        return known(*arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", counting)
    client = Client(peer.url)
    assert client.ask(*(Asking() for _ in range(10))) == [200] * 10
    assert len(asked) == 1


def test_no_proxy_is_asked(peer: RawPeer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client.ask() == [200]


@pytest.mark.parametrize(
    ("url", "host", "port", "header"),
    [
        ("https://a.example/dev", "a.example", 443, "a.example"),
        ("http://a.example:80", "a.example", 80, "a.example"),
        ("http://127.0.0.1:8001/x", "127.0.0.1", 8001, "127.0.0.1:8001"),
        ("http://[::1]:8001/x", "::1", 8001, "[::1]:8001"),
    ],
)
def test_where_a_url_leads(url: str, host: str, port: int, header: str) -> None:
    endpoint = Origin(url)
    assert (endpoint.host, endpoint.port, endpoint.host_header) == (host, port, header)


@pytest.mark.parametrize("url", ["ftp://a.example", "a.example", "https:///dev"])
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="an endpoint must be a URL"):
        Origin(url)


# ---- TLS -----------------------------------------------------------------------------------------------


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> certificates.Certificates:
    made = certificates.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


def test_a_peer_is_verified_and_connections_are_kept(certified: certificates.Certificates) -> None:
    with raw_peer(certified.server_context()) as peer:
        client = Client(peer.url)
        assert client.ask(*(Asking(b"x" * 128 * 1024) for _ in range(8))) == [200] * 8
        assert client.ask(*(Asking() for _ in range(8))) == [200] * 8
        assert len(peer.connections) == 8


def test_what_the_peer_closed_over_tls_is_not_used_again(certified: certificates.Certificates) -> None:
    with raw_peer(certified.server_context()) as peer:
        client = Client(peer.url)
        assert client.ask() == [200]
        peer.hang_up()
        task = Asking()
        assert client.ask(task) == [200]
        assert used(peer) == [0, 1]


def test_a_certificate_of_an_unknown_authority_is_refused(
    certified: certificates.Certificates, tmp_path: Path
) -> None:
    other = certificates.make(tmp_path / "other")
    with raw_peer(other.server_context()) as peer:
        assert Client(peer.url).ask() == [0]
        assert peer.requests == []


def test_a_certificate_for_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = certificates.make(tmp_path, name="another.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    with raw_peer(made.server_context()) as peer:
        assert Client(peer.url).ask() == [0]
        assert peer.requests == []


def test_an_authority_that_is_not_of_aws_is_asked_for_in_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_aws = certificates.make(tmp_path / "aws")
    other = certificates.make(tmp_path / "other", authority="Somebody's own authority")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(of_aws.authority.read_bytes() + other.authority.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    trust = TlsContext()
    assert len(trust.context().get_ca_certs()) == 1
    with raw_peer(other.server_context()) as peer:
        client = Client(peer.url)
        assert client.ask() == [200]
    assert trust.use_full_store()
    assert len(trust.context().get_ca_certs()) >= 2
    assert not trust.use_full_store()


def test_what_is_trusted_verifies_names_and_nothing_older_than_tls_1_2(certified: object) -> None:
    context = TlsContext().context()
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("text", [None, b"", b"no certificates", b"-----BEGIN CERTIFICATE-----\n!\n"])
def test_without_a_file_of_authorities_the_usual_ones_are_trusted(
    text: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bundle.pem"
    if text is not None:
        file.write_bytes(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    trust = TlsContext()
    assert trust.context().verify_mode == ssl.CERT_REQUIRED
    assert not trust.use_full_store()
