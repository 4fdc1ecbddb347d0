"""Start every part of an instance in the order that reports failures soonest; stop them in reverse order.

The order: ports, the store, the app's imports, tables, gateway, and a request to the app's `/health`; the instance
is announced only after that. The gateway stops first: disconnecting its clients runs functions that use the store.

The app runs in this process, or, with `Options.bundle`, as a packaged stage in separate processes.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib import bootstrap
from chalicelib.settings import Settings, SettingsError
from local.backend import Backend, open_backend
from local.banner import Ready
from local.errors import LocalError
from local.gateway import (
    AccessRecord,
    Apis,
    Gateway,
    GatewaySettings,
    PortInUse,
    Urls,
    rest_api_from_chalice,
    websocket_api_from_chalice,
)
from local.in_process import FunctionClock
from local.queue import Worker
from local.reload import Reloader
from local.schedule import Schedule, ScheduledFunction
from local.settings import ROOT, Ports

if TYPE_CHECKING:
    from local.bundle import LambdaEmulator
    from local.bundle.packaged_stage import PackagedStage

POLL_SECONDS = 0.2  # between two checks of the store's files or the app's health
HEALTH_TIMEOUT = 10.0  # seconds until the app must be healthy
COLD_START_TIMEOUT = 30.0  # seconds for a response that may need a new process: API Gateway's integration timeout

log = logging.getLogger(__name__)
access = logging.getLogger("local.access")

Announce = Callable[[Ready, Backend], None]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run; see `python -m local --help`."""

    ports: Ports
    app_dir: Path = ROOT
    store_url: str | None = None
    data: Path | None = None
    synchronous: str = "normal"
    """When writes to `data` survive a power cut: see `local.dynamodb.sqlite_storage`."""
    disorder: bool = False
    """Whether frames of one connection overtake each other."""
    bundle: Path | None = None
    environments: int | None = None
    iam_record: Path | None = None
    mixed_bundle: Path | None = None
    """With `bundle`: another packaged stage, whose functions handle every other event."""


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of a run."""

    apis: Apis
    scheduled: ScheduledFunction
    worker: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    """A context manager that processes the job queue while it is entered."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A running instance."""

    ready: Ready
    backend: Backend
    gateway: Gateway
    scheduled: ScheduledFunction


def serve(options: Options, announce: Announce) -> None:
    """Run an instance until an exception (usually `Stopped`) ends it, then stop all its parts.

    Raises LocalError if a part fails to start, or if the store's files are deleted.
    """
    with running(options) as instance, Schedule(instance.scheduled):
        announce(instance.ready, instance.backend)
        _watch_store(instance.backend)


@contextlib.contextmanager
def running(options: Options) -> Iterator[Instance]:
    """Run a healthy instance without its schedule for the context. Raises LocalError."""
    with contextlib.ExitStack() as stack:
        packaged = None if options.bundle is None else _open_bundle(options.bundle, options.store_url)
        settings = GatewaySettings() if packaged is None else packaged.gateway_settings
        gateway = Gateway(
            lambda _urls: functions.apis,
            replace(settings, handling="shuffled") if options.disorder else settings,
            http_port=options.ports.http,
            ws_port=options.ports.websocket,
            access_log=_log_access,
        )
        stack.callback(gateway.stop)
        urls = _bind(gateway)
        backend = stack.enter_context(_open_backend(options))
        if packaged is None:
            functions = _functions_of_app(options.app_dir, backend, urls)
        else:
            service = packaged.run(backend, urls, options.environments, options.iam_record, options.mixed_bundle)
            functions = _functions_of_bundle(stack.enter_context(service))
        stack.callback(gateway.stop)  # once more, so that it precedes the stop of functions and store
        gateway.start()
        check_health(urls.http_url)
        stack.enter_context(functions.worker)
        yield Instance(_ready(urls, backend), backend, gateway, functions.scheduled)


def _functions_of_app(app_dir: Path, backend: Backend, urls: Urls) -> Functions:
    """Return the functions of `app.py`, which run in this process."""
    backend.configure_boto3(os.environ)
    os.environ.update(backend.settings, CHAT_MANAGEMENT_ENDPOINT=urls.management_url)
    app = load_app(app_dir)
    backend.prepare(os.environ)
    check_settings(os.environ)
    bootstrap.use_clients(backend.clients)
    bootstrap.use_clock(FunctionClock())
    return Functions(_apis(app), _sweep(app), queue_worker(app, os.environ, backend))


def _open_backend(options: Options) -> contextlib.AbstractContextManager[Backend]:
    return open_backend(options.ports, options.store_url, options.data, synchronous=options.synchronous)


def _open_bundle(bundle: Path, store_url: str | None) -> PackagedStage:
    from local.bundle.packaged_stage import PackagedStage  # noqa: PLC0415  (unneeded without a bundle)

    return PackagedStage(bundle, os.environ, store_url)


def _functions_of_bundle(service: LambdaEmulator) -> Functions:
    """Return the functions of a packaged stage, which run in separate processes."""
    return Functions(service.apis(), service.scheduled(), service.worker())


def serve_reloading(options: Options, announce: Announce, *, verbose: bool) -> None:
    """Run like `serve`, with the server in a child process that restarts at each change of a source file."""
    with _open_backend(options) as backend:
        backend.configure_boto3(os.environ)  # inherited by the server; it reads the app's settings at each start
        backend.prepare(os.environ)
        arguments = ["--app-dir", str(options.app_dir), *(["--verbose"] if verbose else [])]
        arguments += ["--disorder"] if options.disorder else []

        def announce_instance(ready: Ready) -> None:
            # The server's process changes at each restart; this process and its store do not.
            announce(replace(ready, pid=os.getpid()), backend)

        Reloader(options.app_dir, backend.url, arguments, backend.check, announce_instance).run(options.ports)


def serve_store(options: Options, announce: Callable[[Backend], None]) -> None:
    """Run only the store, with its tables, until an exception ends it."""
    with _open_backend(options) as backend:
        backend.configure_boto3(os.environ)
        backend.prepare(os.environ)
        announce(backend)
        _watch_store(backend)


def load_app(app_dir: Path) -> ModuleType:
    """Import `app.py` as the Lambda runtime does. Prints a traceback and raises LocalError on failure."""
    if not (app_dir / "app.py").is_file():
        raise LocalError(f"{app_dir} has no app.py.")
    sys.path.insert(0, str(app_dir))
    try:
        return importlib.import_module("app")
    except Exception as exc:
        traceback.print_exc()
        raise LocalError(f"{app_dir / 'app.py'} cannot be imported: {type(exc).__name__}: {exc}") from exc


def check_settings(environment: Mapping[str, str]) -> None:
    """Validate the app's settings before its first event. Raises LocalError."""
    try:
        Settings.from_environment(environment)
    except SettingsError as exc:
        raise LocalError(f"The app's settings are invalid: {exc}.") from None


def check_health(http_url: str, timeout: float = HEALTH_TIMEOUT) -> None:
    """Request the app's `/health` through the gateway, repeatedly for `timeout` seconds while it answers 503.

    Raises LocalError if the app stays unavailable, answers with another error, or does not answer.
    """
    address = urlsplit(http_url)
    deadline = time.monotonic() + timeout
    while True:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=COLD_START_TIMEOUT)
        try:
            connection.request("GET", "/health")
            response = connection.getresponse()
            body = response.read().decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException) as exc:
            raise LocalError(f"GET {http_url}/health got no response ({type(exc).__name__}).") from exc
        finally:
            connection.close()
        if response.status == 200:
            return
        if response.status != 503 or time.monotonic() > deadline:
            raise LocalError(f"The app is unhealthy: GET {http_url}/health answers {response.status} {body}")
        time.sleep(POLL_SECONDS)


def _bind(gateway: Gateway) -> Urls:
    try:
        return gateway.bind()
    except PortInUse as exc:
        raise LocalError(
            f"Port {exc.port} is in use, perhaps by another instance. Choose another with --port or --ws-port"
            ' (0: any free port), for example: make run ARGS="--port 9000"'
        ) from None
    except OSError as exc:
        raise LocalError(f"The ports cannot be bound: {exc.strerror}. Choose others with --port.") from None


def _apis(app: ModuleType) -> Apis:
    return Apis(rest_api_from_chalice(app.app), websocket_api_from_chalice(app.app))


def _sweep(app: ModuleType) -> ScheduledFunction:
    function: ScheduledFunction | None = getattr(app, "sweep", None)
    if function is None:
        raise LocalError(f"{app.__file__} has no scheduled function `sweep`.")
    return function


def queue_worker(
    app: ModuleType, environment: Mapping[str, str], backend: Backend
) -> contextlib.AbstractContextManager[object]:
    """Return the worker of the job queue, or a no-op if the queue is not on this machine."""
    function: ScheduledFunction | None = getattr(app, "worker", None)
    client = None if function is None else backend.queue_client(environment)
    if function is None or client is None:
        return contextlib.nullcontext()
    return Worker(function, client, environment["CHAT_JOB_QUEUE"])


def _ready(urls: Urls, backend: Backend) -> Ready:
    return Ready(urls.http_url, urls.ws_url, urls.management_url, backend.url, os.getpid())


def _watch_store(backend: Backend) -> None:
    while True:
        backend.check()
        time.sleep(POLL_SECONDS)


def _log_access(record: AccessRecord) -> None:
    access.info("%s %s %s %d %.0f ms", record.api, record.method, record.path, record.status, record.milliseconds)
