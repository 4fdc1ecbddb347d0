"""The ``@connections`` management API: post to a connection, get its status, close it.

Sources: "Use @connections commands in your backend service" in the API Gateway developer guide and the service
model ``apigatewaymanagementapi``. The header ``x-amzn-ErrorType`` names the error, from which boto3 selects its
exception class; the body of a 410 is empty.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from local.gateway.ids import is_connection_id
from local.gateway.registry import Connection, ConnectionRegistry
from local.gateway.rest_server import read_up_to
from local.gateway.runtime import FaultInjector, Runtime
from local.gateway.settings import GatewaySettings
from local.gateway.wire import iso_time

_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/[a-z0-9-]+/execute-api/aws4_request,\s*"
    r"SignedHeaders=[^,\s]+,\s*Signature=[0-9a-f]{64}"
)
_CLOSED_BY_SERVER = (1000, "Connection Closed Normally")


class Reply:
    """A response of the API; ``wire`` is its head after the status line, and its body."""

    __slots__ = ("body", "headers", "status", "wire")

    def __init__(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        length = {} if status == 204 else {"Content-Length": str(len(body))}
        lines = "".join(f"\r\n{name}: {value}" for name, value in {**self.headers, **length}.items())
        self.wire = lines.encode("latin-1") + b"\r\n\r\n" + body


Answer = Reply | Coroutine[Any, Any, Reply]


class ManagementApi:
    """Serves ``/{stage}/@connections/{connection_id}``."""

    def __init__(self, runtime: Runtime, registry: ConnectionRegistry) -> None:
        self._runtime = runtime
        self._registry = registry
        self._stopping = asyncio.Event()
        self._delayed: set[asyncio.Task[None]] = set()

    def connection_id(self, raw_path: str) -> str | None:
        """Return the decoded connection id in a raw path, or None for a path of another API."""
        return _connection_id(self._runtime.settings.stage, raw_path)

    def stop(self) -> None:
        """Release the posts that hang."""
        self._stopping.set()

    async def handle(self, request: web.BaseRequest, connection_id: str) -> web.Response:
        """Respond to one request of aiohttp's server."""
        settings = self._runtime.settings_for(connection_id)
        reply = self._check_request(request.method, request.headers.get("Authorization"), settings)
        if reply is None:
            body: bytes | None = b""
            if request.method == "POST":
                body = await read_up_to(request, settings.max_message_bytes)
            answer = _TOO_LARGE if body is None else self._respond(request.method, connection_id, body, settings)
            reply = answer if isinstance(answer, Reply) else await answer
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    def respond(self, method: str, connection_id: str, authorization: str | None, body: bytes) -> Answer:
        """Return the response to a request, or a coroutine that returns it if an injected fault delays it."""
        settings = self._runtime.settings_for(connection_id)
        refusal = self._check_request(method, authorization, settings)
        return refusal or self._respond(method, connection_id, body, settings)

    def _check_request(self, method: str, authorization: str | None, settings: GatewaySettings) -> Reply | None:
        if settings.require_signature:
            if not authorization:
                return _UNSIGNED
            if not _SIGNATURE.fullmatch(authorization):
                return _FORBIDDEN
        if method not in ("POST", "GET", "DELETE"):
            return _FORBIDDEN
        return None if self._runtime.requests.try_acquire() else _LIMIT_EXCEEDED

    def _respond(self, method: str, connection_id: str, body: bytes, settings: GatewaySettings) -> Answer:
        if not is_connection_id(connection_id):
            return _INVALID_ID
        connection = self._registry.reachable(connection_id)
        if connection is None:
            self._runtime.counters["management.gone"] += 1
            return _GONE
        if method == "POST":
            return self._post(connection, body, settings)
        return self._describe(connection) if method == "GET" else self._delete(connection)

    def _post(self, connection: Connection, payload: bytes, settings: GatewaySettings) -> Answer:
        runtime = self._runtime
        faults = runtime.fault_injector_for_post(connection.number, settings)
        if _is_full(connection, payload, settings):
            return _LIMIT_EXCEEDED
        if faults is None:
            runtime.counters["management.posts"] += 1
            self._deliver(connection, payload)
            return _OK
        if faults.should_inject(settings.posts_throttled):
            return _LIMIT_EXCEEDED
        if faults.should_inject(settings.posts_failed):
            return _INTERNAL_ERROR
        if faults.should_inject(settings.posts_hung):
            runtime.counters["management.hung"] += 1
            return self._hang()
        runtime.counters["management.posts"] += 1
        copies = 2 if faults.should_inject(settings.posts_duplicated) else 1
        for _ in range(copies):
            self._send(connection, payload, settings, faults)
        return self._acknowledge(settings, faults)

    async def _hang(self) -> Reply:
        await self._stopping.wait()
        return _INTERNAL_ERROR

    def _send(
        self, connection: Connection, payload: bytes, settings: GatewaySettings, faults: FaultInjector
    ) -> None:
        """Write the message now, or after a random delay, which can reorder messages."""
        if faults.should_inject(settings.posts_shuffled):
            wait = faults.random.uniform(0, settings.shuffle_jitter)
            task = asyncio.get_running_loop().create_task(self._deliver_after(wait, connection, payload))
            self._delayed.add(task)
            task.add_done_callback(self._delayed.discard)
        else:
            self._deliver(connection, payload)

    async def _deliver_after(self, seconds: float, connection: Connection, payload: bytes) -> None:
        await self._runtime.clock.sleep(seconds)
        self._deliver(connection, payload)

    def _deliver(self, connection: Connection, payload: bytes) -> None:
        if not connection.is_open():
            return  # dropped but not detected yet: accepted and lost
        connection.channel.deliver(payload, self._runtime.settings.max_frame_bytes)
        connection.touch(self._runtime.milliseconds(), self._runtime.clock.monotonic())

    def _acknowledge(self, settings: GatewaySettings, faults: FaultInjector) -> Answer:
        """Respond to a delivered post: 200, or an injected fault."""
        is_slow = faults.should_inject(settings.posts_slow)
        reply = _OK
        if faults.should_inject(settings.posts_failed_after_delivery):
            reply = _INTERNAL_ERROR
        elif faults.should_inject(settings.posts_gone_after_delivery):
            reply = _GONE
        return self._delay(reply, settings.slow_post) if is_slow else reply

    async def _delay(self, reply: Reply, seconds: float) -> Reply:
        await self._runtime.clock.sleep(seconds)
        return reply

    def _describe(self, connection: Connection) -> Reply:
        identity = {"sourceIp": connection.source_ip}
        if connection.user_agent is not None:
            identity["userAgent"] = connection.user_agent
        document: dict[str, Any] = {
            "connectedAt": iso_time(connection.connected_at),
            "identity": identity,
            "lastActiveAt": iso_time(connection.last_active_at),
        }
        return Reply(200, json.dumps(document).encode(), _JSON)

    def _delete(self, connection: Connection) -> Reply:
        connection.channel.start_closing(*_CLOSED_BY_SERVER)
        return _DELETED


def _is_full(connection: Connection, payload: bytes, settings: GatewaySettings) -> bool:
    """Return whether the client's send buffer has no room for another message."""
    buffered = connection.channel.buffered_bytes()
    return buffered > 0 and buffered + len(payload) > settings.send_buffer_bytes


@functools.lru_cache(4_096)
def _connection_id(stage: str, raw_path: str) -> str | None:
    parts = raw_path.partition("?")[0].split("/")
    if len(parts) != 4 or parts[1] != stage:
        return None
    return unquote(parts[3]) if unquote(parts[2]) == "@connections" else None


def _error(status: int, kind: str, message: str) -> Reply:
    body = json.dumps({"message": message}).encode()
    return Reply(status, body, {**_JSON, "x-amzn-ErrorType": kind})


_JSON = {"Content-Type": "application/json"}
_OK = Reply(200)
_DELETED = Reply(204)
_GONE = Reply(410, headers={"x-amzn-ErrorType": "GoneException"})
_INVALID_ID = _error(400, "BadRequestException", "Invalid connectionId")
_UNSIGNED = _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
_FORBIDDEN = _error(403, "ForbiddenException", "Forbidden")
_TOO_LARGE = _error(413, "PayloadTooLargeException", "Message too large")
_LIMIT_EXCEEDED = _error(429, "LimitExceededException", "Too Many Requests")
_INTERNAL_ERROR = _error(500, "InternalServerErrorException", "Internal server error")
