"""Smoke check of a deployed stage: its version, the gateways' rejections, and a message that is sent and received.

`page_check` adds the web page.

Each check is repeated for a while: changes reach all of API Gateway within seconds, not immediately.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from email.message import Message
from functools import partial
from http import HTTPStatus
from typing import Any

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from infra.deploy.console import Console
from infra.deploy.refusals import GARBAGE, REFUSALS, REFUSALS_OF_THE_APPLICATION, Refusal
from infra.errors import InfraError

TIMEOUT = 90.0
"""Seconds for which a check is repeated."""
RETRY_INTERVAL = 2.0
"""Seconds between two attempts."""
_PARTICIPANT = "smoke-refusals"
"""Whose token the requests to the application have."""
RESPONSE_TIMEOUT = 30.0
"""Timeout of one request in seconds; it may include a cold start."""

Token = Callable[[str], str]
"""Makes a token for a participant id."""
Check = tuple[str, Callable[[], None]]
"""A description, and a function that raises CheckFailed."""


class CheckFailed(Exception):
    """A check failed; the text is what it found. The check is repeated for a while."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The URLs of the stage and its expected version."""

    http_url: str
    socket_url: str
    version: str


class SmokeCheck:
    """Runs the checks in sequence and reports each."""

    def __init__(
        self,
        endpoint: Endpoint,
        console: Console,
        *,
        token: Token | None = None,
        more: Sequence[Check] = (),
        timeout: float = TIMEOUT,
        retry_interval: float = RETRY_INTERVAL,
    ) -> None:
        """`token` is given for stages whose secret is available; without it no message is sent.

        `more` are further checks, which follow. `timeout` is for how long a check is repeated, `retry_interval` is
        the time between attempts, both in seconds.
        """
        self._endpoint = endpoint
        self._console = console
        self._token = token
        self._more = more
        self._timeout = timeout
        self._retry_interval = retry_interval

    def run(self) -> None:
        """Run all checks. Raises InfraError for the first that fails."""
        self._console.write("Smoke check")
        self._repeat("GET /health is 200 and returns this version", self._health)
        for refusal in REFUSALS:
            self._repeat(refusal.description, partial(self._expect, refusal))
        self._repeat("a WebSocket without a token is rejected with 401", self._handshake)
        self._repeat("a WebSocket with an invalid token is rejected with 401", partial(self._handshake, GARBAGE))
        if self._token is None:
            self._console.write("  --  no message is sent: only the identity provider can sign tokens")
        else:
            token = self._token
            identity = {"Authorization": f"Bearer {token(_PARTICIPANT)}"}
            for refusal in REFUSALS_OF_THE_APPLICATION:
                self._repeat(refusal.description, partial(self._expect, replace(refusal, header=identity)))
            self._repeat(
                "a message is sent, acknowledged, received and deleted", lambda: self._conversation(token)
            )
        for description, check in self._more:
            self._repeat(description, check)

    def _repeat(self, description: str, check: Callable[[], None]) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                check()
            except (CheckFailed, OSError, WebSocketException) as problem:
                if time.monotonic() > deadline:
                    self._console.write(f"  !!  {description}")
                    raise InfraError(
                        f"The stage is deployed, but the smoke check failed: {description}: {problem}."
                        " See the logs of its functions (docs/operations.md)"
                    ) from None
                time.sleep(self._retry_interval)
            else:
                self._console.write(f"  ok  {description}")
                return

    # ---- the checks ------------------------------------------------------------------------------------

    def _health(self) -> None:
        status, body, _ = self._http("GET", "/health")
        version = body.get("version") if isinstance(body, dict) else None
        if status != HTTPStatus.OK or version != self._endpoint.version:
            raise CheckFailed(f"{status}, version {version} instead of {self._endpoint.version}")

    def _expect(self, refusal: Refusal) -> None:
        actual_status, body, headers = self._http(refusal.method, refusal.path, refusal.header, refusal.body)
        error = body.get("error") if isinstance(body, dict) else None
        actual_code = error.get("code") if isinstance(error, dict) else None
        request = f"{refusal.method} {refusal.path}"
        if (actual_status, actual_code) != (refusal.status, refusal.code):
            raise CheckFailed(f"{request} is {actual_status} {actual_code}, not {refusal.status} {refusal.code}")
        if actual_status == HTTPStatus.METHOD_NOT_ALLOWED and not headers.get("Allow"):
            raise CheckFailed(f"{request} has no header Allow")

    def _handshake(self, header: dict[str, str] | None = None) -> None:
        try:
            with self._connect(header):
                pass
        except InvalidStatus as refused:
            if refused.response.status_code != HTTPStatus.UNAUTHORIZED:
                raise CheckFailed(f"{refused.response.status_code}, not 401") from None
        else:
            raise CheckFailed("the connection was accepted")

    def _conversation(self, token: Token) -> None:
        participant_id = f"smoke-{uuid.uuid4().hex}"
        header = {"Authorization": f"Bearer {token(participant_id)}"}
        status, conversation, _ = self._http("POST", "/conversations", header, b'{"title": "Smoke check"}')
        if status != HTTPStatus.CREATED:
            raise CheckFailed(f"POST /conversations is {status}")
        identifier = conversation["conversation_id"]
        try:
            self._message(identifier, header)
        finally:
            status, _, _ = self._http("DELETE", f"/conversations/{identifier}", header)
        if status != HTTPStatus.NO_CONTENT:
            raise CheckFailed(f"DELETE /conversations/… is {status}")

    def _message(self, conversation: str, header: dict[str, str]) -> None:
        client_message_id = uuid.uuid4().hex
        with self._connect(header) as socket:
            socket.send(json.dumps({"type": "hello", "subscribe": [{"conversation_id": conversation}]}))
            _wait_for_frame(socket, lambda frame: frame.get("type") == "subscribed")
            message = {
                "conversation_id": conversation,
                "client_message_id": client_message_id,
                "content": "Smoke check",
            }
            socket.send(json.dumps({"type": "message", **message}))
            expected = {"message_ack", "events"}
            while expected:
                frame = _wait_for_frame(socket, lambda frame: _concerns(frame, client_message_id))
                expected.discard(frame["type"])

    # ---- transport -------------------------------------------------------------------------------------

    def _connect(self, header: dict[str, str] | None = None) -> AbstractContextManager[ClientConnection]:
        return connect(
            self._endpoint.socket_url,
            additional_headers=header,
            open_timeout=RESPONSE_TIMEOUT,
            close_timeout=1,
            ping_interval=None,
            compression=None,
        )

    def _http(
        self, method: str, path: str, header: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> tuple[int, Any, Message]:
        """Return status, parsed body and headers of a response."""
        url = self._endpoint.http_url.rstrip("/") + path
        headers = {**(header or {}), "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 — the stack's own URL
        try:
            with urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT) as response:  # noqa: S310
                return response.status, _parsed(response.read()), response.headers
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, _parsed(refused.read()), refused.headers


def _frames(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    deadline = time.monotonic() + RESPONSE_TIMEOUT
    while True:
        frame = _parsed(socket.recv(timeout=max(deadline - time.monotonic(), 0)))
        if isinstance(frame, dict):
            yield frame


def _wait_for_frame(socket: ClientConnection, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for frame in _frames(socket):
        if frame.get("type") == "error":
            raise CheckFailed(f"the server sent error {frame.get('code')}")
        if matches(frame):
            return frame
    raise AssertionError  # _frames only ends with TimeoutError


def _concerns(frame: dict[str, Any], client_message_id: str) -> bool:
    concerned = {"message_ack": [frame], "events": frame.get("events", [])}.get(str(frame.get("type")), [])
    return any(item.get("client_message_id") == client_message_id for item in concerned)


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
