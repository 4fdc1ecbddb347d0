"""Connections are kept, checked before they are used again, and given up when they are old or too many."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading

import pytest

from chalicelib.awshttp import _pool
from chalicelib.awshttp._state import ConnectionState
from tests.support.raw_peer import OK, RawPeer, Say
from tests.unit.awshttp.fakes import FakeTransfer, PoolRig, SkewedClock, connections_used, transfers


def idle_connections(client: PoolRig, wanted: int) -> int:
    """Return how many idle connections the group has that the pool lends for this many."""
    group = client.pool.acquire(wanted)
    try:
        return len(group.idle)
    finally:
        client.pool.release(group)


def test_connection_is_reused_for_one_request_after_another(peer: RawPeer, client: PoolRig) -> None:
    for _ in range(5):
        assert client.send() == [200]
    assert connections_used(peer) == [0] * 5


def test_connection_that_the_peer_closed_is_not_reused(peer: RawPeer, client: PoolRig) -> None:
    assert client.send(*transfers(10)) == [200] * 10
    peer.hang_up()
    second = transfers(10)
    assert client.send(*second) == [200] * 10
    assert set(connections_used(peer)[:10]).isdisjoint(connections_used(peer)[10:])
    assert sum(transfer.safe_retries for transfer in second) == 0


def test_connection_is_not_reused_after_its_idle_timeout(peer: RawPeer) -> None:
    clock = SkewedClock()
    client = PoolRig(peer.url, clock)
    client.send()
    clock.offset = _pool.IDLE_TIMEOUT - 5
    client.send()
    clock.offset += _pool.IDLE_TIMEOUT + 5
    client.send()
    assert connections_used(peer) == [0, 0, 1]


def test_connection_with_bytes_after_the_response_is_not_reused(peer: RawPeer, client: PoolRig) -> None:
    peer.script += [Say(OK), Say(OK + OK)]
    assert client.send() == [200]
    assert client.send() == [0]
    assert client.send() == [200]
    assert connections_used(peer) == [0, 0, 1]


def test_connection_with_an_unread_response_is_not_reused(peer: RawPeer, client: PoolRig) -> None:
    # The rest of the first body would be read as the response to the second request.
    peer.script.append(Say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"))
    assert client.send(seconds=0.1) == []
    assert client.send() == [200]
    assert connections_used(peer) == [0, 1]


def test_connection_is_not_reused_after_a_response_that_closes_it(peer: RawPeer, client: PoolRig) -> None:
    peer.script.append(Say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
    assert client.send() == [200]
    assert client.send() == [200]
    assert connections_used(peer) == [0, 1]


def test_closed_pool_keeps_no_connections_and_still_works(peer: RawPeer, client: PoolRig) -> None:
    assert client.send() == [200]
    client.pool.close()
    assert client.send() == [200]
    assert client.send() == [200]
    assert connections_used(peer) == [0, 1, 2]


def test_pool_keeps_a_limited_number_of_connections(
    peer: RawPeer, client: PoolRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pool, "MAX_KEPT", 3)
    client.send(*transfers(10))
    assert client.send() == [200]
    assert connections_used(peer)[-1] == 10


def test_single_request_leaves_the_larger_group_to_a_fan_out(peer: RawPeer, client: PoolRig) -> None:
    small = client.pool.acquire(1)
    assert client.send(*transfers(3)) == [200] * 3
    client.pool.release(small)
    assert client.send() == [200]
    assert idle_connections(client, wanted=2) == 3


def test_released_group_has_only_idle_connections(peer: RawPeer, client: PoolRig) -> None:
    client.send(*transfers(3))
    group = client.pool.acquire(3)
    active = group.idle.pop()
    active.move_to(ConnectionState.SENDING)
    client.pool.release(group)
    assert active.state is ConnectionState.CLOSED
    assert idle_connections(client, wanted=2) == 2


def test_unreferenced_pool_closes_its_connections(peer: RawPeer) -> None:
    client = PoolRig(peer.url)
    client.send()
    group = client.pool.acquire(1)
    (connection,) = group.idle
    client.pool.release(group)
    del client, group
    gc.collect()
    assert connection.state is ConnectionState.CLOSED


def test_threads_share_a_pool_without_sharing_connections(peer: RawPeer, client: PoolRig) -> None:
    statuses: list[list[int]] = []

    def send() -> None:
        for _ in range(20):
            statuses.append(client.send(*transfers(5)))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [[200] * 5] * 120
    assert len(peer.connections) <= 6 * 5


class NoCredentials(Exception):
    """The credentials that sign a request cannot be found at the moment."""


class UnsignedTransfer(FakeTransfer):
    def next_request(self) -> bytes:
        raise NoCredentials


@pytest.mark.parametrize("is_kept", [True, False], ids=["a kept connection", "a new one"])
def test_error_of_a_transfer_leaves_no_connection_that_is_neither_used_nor_idle(
    peer: RawPeer, client: PoolRig, is_kept: bool
) -> None:
    """When the peer closes it, it would fail every later run."""
    if is_kept:
        assert client.send() == [200]
    with pytest.raises(NoCredentials):
        client.send(UnsignedTransfer())
    group = client.pool.acquire(1)
    assert [*group.connections.values()] == group.idle
    client.pool.release(group)
    for connection in peer.connections:
        with contextlib.suppress(OSError):  # it is closed already
            connection.shutdown(socket.SHUT_RDWR)
    assert client.send() == [200]
