"""Requests by HTTP: each with a token from the callback, repeated if that is safe."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from .calls import Calls
from .core.outputs import Credential, JsonObject, Ticket
from .core.retries import Backoff
from .errors import ChatError, RefusedError, UnavailableError

ATTEMPTS = 6
TIMEOUT = 15.0
TRANSIENT_STATUSES = {429, 500, 502, 503, 504}
HISTORY_HEADER = "chat-history-id"
TOO_LARGE: JsonObject = {
    "type": "error",
    "code": "TOO_LARGE",
    "message": "The message is too large.",
    "retryable": False,
}
Token = Callable[[], "Credential | Awaitable[Credential]"]
"""Returns a valid token, or an awaitable of one. It is called for each handshake, renewal and request."""


async def fetch_token(token: Token) -> Credential:
    """Call the token callback."""
    result = token()
    return await result if inspect.isawaitable(result) else result


def handshake(ws_url: str, credential: Credential) -> tuple[str, dict[str, str]]:
    """Return the URL and the headers with which a token or a ticket opens a WebSocket."""
    if isinstance(credential, Ticket):
        return f"{ws_url}?ticket={quote(credential.value, safe='')}", {}
    return ws_url, _bearer(credential)


def path(conversation_id: str, part: str = "") -> str:
    """Return the path of a conversation, or of a part of it. Raises ChatError for an empty id."""
    if not conversation_id:
        raise ChatError("the id of a conversation is empty")
    return f"/conversations/{quote(conversation_id, safe='')}" + (f"/{part}" if part else "")


class Api:
    """The HTTP API of one server, as one participant or service."""

    def __init__(self, http_url: str, token: Token, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._token = token
        self._http = httpx.AsyncClient(base_url=http_url.rstrip("/"), timeout=TIMEOUT, transport=transport)
        self._headers: dict[str, str] = {}
        self._has_tickets = False
        self._calls = Calls()

    def with_headers(self, headers: Mapping[str, str]) -> Api:
        """Return the same API, whose requests have further headers; they share the connections."""
        other = copy.copy(self)
        other._headers = {**self._headers, **headers}
        return other

    async def close(self) -> None:
        """Close all connections. Requests that wait, and those that follow, raise ChatClosedError."""
        self._calls.end()
        await self._http.aclose()

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> JsonObject:
        """Return the body of a GET request; it is repeated after transient errors.

        Raises:
            RefusedError: The server refuses the request.
            UnavailableError: There was no answer, or only transient errors.
        """
        return await self.repeat("GET", path, None, query)

    async def get_with_history(
        self, path: str, query: Mapping[str, Any] | None = None
    ) -> tuple[JsonObject, str | None]:
        """Return the body as `get` does, and the history of its sequence ids."""
        response = await self._repeated("GET", path, None, query)
        return self._body(response), response.headers.get(HISTORY_HEADER)

    async def create_once(self, path: str, body: JsonObject, key: str | None = None) -> JsonObject:
        """Return the body of a creation with an idempotency key: it is repeated, and creates once.

        Args:
            path: The route.
            body: The body of the request.
            key: The key, if another process may repeat the creation, for 24 hours; by default a random one.

        Raises:
            RefusedError: The server refuses the request.
            UnavailableError: There was no answer in several attempts: repeat it with the same `key`.
        """
        headers = {"Idempotency-Key": json.dumps(key or str(uuid.uuid4()))}
        return await self.with_headers(headers).repeat("POST", path, body)

    async def repeat(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, Any] | None = None
    ) -> JsonObject:
        """Return the body of an idempotent request; it is repeated after transient errors.

        Raises:
            RefusedError: The server refuses the request.
            UnavailableError: There was no answer, or only transient errors.
        """
        return self._body(await self._repeated(method, path, body, query))

    async def _repeated(
        self, method: str, path: str, body: JsonObject | None, query: Mapping[str, Any] | None
    ) -> httpx.Response:
        backoff = Backoff(random.random)
        for attempt in range(ATTEMPTS):
            response = await self._attempt(method, path, query, body)
            if response is not None and response.status_code not in TRANSIENT_STATUSES:
                return response
            if attempt + 1 < ATTEMPTS:
                await self._calls.run(asyncio.sleep(backoff.next_delay(_retry_after(response))))
        raise UnavailableError(_description(response))

    async def request(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, Any] | None = None
    ) -> JsonObject:
        """Return the body of one request, which is not repeated: most of them are not idempotent.

        Raises:
            RefusedError: The server refuses the request.
            UnavailableError: There was no answer, or a transient error.
        """
        response = await self._attempt(method, path, query, body)
        if response is None or response.status_code in TRANSIENT_STATUSES:
            raise UnavailableError(_description(response))
        return self._body(response)

    async def post_batch(self, commands: list[JsonObject]) -> JsonObject | None:
        """Return the answer to `POST /batch` as the core expects it: a body, an `error` frame, or None."""
        response = await self._attempt("POST", "/batch", None, {"commands": commands})
        if response is None:
            return None
        if response.is_success:
            return _json(response)
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return TOO_LARGE
        if not (error := _error(response)):
            return None
        is_transient = response.status_code in TRANSIENT_STATUSES
        return {"retryable": is_transient, **error, "type": "error", "retry_after": _retry_after(response)}

    async def probe(self, token: Credential) -> tuple[str | None, float]:
        """Return why the handshake of a token was refused, as a code, and how many seconds to wait at least."""
        if isinstance(token, Ticket):
            return None, 0.0  # it opens connections only
        response = await self._attempt("GET", "/me", None, None, token)
        if response is None or response.is_success:
            return None, 0.0
        return _code(response), _retry_after(response)

    async def _attempt(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: JsonObject | None,
        token: str | None = None,
    ) -> httpx.Response | None:
        return await self._calls.run(self._answered(method, path, query, body, token))

    async def _answered(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: JsonObject | None,
        token: str | None,
    ) -> httpx.Response | None:
        authorization = _bearer(token) if token is not None else await self._authorization()
        headers = {**self._headers, **authorization}
        parameters = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            return await self._http.request(method, path, params=parameters, json=body, headers=headers)
        except httpx.HTTPError:
            return None

    async def _authorization(self) -> dict[str, str]:
        """Return the header of a token, or nothing with tickets: they open connections only."""
        credential = None if self._has_tickets else await fetch_token(self._token)
        self._has_tickets = not isinstance(credential, str)
        return _bearer(credential) if isinstance(credential, str) else {}

    def _body(self, response: httpx.Response) -> JsonObject:
        if response.is_success:
            return _json(response) or {}
        message = _error(response).get("message") or response.reason_phrase
        raise RefusedError(_code(response), message, response.status_code)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _json(response: httpx.Response) -> JsonObject | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _error(response: httpx.Response) -> JsonObject:
    """Return the error of an answer; one of API Gateway itself has none."""
    error = (_json(response) or {}).get("error")
    return error if isinstance(error, dict) else {}


def _code(response: httpx.Response) -> str:
    return _error(response).get("code") or f"HTTP_{response.status_code}"


def _retry_after(response: httpx.Response | None) -> float:
    value = _error(response).get("retry_after") if response is not None else None
    return float(value) if isinstance(value, int | float) else 0.0


def _description(response: httpx.Response | None) -> str:
    return "The server does not answer." if response is None else f"The server answers {response.status_code}."
