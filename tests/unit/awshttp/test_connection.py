"""One connection to a peer on a real socket, step by step."""

from __future__ import annotations

import select
import socket

import pytest

from chalicelib.awshttp import ProtocolError, Response
from chalicelib.awshttp._connection import WOULD_BLOCK, Connection
from chalicelib.awshttp._state import ConnectionState, IllegalTransition
from tests.support.raw_peer import CUT, HANG, OK, RawPeer, Say, raw_peer

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


def address(peer: RawPeer) -> tuple[socket.AddressFamily, tuple[str, int]]:
    return socket.AF_INET, ("127.0.0.1", peer.port)


def wait_until_ready(connection: Connection, events: int = select.POLLIN) -> None:
    poller = select.poll()
    poller.register(connection.fd, events)
    assert poller.poll(5_000)


def connected(peer: RawPeer) -> Connection:
    connection = Connection(address(peer))
    wait_until_ready(connection, select.POLLOUT)
    assert connection.is_connected()
    connection.move_to(ConnectionState.IDLE)
    return connection


def exchange(connection: Connection) -> Response | None:
    connection.send(REQUEST)
    wait_until_ready(connection)
    return connection.receive()


def test_new_connection_is_connecting(peer: RawPeer) -> None:
    connection = Connection(address(peer))
    assert connection.state is ConnectionState.CONNECTING
    assert not connection.is_open
    connection.close()


def test_connection_goes_through_its_states(peer: RawPeer) -> None:
    connection = connected(peer)
    states = [connection.state]
    connection.send(REQUEST)
    states.append(connection.state)
    wait_until_ready(connection)
    assert connection.receive() == Response(200, b"", True)
    connection.make_idle()
    states.append(connection.state)
    assert connection.is_reused
    connection.close()
    states.append(connection.state)
    assert states == ["idle", "receiving", "idle", "closed"]


def test_second_request_before_the_response_is_illegal_and_not_sent(peer: RawPeer) -> None:
    connection = connected(peer)
    connection.send(REQUEST)
    with pytest.raises(IllegalTransition, match="from receiving to sending"):
        connection.send(REQUEST)
    wait_until_ready(connection)
    assert connection.receive() == Response(200, b"", True)
    connection.make_idle()
    exchange(connection)
    assert len(peer.requests) == 2
    connection.close()


def test_connection_with_an_incomplete_request_cannot_become_idle() -> None:
    silent = RawPeer()  # It accepts and reads nothing, so the buffers of the connection fill up.
    connection = connected(silent)
    try:
        connection.send(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 16_000_000)
        assert connection.state is ConnectionState.SENDING
        with pytest.raises(IllegalTransition):
            connection.make_idle()
    finally:
        connection.close()
        silent.close()


def test_closed_connection_cannot_be_closed_again(peer: RawPeer) -> None:
    connection = connected(peer)
    connection.close()
    with pytest.raises(IllegalTransition):
        connection.close()


def test_response_of_the_next_request_is_parsed_afresh(peer: RawPeer) -> None:
    peer.script += [Say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"), Say(OK)]
    connection = connected(peer)
    assert exchange(connection) == Response(200, b"one", True)
    started = [connection.response_started]
    connection.make_idle()
    started.append(connection.response_started)
    assert started == [True, False]
    assert exchange(connection) == Response(200, b"", True)
    connection.close()


def test_closing_peer_is_an_error_without_a_complete_response(peer: RawPeer) -> None:
    peer.script.append(CUT)
    connection = connected(peer)
    with pytest.raises(ConnectionResetError):
        exchange(connection)
    connection.close()


def test_malformed_response_is_a_protocol_error(peer: RawPeer) -> None:
    peer.script.append(Say(b"nonsense\r\n\r\n"))
    connection = connected(peer)
    with pytest.raises(ProtocolError):
        exchange(connection)
    connection.close()


def test_receiving_before_anything_arrived_would_block(peer: RawPeer) -> None:
    peer.script.append(HANG)
    connection = connected(peer)
    connection.send(REQUEST)
    with pytest.raises(WOULD_BLOCK):
        connection.receive()
    connection.close()


def test_refused_connection_is_an_error() -> None:
    with raw_peer() as closed:
        pass
    connection = Connection(address(closed))
    wait_until_ready(connection, select.POLLIN | select.POLLOUT)
    with pytest.raises(OSError, match="cannot be made"):
        connection.is_connected()
    connection.close()


def test_idle_connection_has_ended_when_the_peer_closed_it(peer: RawPeer) -> None:
    connection = connected(peer)
    exchange(connection)
    connection.make_idle()
    assert not connection.has_ended()
    peer.hang_up()
    wait_until_ready(connection)
    assert connection.has_ended()
    connection.close()


def test_idle_connection_with_unexpected_bytes_has_ended(peer: RawPeer) -> None:
    connection = connected(peer)
    exchange(connection)
    connection.make_idle()
    peer.connections[0].sendall(OK)
    wait_until_ready(connection)
    assert connection.has_ended()
    connection.close()
