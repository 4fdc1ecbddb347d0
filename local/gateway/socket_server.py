"""The WebSocket listener: handshakes, messages, idle and age limits, closing.

Server pings are off: API Gateway sends none, and it answers the client's pings by itself.
"""

import asyncio
import socket as sockets_api
from typing import cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from local.gateway.disconnects import Disconnects
from local.gateway.handshake import Handshake
from local.gateway.messages import Messages
from local.gateway.registry import Connection, Registry, State
from local.gateway.runtime import Runtime
from local.gateway.sockets import GatewaySocket, SocketHooks, socket_class
from local.gateway.websocket import WebSocketApi

GOING_AWAY = (1001, "Going away")
_UNSUPPORTED_DATA = (1003, "Binary frames are not supported")
_LAST_WORD = 0.2


class SocketServer:
    """Serves one WebSocket API."""

    def __init__(self, api: WebSocketApi, runtime: Runtime, registry: Registry) -> None:
        self._runtime = runtime
        self._registry = registry
        self._handshake = Handshake(api, runtime, registry)
        self._messages = Messages(api, runtime)
        self._disconnects = Disconnects(api, runtime)
        self._sockets: set[GatewaySocket] = set()
        self._server: Server
        self._stopping = asyncio.Event()

    async def start(self, listener: sockets_api.socket) -> None:
        """Begin to accept connections on a socket that is bound already."""
        hooks = SocketHooks(lambda: self._runtime.settings, self._sockets.add, self._on_frame, self._on_lost)
        self._server = await serve(
            self._serve,
            sock=listener,
            process_request=self._decide,
            select_subprotocol=_chosen_subprotocol,
            compression=None,
            server_header=None,
            open_timeout=None,
            ping_interval=None,
            max_queue=None,
            create_connection=socket_class(hooks),
        )

    async def stop(self, seconds: float) -> None:
        """Close every socket with 1001, then run the ``$disconnect`` functions; ``seconds`` at most for each."""
        loop = asyncio.get_running_loop()
        self._stopping.set()
        self._server.close(close_connections=False)
        for socket in self._sockets:
            socket.start_closing(*GOING_AWAY)
        closed = [loop.create_task(socket.wait_closed()) for socket in self._sockets if socket.was_accepted()]
        if closed:
            await asyncio.wait(closed, timeout=seconds)
        for socket in list(self._sockets):
            socket.cut()
        if self._server.handler_tasks:  # those left are handshakes whose functions have not returned
            _, pending = await asyncio.wait(set(self._server.handler_tasks), timeout=_LAST_WORD)
            for task in pending:
                task.cancel()
        await self._server.wait_closed()
        await self._disconnects.finish(seconds)

    async def _decide(self, made: ServerConnection, request: Request) -> Response | None:
        return await self._handshake.decide(cast(GatewaySocket, made), request)

    async def _serve(self, made: ServerConnection) -> None:
        """One connection from the 101 to its end."""
        socket = cast(GatewaySocket, made)
        connection = cast(Connection, socket.entry)  # no socket gets its 101 without an entry
        loop = asyncio.get_running_loop()
        connection.state = State.SERVED
        self._disconnects.release()
        watch = loop.create_task(self._watch(socket, connection))
        try:
            while (message := await socket.next_message()) is not None:
                self._take(socket, connection, message)
        finally:
            watch.cancel()
            await self._end(socket, connection)

    def _take(self, socket: GatewaySocket, connection: Connection, message: str | bytes) -> None:
        if socket.is_closing_itself():
            return
        if isinstance(message, bytes):
            socket.start_closing(*_UNSUPPORTED_DATA)
        else:
            self._messages.accept(connection, message)

    async def _end(self, socket: GatewaySocket, connection: Connection) -> None:
        """Forget a connection that is closed (at once, or when its loss is noticed) and tell ``$disconnect``."""
        if connection.state is State.DROPPED:
            await self._runtime.clock.wait(self._stopping, self._runtime.settings.drop_detection)
        self._registry.forget(connection)
        self._disconnects.schedule(connection, *socket.how_it_closed())

    async def _watch(self, socket: GatewaySocket, connection: Connection) -> None:
        """Close the socket when it has been idle for too long, or is too old."""
        clock = self._runtime.clock
        while True:
            settings = self._runtime.settings
            now = clock.monotonic()
            due = min(
                connection.last_active + settings.idle_timeout, connection.allotted + settings.max_connection_age
            )
            if due <= now:
                socket.start_closing(*GOING_AWAY)
                return
            await clock.sleep(due - now)

    def _on_frame(self, socket: GatewaySocket, is_ping: bool) -> None:
        connection = socket.entry
        if connection is not None and (not is_ping or self._runtime.settings.ping_resets_idle):
            connection.touch(self._runtime.milliseconds(), self._runtime.clock.monotonic())

    def _on_lost(self, socket: GatewaySocket) -> None:
        self._sockets.discard(socket)
        connection = socket.entry
        if connection is None:
            return
        if connection.state is State.PENDING:  # the client left before its 101: no connection came about
            self._runtime.counters["websocket.left_during_connect"] += 1
            self._registry.forget(connection)
        elif socket.is_broken() and self._runtime.settings.drop_detection:
            connection.state = State.DROPPED


def _chosen_subprotocol(made: ServerConnection, _offered: object) -> Subprotocol | None:
    """What ``$connect`` answered, whatever the client offered: the client judges it."""
    chosen = cast(GatewaySocket, made).chosen_subprotocol
    return None if chosen is None else Subprotocol(chosen)
