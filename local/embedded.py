"""DynamoDB and SQS in this process, in a data directory or in memory, also served over HTTP.

Functions in this process call the engines directly (`local.in_process`). The packaged bundle, a server under
`--reload` and other tools use the HTTP endpoint. Every acknowledged write is in the file before it is
acknowledged, so nothing has to be written at the end.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.dynamodb.directory import Directory
from local.dynamodb.engine import Engine
from local.dynamodb.errors import DynamoError
from local.dynamodb.http_server import HttpServer
from local.dynamodb.sqlite_storage import SqliteStorage
from local.dynamodb.sweeper import Sweeper
from local.errors import LocalError
from local.event_loop import LoopThread
from local.gateway.ports import HOST, listen
from local.sqs.queues import Queues

START_SECONDS = 10.0
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class EmbeddedServices:
    """The running engines, their URL, and the directory if they have one."""

    engine: Engine
    queues: Queues
    url: str
    directory: Directory | None

    def check(self) -> None:
        """Raise LocalError if the files in the directory were deleted or replaced."""
        if self.directory is not None:
            self.directory.check()


@contextlib.contextmanager
def embedded_services(
    port: int, data: Path | None, region: str, *, synchronous: str = "normal"
) -> Iterator[EmbeddedServices]:
    """Run the engines on a port (0: any free port), with `data` or in memory, for the context.

    `synchronous` is "normal" or "full" (see `SqliteStorage`). Raises LocalError if the port or the directory
    cannot be used; also at the end, if acknowledged writes may be lost.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listen(port))
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        directory = None if data is None else stack.enter_context(Directory(data, synchronous=synchronous.upper()))
        storage = SqliteStorage() if directory is None else directory.storage
        try:
            services = EmbeddedServices(Engine(storage), Queues(storage, url, region), url, directory)
        except DynamoError as error:  # the cause is in the log
            raise LocalError(f"{data} cannot be used: {error.message}.") from None
        stack.enter_context(Sweeper(services.engine))
        stack.enter_context(_serving(services, listener))
        yield services


@contextlib.contextmanager
def _serving(services: EmbeddedServices, listener: socket.socket) -> Iterator[None]:
    loop, server = LoopThread("store"), HttpServer(services.engine, services.queues)
    try:
        loop.run(server.start(listener), START_SECONDS)
        yield
    finally:
        try:
            loop.run(server.stop(), STOP_SECONDS)
        finally:
            loop.stop()


def _listen(port: int) -> socket.socket:
    try:
        (listener,) = listen([port])
    except OSError as error:
        raise LocalError(
            f"The store's port {port} on {HOST} cannot be used ({os.strerror(error.errno or 0)}). Another instance"
            " may be running; choose another with --port or --store-port (0: any free port)."
        ) from None
    return listener
