"""The ``@connections`` management API: post to a connection, get its status, close it.

Sources: "Use @connections commands in your backend service" in the API Gateway developer guide and the service
model ``apigatewaymanagementapi``. The header ``x-amzn-ErrorType`` names the error, from which boto3 selects its
exception class; the body of a 410 is empty.
"""

import asyncio
import json
import re
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


class ManagementApi:
    """Serves ``/{stage}/@connections/{connection_id}``."""

    def __init__(self, runtime: Runtime, registry: ConnectionRegistry) -> None:
        self._runtime = runtime
        self._registry = registry
        self._stopping = asyncio.Event()
        self._delayed: set[asyncio.Task[None]] = set()

    def connection_id(self, raw_path: str) -> str | None:
        """Return the decoded connection id in a raw path, or None for a path of another API."""
        parts = raw_path.partition("?")[0].split("/")
        if len(parts) != 4 or parts[1] != self._runtime.settings.stage:
            return None
        return unquote(parts[3]) if unquote(parts[2]) == "@connections" else None

    def stop(self) -> None:
        """Release the posts that hang."""
        self._stopping.set()

    async def handle(self, request: web.BaseRequest, connection_id: str) -> web.Response:
        """Respond to one request."""
        runtime = self._runtime
        settings = runtime.settings_for(connection_id)
        error = self._check_request(request, settings)
        if error is not None:
            return error
        payload = b""
        if request.method == "POST":
            body = await read_up_to(request, settings.max_message_bytes)
            if body is None:
                return _error(413, "PayloadTooLargeException", "Message too large")
            payload = body
        if not is_connection_id(connection_id):
            return _error(400, "BadRequestException", "Invalid connectionId")
        connection = self._registry.reachable(connection_id)
        if connection is None:
            runtime.counters["management.gone"] += 1
            return _gone()
        if request.method == "POST":
            return await self._post(connection, payload, settings)
        return self._describe(connection) if request.method == "GET" else self._delete(connection)

    def _check_request(self, request: web.BaseRequest, settings: GatewaySettings) -> web.Response | None:
        if settings.require_signature:
            signature = request.headers.get("Authorization")
            if not signature:
                return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
            if not _SIGNATURE.fullmatch(signature):
                return _error(403, "ForbiddenException", "Forbidden")
        if request.method not in ("POST", "GET", "DELETE"):
            return _error(403, "ForbiddenException", "Forbidden")
        return None if self._runtime.requests.try_acquire() else _limit_exceeded()

    async def _post(self, connection: Connection, payload: bytes, settings: GatewaySettings) -> web.Response:
        runtime = self._runtime
        faults = runtime.fault_injector_for_post(connection.number)
        if faults.should_inject(settings.posts_throttled) or _is_full(connection, payload, settings):
            return _limit_exceeded()
        if faults.should_inject(settings.posts_failed):
            return _error(500, "InternalServerErrorException", "Internal server error")
        if faults.should_inject(settings.posts_hung):
            runtime.counters["management.hung"] += 1
            await self._stopping.wait()
            return _error(500, "InternalServerErrorException", "Internal server error")
        runtime.counters["management.posts"] += 1
        copies = 2 if faults.should_inject(settings.posts_duplicated) else 1
        for _ in range(copies):
            self._send(connection, payload, settings, faults)
        return await self._acknowledge(settings, faults)

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

    async def _acknowledge(self, settings: GatewaySettings, faults: FaultInjector) -> web.Response:
        """Respond to a delivered post: 200, or an injected fault."""
        if faults.should_inject(settings.posts_slow):
            await self._runtime.clock.sleep(settings.slow_post)
        if faults.should_inject(settings.posts_failed_after_delivery):
            return _error(500, "InternalServerErrorException", "Internal server error")
        if faults.should_inject(settings.posts_gone_after_delivery):
            return _gone()
        return web.Response()

    def _describe(self, connection: Connection) -> web.Response:
        identity = {"sourceIp": connection.source_ip}
        if connection.user_agent is not None:
            identity["userAgent"] = connection.user_agent
        document: dict[str, Any] = {
            "connectedAt": iso_time(connection.connected_at),
            "identity": identity,
            "lastActiveAt": iso_time(connection.last_active_at),
        }
        return web.Response(body=json.dumps(document).encode(), content_type="application/json")

    def _delete(self, connection: Connection) -> web.Response:
        connection.channel.start_closing(*_CLOSED_BY_SERVER)
        return web.Response(status=204)


def _is_full(connection: Connection, payload: bytes, settings: GatewaySettings) -> bool:
    """Return whether the client's send buffer has no room for another message."""
    buffered = connection.channel.buffered_bytes()
    return buffered > 0 and buffered + len(payload) > settings.send_buffer_bytes


def _gone() -> web.Response:
    return web.Response(status=410, headers={"x-amzn-ErrorType": "GoneException"})


def _limit_exceeded() -> web.Response:
    return _error(429, "LimitExceededException", "Too Many Requests")


def _error(status: int, kind: str, message: str) -> web.Response:
    body = json.dumps({"message": message})
    return web.Response(
        status=status, text=body, content_type="application/json", headers={"x-amzn-ErrorType": kind}
    )
