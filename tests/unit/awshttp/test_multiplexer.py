"""Requests over real sockets: retries that are safe, slow and broken peers, deadlines."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from chalicelib.awshttp import Preconnect, Response
from chalicelib.awshttp._state import ConnectionState
from tests.support.raw_peer import CUT, HANG, RawPeer, Say, raw_peer
from tests.unit.awshttp.fakes import FakeTransfer, PoolRig, connections_used, transfers

# ---- connections that fail -----------------------------------------------------------------------------


def test_request_on_a_reused_connection_that_closes_without_a_response_is_safe_to_retry(
    peer: RawPeer, client: PoolRig
) -> None:
    assert client.send() == [200]
    peer.script.append(CUT)
    transfer = FakeTransfer()
    assert client.send(transfer) == [200]
    assert transfer.safe_retries == 1
    assert connections_used(peer) == [0, 0, 1]


def test_request_on_a_new_connection_that_closes_is_not_safe_to_retry(peer: RawPeer, client: PoolRig) -> None:
    peer.script.append(CUT)
    assert client.send() == [0]
    assert len(peer.requests) == 1


def test_request_whose_response_began_is_not_safe_to_retry(peer: RawPeer, client: PoolRig) -> None:
    assert client.send() == [200]
    peer.script.append(Say(b"HTTP/1.1 200 OK\r\nContent-Le", then_close=True))
    transfer = FakeTransfer()
    assert client.send(transfer) == [0]
    assert transfer.safe_retries == 0
    assert len(peer.requests) == 2


def test_request_that_timed_out_is_not_safe_to_retry(peer: RawPeer) -> None:
    client = PoolRig(peer.url, patience=1)
    assert client.send() == [200]
    peer.script.append(HANG)
    transfer = FakeTransfer()
    assert client.send(transfer) == [0]
    assert transfer.safe_retries == 0
    assert len(peer.requests) == 2


class RepeatedTransfer(FakeTransfer):
    """Sends its request again until there is a response."""

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        super().on_response(response, safe_to_retry=safe_to_retry)
        return None if response is not None else 0.0


def test_request_that_timed_out_on_a_kept_connection_is_repeated_on_a_new_one(peer: RawPeer) -> None:
    """After a freeze, all that are kept may have ended without a trace."""
    client = PoolRig(peer.url, patience=1)
    assert client.send(*transfers(3)) == [200] * 3
    kept = len(peer.connections)
    peer.script.append(HANG)
    assert client.send(RepeatedTransfer()) == [0, 200]
    assert connections_used(peer)[-1] == kept


def test_unreachable_peer_is_no_response() -> None:
    with raw_peer() as peer:
        client = PoolRig(peer.url)
    assert client.send() == [0]


def test_unknown_host_is_no_response() -> None:
    assert PoolRig("http://nowhere.invalid/dev").send(seconds=5) == [0]


def test_next_address_is_used_after_one_that_cannot_be_reached(
    peer: RawPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_peer() as closed:
        pass
    ports = (closed.port, peer.port)
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    client = PoolRig("http://several.example/dev")
    assert [client.send(), client.send(), client.send()] == [[0], [200], [200]]


def test_host_is_resolved_once_for_many_connections(peer: RawPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[object] = []
    getaddrinfo = socket.getaddrinfo

    def counting(*arguments: Any, **more: Any) -> Any:
        queries.append(arguments)
        return getaddrinfo(*arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", counting)
    assert PoolRig(peer.url).send(*transfers(10)) == [200] * 10
    assert len(queries) == 1


def test_proxies_of_the_environment_are_not_used(
    peer: RawPeer, client: PoolRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client.send() == [200]


# ---- requests and responses ----------------------------------------------------------------------------


def test_response_that_arrives_byte_by_byte_is_read(peer: RawPeer, client: PoolRig) -> None:
    data = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    peer.script.append(Say(data, byte_by_byte=True))
    transfer = FakeTransfer()
    client.send(transfer)
    assert transfer.responses == [Response(400, b"abc", True)]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"nonsense\r\n\r\n",
    ],
)
def test_truncated_or_malformed_response_is_no_response(peer: RawPeer, client: PoolRig, data: bytes) -> None:
    peer.script.append(Say(data, then_close=True))
    assert client.send() == [0]
    assert client.send() == [200]
    assert connections_used(peer) == [0, 1]


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 128 * 1024])
def test_request_body_arrives_completely(peer: RawPeer, client: PoolRig, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"!" * (size % 256)
    assert client.send(*transfers(4, body)) == [200] * 4
    assert [received for _, _, received in peer.requests] == [body] * 4


def test_response_before_the_request_was_sent_is_read(peer: RawPeer, client: PoolRig) -> None:
    peer.refuses_after_head = b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert client.send(FakeTransfer(b"x" * 8 * 1024 * 1024)) == [413]


def test_connection_with_an_unsent_rest_of_a_request_is_not_reused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = PoolRig(f"http://127.0.0.1:{listener.getsockname()[1]}/dev")

        def reject_early() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(10)
                peer.sendall(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
                closed.wait(10)

        closed = threading.Event()
        thread = threading.Thread(target=reject_early)
        thread.start()
        # Far more than the buffers of both sockets take.
        assert client.send(FakeTransfer(b"x" * 64 * 1024 * 1024)) == [413]
        group = client.pool.acquire(1)
        assert group.connections == {}
        client.pool.release(group)
        closed.set()
        thread.join(10)


# ---- time ----------------------------------------------------------------------------------------------


def test_hung_peer_times_out_and_delays_no_other_transfer(peer: RawPeer) -> None:
    client = PoolRig(peer.url, patience=1)
    peer.script.append(HANG)
    started = time.monotonic()
    assert sorted(client.send(*transfers(5))) == [0, 200, 200, 200, 200]
    assert 1 <= time.monotonic() - started < 5
    assert client.send() == [200]


def test_run_ends_at_its_deadline(peer: RawPeer, client: PoolRig) -> None:
    peer.script.append(HANG)
    started = time.monotonic()
    assert client.send(seconds=0.1) == []
    assert 0.1 <= time.monotonic() - started < 5


class DelayedTransfer(FakeTransfer):
    """Sends three requests with a delay between them."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self.delay = delay

    def on_response(self, response: Response | None, *, safe_to_retry: bool) -> float | None:
        super().on_response(response, safe_to_retry=safe_to_retry)
        return self.delay if len(self.responses) < 3 else None


def test_delay_of_a_transfer_passes_before_its_next_request(peer: RawPeer, client: PoolRig) -> None:
    started = time.monotonic()
    assert client.send(DelayedTransfer(0.1)) == [200] * 3
    assert 0.2 <= time.monotonic() - started < 5


def test_delays_of_transfers_run_at_the_same_time(peer: RawPeer, client: PoolRig) -> None:
    started = time.monotonic()
    assert client.send(*(DelayedTransfer(0.1) for _ in range(16))) == [200] * 48
    assert time.monotonic() - started < 16 * 0.2, "one after the other"


# ---- preconnecting -------------------------------------------------------------------------------------


def test_preconnected_connection_serves_the_first_request(peer: RawPeer, client: PoolRig) -> None:
    client.preconnect()
    group = client.pool.acquire(1)
    assert [connection.state for connection in group.idle] == [ConnectionState.IDLE]
    client.pool.release(group)
    assert client.send() == [200]
    assert (len(peer.connections), len(peer.requests)) == (1, 1)


def test_preconnecting_to_an_unreachable_peer_does_not_raise() -> None:
    with raw_peer() as peer:
        client = PoolRig(peer.url)
    client.preconnect()


def test_preconnect_is_not_repeated() -> None:
    preconnect = Preconnect()
    assert preconnect.next_request() == b""
    assert preconnect.on_response(None, safe_to_retry=False) is None
