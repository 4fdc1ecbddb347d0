"""The gateway as a whole: ports, threads, start and stop.

It runs in a thread with an event loop of its own, so that synchronous tests and a command line can use it
alike. Binding comes first: handlers are built when the URLs are known (``@connections`` is one of them).
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
from local.gateway.connections import ManagementApi
from local.gateway.http_server import HttpServer
from local.gateway.ids import Ids
from local.gateway.ports import HOST, listen
from local.gateway.registry import ConnectionRegistry
from local.gateway.runtime import AccessLog, Runtime
from local.gateway.settings import GatewaySettings
from local.gateway.socket_server import SocketServer

log = logging.getLogger(__name__)

T = TypeVar("T")


class Gateway:
    """A running API Gateway on 127.0.0.1; a context manager, plain or asynchronous.

    ``apis`` are the APIs, or a function that makes them once the URLs are known. Port 0 takes a free port.

    Raises:
        PortInUse: By :meth:`bind` (and :meth:`start`, which binds), if a port is taken.
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

    # Life

    def bind(self) -> Urls:
        """Reserve both ports, if that has not happened yet, and tell the URLs.

        Clients may connect from now on; they wait until the gateway has started.
        """
        if self._urls is None:
            self._listeners = listen(self._ports)
            http, ws = (f"{HOST}:{listener.getsockname()[1]}" for listener in self._listeners)
            stage = self._runtime.settings.stage
            self._urls = Urls(f"http://{http}", f"ws://{ws}/{stage}", f"http://{http}/{stage}")
        return self._urls

    def start(self) -> Self:
        """Bind, build the APIs and serve them; returns when both listeners answer."""
        if self._thread is not None:
            raise RuntimeError("the gateway has been started already")
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
        """Close every socket with 1001, run their ``$disconnect`` functions, free the ports.

        Takes ``shutdown_timeout`` at most for the sockets and as long for the functions. Safe to call twice.
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
        await asyncio.to_thread(self.stop)  # clients in the caller's loop must be able to answer close frames

    # What tests and the launcher look at and disturb; all of it is safe from any thread

    @property
    def http_url(self) -> str:
        """Root of the REST API."""
        return self.bind().http_url

    @property
    def ws_url(self) -> str:
        """URL of the WebSocket API, stage included."""
        return self.bind().ws_url

    @property
    def management_url(self) -> str:
        """``endpoint_url`` for boto3's ``apigatewaymanagementapi``."""
        return self.bind().management_url

    @property
    def settings(self) -> GatewaySettings:
        """The settings as they are now."""
        return self._runtime.settings

    def change(self, **changes: Any) -> None:
        """Replace fields of the settings from now on; only ``stage`` has to stay as it is.

        Raises:
            TypeError: No such field.
            ValueError: Out of its range.
        """
        self._runtime.change(changes)

    def change_for(self, connection_id: str, **changes: Any) -> None:
        """Replace ``posts_…`` fields for the posts to one connection; without fields, undo that."""
        self._runtime.change_for(connection_id, changes)

    def connections(self) -> list[str]:
        """The ids of the connections that are open, oldest first."""
        return self._registry.open_ids()

    def drop(self, connection_id: str) -> None:
        """Break a connection's TCP connection without a close frame, as a lost network does.

        Raises:
            KeyError: No connection with this id is open.
        """
        self._run_on_loop(self._drop(connection_id))

    def counters(self) -> Mapping[str, int]:
        """How often what has happened, such as ``websocket.messages`` or ``management.posts``."""
        return dict(self._runtime.counters)

    # Inside

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
        except BaseException as exc:  # noqa: BLE001 - handed to the thread that waits in start()
            log.error("the gateway ended with %s", type(exc).__name__)
            failure.append(exc)
        finally:
            self._runtime.functions.close()
            ready.set()

    async def _serve(self, apis: Apis, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_requested = asyncio.Event()
        runtime = self._runtime
        http = HttpServer(apis.rest, ManagementApi(runtime, self._registry), runtime)
        sockets = None if apis.websocket is None else SocketServer(apis.websocket, runtime, self._registry)
        await http.start(self._listeners[0])
        if sockets is None:
            self._listeners[1].close()  # nothing is served there: refuse rather than let clients wait
        else:
            await sockets.start(self._listeners[1])
        ready.set()
        await self._stop_requested.wait()
        if sockets is not None:
            await sockets.stop(
                runtime.settings.shutdown_timeout
            )  # $disconnect functions may still post: HTTP goes last
        await http.stop()


def loop_factory(library: str = "uvloop") -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop of ``library`` where it is installed; None, which means asyncio's own, where it is not."""
    if importlib.util.find_spec(library) is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(library).new_event_loop
    return factory
