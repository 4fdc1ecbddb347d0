"""The HTTP listener: the REST API at the root, ``@connections`` below the stage of the WebSocket API.

API Gateway serves the two under different host names; here the path distinguishes them.
"""

import asyncio
import logging
import socket as sockets_api
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from local.gateway.gateway_responses import GatewayResponses
from local.gateway.management_api import ManagementApi
from local.gateway.management_protocol import ManagementConnections
from local.gateway.ports import BACKLOG
from local.gateway.rest import RestApi
from local.gateway.rest_server import RestServer
from local.gateway.runtime import Runtime

log = logging.getLogger(__name__)

_MAX_LINE = 65_536
_SHUTDOWN_SECONDS = 0.3


class _Protocol(RequestHandler):
    """aiohttp's HTTP protocol, with the gateway's own response to a malformed request."""

    malformed: Callable[[], web.Response]

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Respond in the gateway's format, without the client's data; aiohttp then closes the connection."""
        return self.malformed()


class _Server(web.Server):
    """aiohttp's server, with `_Protocol` connections."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        malformed: Callable[[], web.Response],
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self._options = options
        self._malformed = malformed

    def __call__(self) -> RequestHandler:
        """Make the protocol object of a TCP connection."""
        options = {name: value for name, value in self._options.items() if name != "handler_cancellation"}
        protocol = _Protocol(self, loop=asyncio.get_running_loop(), **options)
        protocol.malformed = self._malformed
        return protocol


class HttpServer:
    """Serves both HTTP APIs."""

    def __init__(self, rest: RestApi | None, management: ManagementApi, runtime: Runtime) -> None:
        self._rest = None if rest is None else RestServer(rest, runtime)
        self._responses = GatewayResponses({}) if rest is None else rest.responses
        self._management = management
        self._runtime = runtime
        self._runner: web.ServerRunner
        self._connections: ManagementConnections
        self._listening: asyncio.Server

    async def start(self, listener: sockets_api.socket) -> None:
        """Start to serve on a bound socket."""
        server = _Server(
            self._handle,
            self._malformed,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            lingering_time=2.0,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        self._connections = ManagementConnections(self._management, self._runtime, server)
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._connections.make_protocol, sock=listener, backlog=BACKLOG)

    async def stop(self) -> None:
        """Stop listening, wait briefly for running requests, then abort them."""
        self._listening.close()
        self._management.stop()
        await self._connections.close(_SHUTDOWN_SECONDS)
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        started = self._runtime.clock.monotonic()
        connection_id = self._management.connection_id(request.raw_path)
        api = "rest" if connection_id is None else "management"
        try:
            if connection_id is not None:
                response = await self._management.handle(request, connection_id)
            elif self._rest is not None:
                response = await self._rest.handle(request)
            else:
                response = self._gateway_response("MISSING_AUTHENTICATION_TOKEN")
        except Exception as exc:  # noqa: BLE001 - the last resort for defects of the gateway itself
            log.error("the gateway failed with %s on %s", type(exc).__name__, request.method)
            response = self._gateway_response("DEFAULT_5XX")
        path = request.raw_path.partition("?")[0]
        self._runtime.record(api, request.method, path, response.status, started)
        return response

    def _malformed(self) -> web.Response:
        """Return the response to a request that is not HTTP/1.1."""
        return self._gateway_response("BAD_REQUEST_PARAMETERS")

    def _gateway_response(self, kind: str) -> web.Response:
        rendered = self._responses.render(kind, self._runtime.ids.long())
        return web.Response(status=rendered.status, headers=rendered.headers, body=rendered.body)
