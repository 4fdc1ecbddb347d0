"""The WebSocket handshake: path, upgrade, rate limits, authorizer, ``$connect``, and the 101 or a rejection.

The 101 is sent only after authorizer and ``$connect`` have succeeded; until then the connection has an id but
cannot receive posts. Of the ``$connect`` response only the subprotocol reaches the client.
"""

import asyncio
import json
import logging
from email.utils import formatdate
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from local.gateway.authorizers import AuthorizerError, Unauthorized, invoke_authorizer
from local.gateway.events import EventMetadata, UpgradeRequest, connect_event, websocket_authorizer_event
from local.gateway.functions import FunctionFailed, FunctionThrottled, GatewayOverloaded, IntegrationTimedOut
from local.gateway.proxy import MalformedResult, parse_result
from local.gateway.registry import Connection, ConnectionRegistry
from local.gateway.runtime import Runtime
from local.gateway.sockets import GatewaySocket
from local.gateway.websocket import RequestAuthorizer, WebSocketApi
from local.gateway.wire import Pairs, add_forwarding_headers, find_header, parse_query

log = logging.getLogger(__name__)


class HandshakeRejected(Exception):
    """The client receives ``status`` instead of the 101."""

    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.message = message or _phrase(status)


class Handshake:
    """Accepts or rejects upgrade requests."""

    def __init__(self, api: WebSocketApi, runtime: Runtime, registry: ConnectionRegistry) -> None:
        self._api = api
        self._runtime = runtime
        self._registry = registry

    async def process(self, socket: GatewaySocket, request: Request) -> Response | None:
        """Return None to accept, with ``socket.gateway_connection`` set, or the rejection to send."""
        runtime = self._runtime
        started = runtime.clock.monotonic()
        path, _, query = request.path.partition("?")
        request_id = runtime.ids.short()
        response: Response | None = None
        socket.handshake_task = asyncio.current_task()
        try:
            self._check_target(socket, request, path)
            await self._connect(socket, request, query if "?" in request.path else None, request_id)
        except HandshakeRejected as exc:
            response = self._refuse(socket, exc.status, exc.message, request_id)
        except GatewayOverloaded:
            response = self._refuse(socket, 429, _phrase(429), request_id)
        finally:
            socket.handshake_task = None
        runtime.record("websocket", "GET", path, response.status_code if response else 101, started)
        return response

    def _refuse(self, socket: GatewaySocket, status: int, message: str, request_id: str) -> Response:
        if socket.gateway_connection is not None:
            self._registry.remove(socket.gateway_connection)
        self._runtime.counters[f"websocket.refused.{status}"] += 1
        return _rejection_response(status, message, request_id, socket.gateway_connection)

    def _check_target(self, socket: GatewaySocket, request: Request, path: str) -> None:
        settings = self._runtime.settings
        if path.rstrip("/") != f"/{settings.stage}":
            raise HandshakeRejected(403)
        probe = socket.protocol.accept(request)  # checks that it is a WebSocket handshake
        if probe.status_code != 101:
            raise HandshakeRejected(probe.status_code)
        if not self._runtime.new_connections.try_acquire() or not self._runtime.requests.try_acquire():
            raise HandshakeRejected(429)

    async def _connect(self, socket: GatewaySocket, request: Request, query: str | None, request_id: str) -> None:
        runtime = self._runtime
        upgrade = self._read(socket, request, query)
        connection = Connection(
            connection_id=runtime.ids.short(),
            connected_at=runtime.milliseconds(),
            opened_at=runtime.clock.monotonic(),
            source_ip=_source_ip(socket),
            user_agent=find_header(upgrade.headers, "User-Agent"),
            host=find_header(upgrade.headers, "Host") or "",
            channel=socket,
            client=_client(upgrade),
        )
        socket.gateway_connection = connection
        self._registry.add(connection)
        if self._api.authorizer is not None:
            await self._authorize(self._api.authorizer, connection, upgrade, request_id)
        await self._integrate(socket, connection, upgrade, request_id)

    def _read(self, socket: GatewaySocket, request: Request, query: str | None) -> UpgradeRequest:
        runtime = self._runtime
        headers: Pairs = add_forwarding_headers(
            list(request.headers.raw_items()),
            trace=runtime.ids.trace(runtime.clock.time()),
            source_ip=_source_ip(socket),
            port=socket.local_address[1],
        )
        return UpgradeRequest(headers, parse_query(query) if query else None)

    async def _authorize(
        self, authorizer: RequestAuthorizer, connection: Connection, upgrade: UpgradeRequest, request_id: str
    ) -> None:
        runtime, settings = self._runtime, self._runtime.settings
        if not authorizer.has_identity(upgrade.headers, upgrade.query or []):
            raise HandshakeRejected(401)
        api = f"arn:aws:execute-api:{settings.region}:{settings.account_id}:{settings.websocket_api_id}"
        arn = f"{api}/{settings.stage}/$connect"
        metadata = EventMetadata(request_id, runtime.milliseconds())
        event = websocket_authorizer_event(connection, metadata, settings, upgrade, arn)
        started = runtime.clock.monotonic()
        limit = settings.max_authorizer_result_bytes
        runtime.counters["websocket.authorizations"] += 1
        try:
            decision = await invoke_authorizer(
                runtime.functions, authorizer.name, authorizer.handler, event, limit
            )
        except Unauthorized:
            raise HandshakeRejected(401) from None
        except AuthorizerError:
            raise HandshakeRejected(500, "Internal server error") from None
        if not decision.allows(arn):
            raise HandshakeRejected(403)
        connection.authorizer = decision.context
        connection.integration_latency = int((runtime.clock.monotonic() - started) * 1000)

    async def _integrate(
        self, socket: GatewaySocket, connection: Connection, upgrade: UpgradeRequest, request_id: str
    ) -> None:
        if self._api.connect is None:
            return
        runtime = self._runtime
        metadata = EventMetadata(request_id, runtime.milliseconds())
        event = connect_event(connection, metadata, runtime.settings, upgrade)
        name = self._api.function_name("$connect")
        runtime.counters["websocket.connects"] += 1
        try:
            result = parse_result(
                await runtime.functions.invoke(name, self._api.connect, event, client=connection.client)
            )
        except IntegrationTimedOut:
            raise HandshakeRejected(504, "Endpoint request timed out") from None
        except FunctionThrottled:
            raise HandshakeRejected(500, "Internal server error") from None
        except FunctionFailed:
            raise HandshakeRejected(502, "Internal server error") from None
        except MalformedResult as exc:
            log.error("function %s: malformed proxy response: %s", name, exc)
            raise HandshakeRejected(502, "Internal server error") from None
        if not 200 <= result.status < 300:
            raise HandshakeRejected(result.status)
        socket.chosen_subprotocol = result.header("Sec-WebSocket-Protocol")


def _source_ip(socket: GatewaySocket) -> str:
    return str(socket.remote_address[0]) if socket.remote_address else ""


def _client(upgrade: UpgradeRequest) -> str:
    """Return the credentials, which tell clients apart; the gateway does not interpret them."""
    offered = find_header(upgrade.headers, "Sec-WebSocket-Protocol")
    in_query = "&".join(value for _, value in upgrade.query or [])
    return find_header(upgrade.headers, "Authorization") or offered or in_query


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a non-standard status of the function
        return "Rejected"


def _rejection_response(status: int, message: str, request_id: str, connection: Connection | None) -> Response:
    connection_id = connection.connection_id if connection else request_id
    body = gateway_error_frame(message, connection_id, request_id)
    headers = Headers(
        [
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", request_id),
        ]
    )
    if status == HTTPStatus.UPGRADE_REQUIRED:
        headers["Upgrade"] = "websocket"
    return Response(status, _phrase(status), headers, body)


def gateway_error_frame(message: str, connection_id: str, request_id: str) -> bytes:
    """Return an error frame of API Gateway, byte for byte: with a space after the first colon only."""
    text = f'{{"message": {json.dumps(message)}, "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    return text.encode("utf-8")
