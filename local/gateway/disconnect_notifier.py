"""``$disconnect``: invoked once after a connection is closed, best effort, with injected faults.

Source: "Managing connected users and client apps: $connect and $disconnect routes": the event follows the close,
and its delivery is not guaranteed.
"""

import asyncio
import logging

from local.gateway.events import EventMetadata, disconnect_event
from local.gateway.functions import Handler, InvocationError
from local.gateway.registry import Connection
from local.gateway.runtime import Runtime
from local.gateway.websocket import WebSocketApi

log = logging.getLogger(__name__)


class DisconnectNotifier:
    """Invokes the ``$disconnect`` function."""

    def __init__(self, api: WebSocketApi, runtime: Runtime) -> None:
        self._api = api
        self._runtime = runtime
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_connect = asyncio.Event()
        self._stopping = asyncio.Event()

    def schedule(self, connection: Connection, code: int, reason: str) -> None:
        """Invoke the function for a closed connection, as the settings specify."""
        function = self._api.disconnect
        if function is None:
            return
        task = asyncio.get_running_loop().create_task(self._run(function, connection, code, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def release_held(self) -> None:
        """Release the invocations that are held until the next successful ``$connect``."""
        self._next_connect.set()
        if not self._stopping.is_set():
            self._next_connect = asyncio.Event()

    async def drain(self, seconds: float) -> None:
        """Run all pending and held invocations, for at most ``seconds``."""
        self._stopping.set()
        self.release_held()
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=seconds)
            for task in unfinished:
                log.warning("a $disconnect function was still running when the gateway stopped")
                task.cancel()

    async def _run(self, function: Handler, connection: Connection, code: int, reason: str) -> None:
        settings = self._runtime.settings
        if settings.disconnect == "dropped":
            self._runtime.counters["websocket.disconnects_dropped"] += 1
            return
        if settings.disconnect == "late":
            await self._runtime.clock.wait(self._next_connect, settings.disconnect_delay)
        await self._invoke(function, connection, code, reason)
        if settings.disconnect == "doubled":
            await self._runtime.clock.wait(self._stopping, settings.disconnect_delay)
            await self._invoke(function, connection, code, reason)

    async def _invoke(self, function: Handler, connection: Connection, code: int, reason: str) -> None:
        runtime = self._runtime
        runtime.counters["websocket.disconnects"] += 1
        metadata = EventMetadata(runtime.ids.short(), runtime.milliseconds())
        event = disconnect_event(connection, metadata, runtime.settings, code=code, reason=reason)
        name = self._api.function_name("$disconnect")
        try:
            await runtime.functions.invoke(name, function, event, background=True)
        except InvocationError as exc:
            log.warning("$disconnect failed and is not retried: %s", type(exc).__name__)
