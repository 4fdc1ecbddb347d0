"""Limits of one participant on connections, frames and requests, on a server where they are low."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.conftest import MakeClients, client_factory
from tests.e2e.targets import Servers
from tests.support.client import Socket, TestClient
from tests.support.http_client import HttpClient
from tests.support.server import PATIENT_SETTINGS, ServerProcess

CONNECTIONS = 2
FRAME_BURST = 40
REFUSAL = 15
"""Seconds: longer than a busy machine needs to close the connection."""
BUDGET = 1_000
LOW_LIMITS = {
    **PATIENT_SETTINGS,
    "CHAT_LIMIT_CONNECTIONS": str(CONNECTIONS),
    "CHAT_LIMIT_FRAMES_PER_SECOND": "5",
    "CHAT_LIMIT_FRAME_BURST": str(FRAME_BURST),
    "CHAT_LIMIT_BUDGET_PER_SECOND": "100",
    "CHAT_LIMIT_BUDGET_BURST": str(BUDGET),
    "CHAT_TIME_FLOOD_REFUSAL": str(REFUSAL),
}
MANY = 50
"""More than each limit by this factor, as each process of a function counts a part of the charges alone."""


@pytest.fixture(scope="module")
def strict_server(chat_target: str, server: ServerProcess, servers: Servers) -> Iterator[ServerProcess]:
    """Return a server with low limits."""
    del server  # it provides the store, and skips the test where there is none
    started = servers.start_sibling(chat_target, "strict", LOW_LIMITS)
    yield started
    started.stop()


@pytest.fixture
def strict_clients(strict_server: ServerProcess) -> Iterator[MakeClients]:
    """Return a function that makes clients of the server with low limits."""
    http = HttpClient(strict_server.endpoint.http_url)
    with client_factory(strict_server.endpoint, http) as make:
        yield make
    http.close()


def test_flood_is_disconnected_and_its_handshakes_are_429_until_the_end(strict_clients: MakeClients) -> None:
    alice, bob = strict_clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    socket = alice.connect()
    for _ in range(MANY * FRAME_BURST):
        try:
            socket.send_text('{"type": "ping"}')
        except ConnectionClosed:
            break
    last_frame = socket.expect_frame(type="disconnect")
    assert (last_frame["code"], last_frame["reconnect"], last_frame["retry_after"]) == (
        "RATE_LIMITED", True, REFUSAL,
    )  # fmt: skip
    assert socket.expect_close() == 1000
    refused_at = time.monotonic()
    assert _handshake_status(alice) == 429

    bob.send_message(chat, "undisturbed")
    bob.expect_message("undisturbed")
    while _handshake_status(alice) == 429:
        assert time.monotonic() < refused_at + 3 * REFUSAL, "still refused after the announced time"
        time.sleep(0.5)
    alice.connect(chat)


def test_connection_above_the_limit_closes_the_oldest_one(strict_clients: MakeClients) -> None:
    alice, bob = strict_clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    sockets = []
    for _ in range(CONNECTIONS):
        sockets.append(alice.connect(chat))
        time.sleep(0.01)  # the order of connections is that of milliseconds
    bob.connect(chat)
    newest = alice.connect(chat)

    last_frame = sockets[0].expect_frame(type="disconnect")
    assert (last_frame["code"], last_frame["reconnect"]) == ("TOO_MANY_CONNECTIONS", False)
    assert sockets[0].expect_close() == 1000
    bob.post_message(chat, "to the others")
    for socket in (*sockets[1:], newest):
        socket.expect_frame(type="event", event={"type": "message", "content": "to the others"})
    assert bob.ping()["type"] == "pong"


def test_http_requests_above_the_budget_are_429(strict_clients: MakeClients) -> None:
    alice, bob = strict_clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    for _ in range(MANY):
        answer = alice.get(f"/conversations/{chat}/events", after=0)
        if answer.status != 200:
            break
    error = answer.expect(429, "RATE_LIMITED")["error"]
    assert error["retry_after"] > 0
    assert int(answer.headers["retry-after"]) >= 1
    alice.get(f"/conversations/{chat}/events", after=0).expect(429, "RATE_LIMITED")
    bob.get(f"/conversations/{chat}/events", after=0).expect(200)
    alice.post_message(chat, "messages have a limit of their own")
    time.sleep(error["retry_after"] + 0.05)  # the server promises that this is enough
    alice.get("/conversations").expect(200)


def _handshake_status(client: TestClient) -> int:
    """Open and close a connection; return the status of the handshake."""
    try:
        Socket(client.endpoint.ws_url, headers={"Authorization": f"Bearer {client.token}"}).close()
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101
