"""The routing of client messages to functions, and the gateway's error frames.

A function's result is discarded (unless route responses are on). If it fails, the gateway sends an error frame
and the connection stays open. Messages of one connection are handled concurrently unless the settings specify
another order.
"""

import asyncio
import logging
from collections import Counter, defaultdict, deque
from contextlib import AsyncExitStack

from local.gateway.events import EventMetadata, message_event
from local.gateway.functions import (
    FunctionFailed,
    FunctionThrottled,
    GatewayOverloaded,
    Handler,
    IntegrationTimedOut,
)
from local.gateway.handshake import gateway_error_frame
from local.gateway.proxy import MalformedResult, parse_result
from local.gateway.registry import Connection
from local.gateway.runtime import Runtime
from local.gateway.websocket import WebSocketApi

log = logging.getLogger(__name__)

_THROTTLED = "Too Many Requests"


class MessageRouter:
    """Accepts messages in order of arrival and handles them in the order that the settings specify."""

    def __init__(self, api: WebSocketApi, runtime: Runtime) -> None:
        self._api = api
        self._runtime = runtime
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[asyncio.Future[None]]] = defaultdict(deque)

    async def wait_for_room(self, connection: Connection) -> None:
        """Wait until fewer messages of the connection's client are in flight than the settings allow."""
        client = _client(connection)
        while not self.has_room_in_flight(connection):
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[client].append(room)
            await room

    def has_room_in_flight(self, connection: Connection) -> bool:
        """Return whether another message of the connection's client may be in flight."""
        return self._in_flight[_client(connection)] < self._runtime.settings.messages_in_flight

    def accept(self, connection: Connection, body: str) -> None:
        """Start to handle one message; does not block.

        One that has no room in the queue is refused at once: a refusal must cost much less than an invocation.
        """
        settings = self._runtime.settings
        if not self._runtime.functions.has_room(connection.client):
            self._runtime.counters["websocket.overloaded"] += 1
            self._runtime.relief.refused()
            self._fail(connection, _THROTTLED, self._runtime.ids.short())
            return
        wait = 0.0
        if settings.handling == "shuffled":
            wait = self._runtime.random.uniform(0, settings.handling_jitter)
        in_order = settings.handling == "serial"
        received_at = self._runtime.milliseconds()
        handling = self._handle(connection, body, received_at, wait, in_order)
        task = asyncio.get_running_loop().create_task(handling)
        self._tasks.add(task)
        client = _client(connection)
        self._in_flight[client] += 1
        task.add_done_callback(lambda done: self._handled(done, client))

    def _handled(self, task: asyncio.Task[None], client: str) -> None:
        self._tasks.discard(task)
        self._in_flight[client] -= 1
        waiting = self._waiting[client]
        while waiting:
            room = waiting.popleft()
            if not room.done():  # its connection may have ended meanwhile
                room.set_result(None)
                return
        del self._waiting[client]
        if not self._in_flight[client]:
            del self._in_flight[client]

    async def _handle(
        self, connection: Connection, body: str, received_at: int, wait: float, in_order: bool
    ) -> None:
        async with AsyncExitStack() as stack:
            if in_order:
                await stack.enter_async_context(connection.order_lock)
            if wait:
                await self._runtime.clock.sleep(wait)
            request_id = self._runtime.ids.short()
            failure = await self._route(connection, body, EventMetadata(request_id, received_at))
            if failure is not None:
                self._fail(connection, failure, request_id)

    async def _route(self, connection: Connection, body: str, metadata: EventMetadata) -> str | None:
        """Invoke the route's function; return the text of an error frame if that fails."""
        runtime = self._runtime
        if not runtime.requests.try_acquire():
            return _THROTTLED
        key, handler = self._api.select(body)
        if handler is None:
            return "Forbidden"
        try:
            await self._invoke(connection, body, metadata, key, handler)
        except GatewayOverloaded:
            runtime.counters["websocket.overloaded"] += 1
            return _THROTTLED
        except IntegrationTimedOut:
            return "Endpoint request timed out"
        except (FunctionFailed, FunctionThrottled):
            return "Internal server error"
        except MalformedResult as exc:
            log.error("function %s: malformed proxy response: %s", self._api.function_name(key), exc)
            return "Internal server error"
        return None

    async def _invoke(
        self, connection: Connection, body: str, metadata: EventMetadata, key: str, handler: Handler
    ) -> None:
        runtime = self._runtime
        runtime.counters["websocket.messages"] += 1
        event = message_event(
            connection,
            metadata,
            runtime.settings,
            route_key=key,
            message_id=runtime.ids.short(),
            body=body,
        )
        result = await runtime.functions.invoke(
            self._api.function_name(key), handler, event, client=connection.client
        )
        if result is None:  # allowed on a one-way route
            return
        response = parse_result(result)
        if runtime.settings.route_responses and response.body:
            self._send(connection, response.body.encode("utf-8"))

    def _fail(self, connection: Connection, failure: str, request_id: str) -> None:
        self._runtime.counters["websocket.gateway_frames"] += 1
        self._send(connection, gateway_error_frame(failure, connection.connection_id, request_id))

    def _send(self, connection: Connection, payload: bytes) -> None:
        connection.channel.deliver(payload, self._runtime.settings.max_frame_bytes)


def _client(connection: Connection) -> str:
    return connection.client or connection.connection_id
