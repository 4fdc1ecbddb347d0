"""The WebSocket listener: handshakes, messages, idle and age limits, closing.

Server pings are off: API Gateway sends none. The library answers the client's pings.
"""

import asyncio
import socket as sockets_api
from typing import cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from local.gateway.disconnect_notifier import DisconnectNotifier
from local.gateway.handshake import Handshake
from local.gateway.message_router import MessageRouter
from local.gateway.ports import BACKLOG
from local.gateway.registry import CLOSED_CHANNEL, Connection, ConnectionRegistry, ConnectionState
from local.gateway.runtime import Runtime
from local.gateway.sockets import GatewaySocket, SocketHooks, socket_class
from local.gateway.websocket import WebSocketApi

GOING_AWAY = (1001, "Going away")
_UNSUPPORTED_DATA = (1003, "Binary frames are not supported")
_HANDSHAKE_CANCEL_TIMEOUT = 0.2
_MAX_QUEUE = 16
"""Frames that are parsed ahead while messages of the client are in flight; then the connection is not read."""


class SocketServer:
    """Serves one WebSocket API."""

    def __init__(self, api: WebSocketApi, runtime: Runtime, registry: ConnectionRegistry) -> None:
        self._runtime = runtime
        self._registry = registry
        self._handshake = Handshake(api, runtime, registry)
        self._messages = MessageRouter(api, runtime)
        self._disconnects = DisconnectNotifier(api, runtime)
        self._sockets: set[GatewaySocket] = set()
        self._server: Server
        self._stopping = asyncio.Event()

    async def start(self, listener: sockets_api.socket) -> None:
        """Start to accept connections on a bound socket."""
        hooks = SocketHooks(
            lambda: self._runtime.settings, self._sockets.add, self._on_frame, self._on_text, self._on_lost
        )
        self._server = await serve(
            self._serve,
            sock=listener,
            backlog=BACKLOG,
            process_request=self._process_request,
            select_subprotocol=_chosen_subprotocol,
            compression=None,
            server_header=None,
            open_timeout=None,
            ping_interval=None,
            max_queue=_MAX_QUEUE,
            create_connection=socket_class(hooks),
        )

    async def stop(self, seconds: float) -> None:
        """Close every connection with 1001, then run the ``$disconnect`` functions; each at most ``seconds``."""
        loop = asyncio.get_running_loop()
        self._stopping.set()
        self._server.close(close_connections=False)
        for socket in self._sockets:
            socket.start_closing(*GOING_AWAY)
        closed = [loop.create_task(socket.wait_closed()) for socket in self._sockets if socket.was_accepted()]
        if closed:
            await asyncio.wait(closed, timeout=seconds)
        for socket in list(self._sockets):
            socket.abort()
        if self._server.handler_tasks:  # handshakes whose functions have not returned
            _, pending = await asyncio.wait(set(self._server.handler_tasks), timeout=_HANDSHAKE_CANCEL_TIMEOUT)
            for task in pending:
                task.cancel()
        await self._server.wait_closed()
        await self._disconnects.drain(seconds)

    async def _process_request(self, raw: ServerConnection, request: Request) -> Response | None:
        return await self._handshake.process(cast(GatewaySocket, raw), request)

    async def _serve(self, raw: ServerConnection) -> None:
        """Serve one connection from the 101 to its end."""
        socket = cast(GatewaySocket, raw)
        connection = cast(Connection, socket.gateway_connection)  # set before every 101
        loop = asyncio.get_running_loop()
        connection.state = ConnectionState.SERVED
        self._disconnects.release_held()
        limits = loop.create_task(self._enforce_limits(socket, connection))
        try:
            while (message := await socket.next_message()) is not None:
                await self._messages.wait_for_room(connection)
                self._accept_message(socket, connection, message)
        finally:
            limits.cancel()
            await self._finish(socket, connection)

    def _accept_message(self, socket: GatewaySocket, connection: Connection, message: str | bytes) -> None:
        if socket.is_server_closing():
            return
        if isinstance(message, bytes):
            socket.start_closing(*_UNSUPPORTED_DATA)
        else:
            self._messages.accept(connection, message)

    async def _finish(self, socket: GatewaySocket, connection: Connection) -> None:
        """Remove a closed connection (a lost one only when detected) and schedule ``$disconnect``."""
        if connection.state is ConnectionState.DROPPED:
            await self._runtime.clock.wait(self._stopping, self._runtime.settings.drop_detection)
        self._registry.remove(connection)
        self._disconnects.schedule(connection, *socket.close_code_and_reason())

    async def _enforce_limits(self, socket: GatewaySocket, connection: Connection) -> None:
        """Close the connection when it exceeds the idle timeout or the maximum age."""
        clock = self._runtime.clock
        while True:
            settings = self._runtime.settings
            now = clock.monotonic()
            deadline = min(
                connection.last_active + settings.idle_timeout, connection.opened_at + settings.max_connection_age
            )
            if deadline <= now:
                socket.start_closing(*GOING_AWAY)
                return
            await clock.sleep(deadline - now)

    def _on_frame(self, socket: GatewaySocket, is_ping: bool) -> None:
        connection = socket.gateway_connection
        if connection is not None and (not is_ping or self._runtime.settings.ping_resets_idle):
            connection.touch(self._runtime.milliseconds(), self._runtime.clock.monotonic())

    def _on_text(self, socket: GatewaySocket, text: str) -> bool:
        connection = socket.gateway_connection
        if connection is None or not self._messages.has_room_in_flight(connection):
            return False
        self._messages.accept(connection, text)
        return True

    def _on_lost(self, socket: GatewaySocket) -> None:
        self._sockets.discard(socket)
        connection = socket.gateway_connection
        if connection is None:
            return
        connection.channel = CLOSED_CHANNEL  # they would keep each other until the next full garbage collection
        if connection.state is ConnectionState.PENDING:  # the client disconnected before its 101
            self._runtime.counters["websocket.left_during_connect"] += 1
            self._registry.remove(connection)
        elif socket.ended_without_close_frame() and self._runtime.settings.drop_detection:
            connection.state = ConnectionState.DROPPED


def _chosen_subprotocol(raw: ServerConnection, _offered: object) -> Subprotocol | None:
    """Return the subprotocol of the ``$connect`` response; the client validates it."""
    chosen = cast(GatewaySocket, raw).chosen_subprotocol
    return None if chosen is None else Subprotocol(chosen)
