"""Handshakes that the server refuses: why, and when the next one follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from serverless_chat import Chat, Ticket
from serverless_chat.core.outputs import Credential, JsonObject
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.clients.python import fake_server

LONGEST_FIRST_DELAY = 2.0
"""The longest backoff in seconds after one attempt."""


class Server:
    """Refuses handshakes, and answers each request by HTTP in the same way."""

    def __init__(self, refusal: Exception, status: int, **error: object) -> None:
        self.handshakes: list[str | None] = []
        self.probes: list[httpx.Request] = []
        self.now = 1_000.0
        self.answering = asyncio.Event()
        """Set while requests by HTTP are answered."""
        self.answering.set()
        self._refusal, self._status, self._error = refusal, status, error
        self._tokens = 0

    def chat(self, token: Callable[[], Credential] | None = None) -> Chat:
        transport = httpx.MockTransport(self._answer)
        options: dict[str, Any] = {"transport": transport, "open_socket": self._open, "clock": lambda: self.now}
        return Chat("http://server", "ws://server", token or self._token, **options)

    def _token(self) -> str:
        self._tokens += 1
        return f"token {self._tokens}"

    async def _open(self, _url: str, *, additional_headers: dict[str, str], **_options: object) -> None:
        self.handshakes.append(additional_headers.get("Authorization"))
        raise self._refusal

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.probes.append(request)
        await self.answering.wait()
        if self._status == 0:
            raise httpx.ConnectError("no answer")
        return httpx.Response(self._status, json={"error": self._error} if self._error else {})


def refused(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers()))


def after_refusal(server: Server, token: Callable[[], Credential] | None = None) -> tuple[str, float]:
    """Return the error that a chat shows after a refused handshake, and the seconds until the next one."""

    async def connect() -> tuple[str, float]:
        async with server.chat(token) as chat:
            await waiting(chat)
            delay = chat.link.core.next_timer(chat.link.now)
            assert delay is not None
            return str(chat.error), delay

    return asyncio.run(asyncio.wait_for(connect(), 20))


async def waiting(chat: Chat) -> None:
    """Return when a backoff runs."""
    await chat.changes.until(lambda status: status == "waiting")


def test_refused_handshake_is_probed_over_http_with_its_token() -> None:
    server = Server(refused(401), 401, code="UNAUTHORIZED", message="The token has expired.")

    async def connect() -> None:
        async with server.chat() as chat:
            await waiting(chat)
            [probe] = server.probes
            assert (probe.method, probe.headers["authorization"]) == ("GET", "Bearer token 1")
            chat.online()
            await waiting(chat)

    asyncio.run(connect())
    assert server.handshakes == ["Bearer token 1", "Bearer token 2"]
    assert [probe.headers["authorization"] for probe in server.probes] == server.handshakes


def test_refused_handshake_is_probed_over_http_and_its_error_is_shown() -> None:
    server = Server(refused(500), 403, code="SUSPENDED", message="You are suspended from this chat.")
    error, delay = after_refusal(server)
    assert error == "the server refused the connection: SUSPENDED"
    assert delay <= LONGEST_FIRST_DELAY


@pytest.mark.parametrize(("status", "code"), [(429, "RATE_LIMITED"), (503, "UNAVAILABLE")])
def test_refused_handshake_is_probed_over_http_and_retry_after_is_obeyed(status: int, code: str) -> None:
    server = Server(refused(status), status, code=code, message="later", retry_after=45)
    error, delay = after_refusal(server)
    assert error == f"the server refused the connection: {code}"
    assert 45 <= delay <= 45 + LONGEST_FIRST_DELAY


@pytest.mark.parametrize("status", [0, 200])
def test_handshake_is_repeated_after_the_backoff_if_the_probe_learns_nothing(status: int) -> None:
    server = Server(refused(503), status)
    error, delay = after_refusal(server)
    assert error == "the server refused the connection: HTTP_503"
    assert len(server.probes) == 1
    assert delay <= LONGEST_FIRST_DELAY


def after_slow_probe(server: Server, seconds: float) -> tuple[str, list[str | None], float]:
    """Return the status of a chat after some seconds of a probe, its errors then and at the end, and the delay."""

    async def connect() -> tuple[str, list[str | None], float]:
        server.answering.clear()
        async with server.chat() as chat:
            await fake_server.until(lambda: bool(server.probes))
            server.now += seconds
            chat.link.core.advance(chat.link.now)
            chat.link.pump()
            status, error = chat.status, chat.error
            server.answering.set()
            await waiting(chat)
            delay = chat.link.core.next_timer(chat.link.now)
            assert delay is not None
            return status, [error, chat.error], delay

    return asyncio.run(asyncio.wait_for(connect(), 30))


def test_answer_of_a_probe_that_outlasts_a_handshake_is_obeyed() -> None:
    server = Server(refused(503), 503, code="UNAVAILABLE", message="later", retry_after=45)
    status, errors, delay = after_slow_probe(server, 12)
    assert status == "connecting"
    assert errors == [f"the server refused the connection: {code}" for code in ("HTTP_503", "UNAVAILABLE")]
    assert 45 <= delay <= 45 + LONGEST_FIRST_DELAY


def test_probe_without_an_answer_ends_and_the_handshake_is_repeated_after_the_backoff() -> None:
    server = Server(refused(503), 503, code="UNAVAILABLE", message="later", retry_after=45)
    status, errors, delay = after_slow_probe(server, 16)
    assert status == "waiting"
    assert errors == ["the server refused the connection: HTTP_503"] * 2
    assert delay <= LONGEST_FIRST_DELAY


def test_probe_that_only_a_gateway_answers_shows_its_status() -> None:
    server = Server(refused(500), 502)
    assert after_refusal(server)[0] == "the server refused the connection: HTTP_502"


def test_handshake_without_a_response_is_not_probed() -> None:
    server = Server(OSError("unreachable"), 200)
    error, delay = after_refusal(server)
    assert error == "no connection: OSError"
    assert server.probes == []
    assert delay <= LONGEST_FIRST_DELAY


def test_error_of_a_proxy_or_of_the_own_socket_is_shown_and_followed_by_the_backoff() -> None:
    error, delay = after_refusal(Server(ImportError("python-socks is required"), 200))
    assert error == "no connection: ImportError"
    assert delay <= LONGEST_FIRST_DELAY


def test_refused_ticket_is_not_probed_because_it_opens_connections_only() -> None:
    server = Server(refused(401), 200)
    error, delay = after_refusal(server, lambda: Ticket("once"))
    assert error == "the server refused the connection: HTTP_401"
    assert server.probes == []
    assert delay <= LONGEST_FIRST_DELAY


def error_after(greeting: JsonObject) -> tuple[str, str | None]:
    """Return the status and the error of a chat that a server has greeted with a frame."""
    server = fake_server.Server()
    server.greeting = greeting

    async def connect() -> tuple[str, str | None]:
        async with server.chat() as chat:
            await chat.changes.until(lambda status: status == "stopped")
            chat.online()
            return chat.status, chat.error

    return asyncio.run(asyncio.wait_for(connect(), 30))


def test_unknown_protocol_ends_the_connection_with_the_advice_to_update() -> None:
    error = "the server has protocol 2, and this version of the client 1: update it"
    assert error_after({"protocol": 2}) == ("stopped", error)


def test_end_of_the_connection_by_the_server_is_shown_with_its_code() -> None:
    frame = {"type": "disconnect", "code": "ERASED", "reason": "erased", "reconnect": False}
    assert error_after(frame) == ("stopped", "the server ended the connection: ERASED")
