"""The gateway as a whole: ports, threads, startup and shutdown.

It runs an event loop in its own thread, so that synchronous tests and the command line can use it. The ports are
bound first: handlers are built when the URLs are known (``@connections`` is one of them).
"""

import asyncio
import importlib
import importlib.util
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from local.gateway.apis import Apis, Urls
from local.gateway.clock import Clock
from local.gateway.http_server import HttpServer
from local.gateway.ids import Ids
from local.gateway.management_api import ManagementApi
from local.gateway.ports import HOST, listen
from local.gateway.registry import ConnectionRegistry
from local.gateway.runtime import AccessLog, Runtime
from local.gateway.settings import GatewaySettings
from local.gateway.socket_server import SocketServer

log = logging.getLogger(__name__)

T = TypeVar("T")


class Gateway:
    """A running API Gateway on 127.0.0.1; a synchronous or asynchronous context manager.

    ``apis`` are the APIs, or a function that makes them from the URLs. Port 0 selects a free port.

    Raises:
        PortInUse: By :meth:`bind` (and :meth:`start`, which binds), if a port is in use.
    """

    def __init__(
        self,
        apis: Apis | Callable[[Urls], Apis],
        settings: GatewaySettings | None = None,
        *,
        http_port: int = 0,
        ws_port: int = 0,
        access_log: AccessLog = lambda record: None,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self._apis = apis
        self._ports = (http_port, ws_port)
        self._runtime = Runtime(settings or GatewaySettings(), clock or Clock(), ids or Ids(), access_log)
        self._registry = ConnectionRegistry()
        self._listeners: list[socket.socket] = []
        self._urls: Urls | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_requested: asyncio.Event | None = None

    # Lifecycle

    def bind(self) -> Urls:
        """Bind both ports unless bound, and return the URLs.

        From now on clients can connect; they wait until the gateway has started.
        """
        if self._urls is None:
            self._listeners = listen(self._ports)
            http, ws = (f"{HOST}:{listener.getsockname()[1]}" for listener in self._listeners)
            stage = self._runtime.settings.stage
            self._urls = Urls(f"http://{http}", f"ws://{ws}/{stage}", f"http://{http}/{stage}")
        return self._urls

    def start(self) -> Self:
        """Bind, build the APIs and serve them; return when both listeners respond."""
        if self._thread is not None:
            raise RuntimeError("the gateway has already been started")
        urls = self.bind()
        ready = threading.Event()
        failure: list[BaseException] = []
        try:
            apis = self._apis if isinstance(self._apis, Apis) else self._apis(urls)
            self._thread = threading.Thread(
                target=self._run, args=(apis, ready, failure), name="gateway", daemon=True
            )
            self._thread.start()
            ready.wait()
            if failure:
                raise failure[0]
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close every connection with 1001, run the ``$disconnect`` functions and free the ports. Idempotent.

        Takes at most ``shutdown_timeout`` for the connections, and again for the functions.
        """
        thread, loop, stop_requested = self._thread, self._loop, self._stop_requested
        if thread is not None and loop is not None and stop_requested is not None and thread.is_alive():
            loop.call_soon_threadsafe(stop_requested.set)
        if thread is not None:
            thread.join()
        for listener in self._listeners:
            listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)  # clients in the caller's loop must be able to respond to close frames

    # Inspection and control by tests and the launcher; thread-safe

    @property
    def http_url(self) -> str:
        """The root URL of the REST API."""
        return self.bind().http_url

    @property
    def ws_url(self) -> str:
        """The URL of the WebSocket API, including the stage."""
        return self.bind().ws_url

    @property
    def management_url(self) -> str:
        """The ``endpoint_url`` for boto3's ``apigatewaymanagementapi``."""
        return self.bind().management_url

    @property
    def settings(self) -> GatewaySettings:
        """The current settings."""
        return self._runtime.settings

    def change(self, **changes: Any) -> None:
        """Replace fields of the settings, except ``stage``.

        Raises:
            TypeError: Unknown field.
            ValueError: Value out of range.
        """
        self._runtime.change(changes)

    def change_for(self, connection_id: str, **changes: Any) -> None:
        """Replace ``posts_…`` fields for the posts to one connection; without fields, remove the overrides."""
        self._runtime.change_for(connection_id, changes)

    def connections(self) -> list[str]:
        """Return the ids of the open connections, oldest first."""
        return self._registry.open_ids()

    def drop(self, connection_id: str) -> None:
        """Abort a connection's TCP connection without a close frame, as a network failure does.

        Raises:
            KeyError: No open connection has this id.
        """
        self._run_on_loop(self._drop(connection_id))

    def counters(self) -> Mapping[str, int]:
        """Return the counters, such as ``websocket.messages`` or ``management.posts``."""
        return dict(self._runtime.counters)

    def function_threads(self) -> int:
        """Return the number of threads that run functions or wait for an invocation."""
        return self._runtime.functions.threads()

    # Internals

    async def _drop(self, connection_id: str) -> None:
        connection = self._registry.reachable(connection_id)
        if connection is None:
            raise KeyError(connection_id)
        connection.channel.abort()

    def _run_on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the gateway is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _run(self, apis: Apis, ready: threading.Event, failure: list[BaseException]) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve(apis, ready))
        except BaseException as exc:  # noqa: BLE001 - passed to the thread that waits in start()
            log.error("the gateway failed with %s", type(exc).__name__)
            failure.append(exc)
        finally:
            self._runtime.functions.close()
            self._runtime.relief.end()
            ready.set()

    async def _serve(self, apis: Apis, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_requested = asyncio.Event()
        runtime = self._runtime
        http = HttpServer(apis.rest, ManagementApi(runtime, self._registry), runtime)
        sockets = None if apis.websocket is None else SocketServer(apis.websocket, runtime, self._registry)
        await http.start(self._listeners[0])
        if sockets is None:
            self._listeners[1].close()  # refuse connections instead of letting clients wait
        else:
            await sockets.start(self._listeners[1])
        ready.set()
        await self._stop_requested.wait()
        if sockets is not None:
            # HTTP stops last: $disconnect functions may still post.
            await sockets.stop(runtime.settings.shutdown_timeout)
        await http.stop()


def loop_factory(library: str = "uvloop") -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the event loop factory of ``library`` if installed, and otherwise None for asyncio's default."""
    if importlib.util.find_spec(library) is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(library).new_event_loop
    return factory
