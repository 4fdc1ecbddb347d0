"""Starts everything, in the order in which a failure is told soonest, and ends it in the opposite one.

Ports first, then the store, then, while the store starts, the app's imports; tables, gateway, a look at the
app's own `/health`; and only then is anything announced. At the end the gateway goes first: closing sockets
runs functions that want the store.

The app runs in this process, or, with `Options.bundle`, as a packaged stage in processes of its own.
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
from local.reload import Reloader
from local.schedule import Schedule, ScheduledFunction
from local.settings import ROOT, Ports, is_loopback

if TYPE_CHECKING:
    from local.bundle import Lambda
    from local.bundle.packaged import Packaged

POLL_SECONDS = 0.2  # between two looks at the store's process
HEALTH_TIMEOUT = 10.0  # for the app to be well, once it answers
COLD_START_TIMEOUT = (
    30.0  # for an answer, where a process may have to be started first: as long as a gateway waits
)

log = logging.getLogger(__name__)
access = logging.getLogger("local.access")

Announce = Callable[[Ready, Backend], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked to be; see `python -m local --help`."""

    ports: Ports
    app_dir: Path = ROOT
    store_url: str | None = None
    data: Path | None = None
    bundle: Path | None = None
    environments: int | None = None
    iam_record: Path | None = None


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of a run, wherever they run."""

    apis: Apis
    scheduled: ScheduledFunction
    worker: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    """What does the long work, while it is entered."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A running instance."""

    ready: Ready
    backend: Backend
    gateway: Gateway
    scheduled: ScheduledFunction


def serve(options: Options, announce: Announce) -> None:
    """Runs an instance until an exception ends it (`Stopped`, most of the time), and then ends all it started.

    Raises LocalError when a part cannot be started, or the store ends while the instance runs.
    """
    with running(options) as instance, Schedule(instance.scheduled):
        announce(instance.ready, instance.backend)
        _watch_store(instance.backend)


@contextlib.contextmanager
def running(options: Options) -> Iterator[Instance]:
    """An instance that is well, without its schedule; it ends with the context. Raises LocalError."""
    with contextlib.ExitStack() as stack:
        packaged = None if options.bundle is None else _open_bundle(options.bundle, options.store_url)
        gateway = Gateway(
            lambda _urls: functions.apis,
            GatewaySettings() if packaged is None else packaged.gateway_settings,
            http_port=options.ports.http,
            ws_port=options.ports.websocket,
            access_log=_log_access,
        )
        stack.callback(gateway.stop)
        urls = _bind(gateway)
        backend = stack.enter_context(open_backend(options.ports, options.store_url, options.data))
        if packaged is None:
            functions = _functions_of_app(options.app_dir, backend, urls)
        else:
            service = packaged.running(backend, urls, options.environments, options.iam_record)
            functions = _functions_of_bundle(stack.enter_context(service))
        stack.callback(gateway.stop)  # before functions and store, which were started after the ports were taken
        gateway.start()
        check_health(urls.http_url)
        stack.enter_context(functions.worker)
        yield Instance(_ready(urls, backend), backend, gateway, functions.scheduled)


def _functions_of_app(app_dir: Path, backend: Backend, urls: Urls) -> Functions:
    """The functions of `app.py`, in this process."""
    backend.configure_boto3(os.environ)
    os.environ.update(backend.settings, CHAT_MANAGEMENT_ENDPOINT=urls.management_url)
    app = load_app(app_dir)
    backend.prepare(os.environ)
    check_settings(os.environ)
    return Functions(_apis(app), _sweep(app), _worker(app))


def _open_bundle(bundle: Path, store_url: str | None) -> Packaged:
    from local.bundle.packaged import Packaged  # noqa: PLC0415  (a run of the app's own code needs none of it)

    return Packaged(bundle, os.environ, store_url)


def _functions_of_bundle(service: Lambda) -> Functions:
    """The functions of a packaged stage, in processes of their own."""
    return Functions(service.apis(), service.scheduled(), service.worker())


def serve_reloading(options: Options, announce: Announce, *, verbose: bool) -> None:
    """Like `serve`, with the server in a process of its own that starts anew at each change of a source."""
    with open_backend(options.ports, options.store_url, options.data) as backend:
        backend.configure_boto3(os.environ)  # the server inherits it; the app's settings it reads anew each time
        backend.prepare(os.environ)
        arguments = ["--app-dir", str(options.app_dir), *(["--verbose"] if verbose else [])]

        def announce_ours(ready: Ready) -> None:
            # To the outside this process is the instance: the server's may change, and the store is ours.
            announce(replace(ready, pid=os.getpid(), store_pid=backend.store_pid()), backend)

        Reloader(options.app_dir, backend.url, arguments, backend.check, announce_ours).run(options.ports)


def serve_store(options: Options, announce: Callable[[Backend], None]) -> None:
    """Runs the store alone, with its tables, until an exception ends it."""
    with open_backend(options.ports, None, options.data) as backend:
        backend.configure_boto3(os.environ)
        backend.prepare(os.environ)
        announce(backend)
        _watch_store(backend)


def load_app(app_dir: Path) -> ModuleType:
    """Imports `app.py`, as the Lambda runtime does. Raises LocalError, after a traceback for its author."""
    if not (app_dir / "app.py").is_file():
        raise LocalError(f"{app_dir} has no app.py.")
    sys.path.insert(0, str(app_dir))
    try:
        return importlib.import_module("app")
    except Exception as exc:
        traceback.print_exc()
        raise LocalError(f"{app_dir / 'app.py'} cannot be imported: {type(exc).__name__}: {exc}") from exc


def check_settings(environment: Mapping[str, str]) -> None:
    """Reads the app's settings as the app will at its first event. Raises LocalError with what to set."""
    try:
        Settings.from_environment(environment)
    except SettingsError as exc:
        raise LocalError(f"The settings do not make up a chat: {exc}.") from None


def check_health(http_url: str, timeout: float = HEALTH_TIMEOUT) -> None:
    """Asks the app how it is, through the gateway; while it is unavailable, again for `patience` seconds.

    Raises LocalError where it is not well then, or answers with another error, or not at all.
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
            raise LocalError(f"The app gave no answer to GET {http_url}/health ({type(exc).__name__}).") from exc
        finally:
            connection.close()
        if response.status == 200:
            return
        if response.status != 503 or time.monotonic() > deadline:
            raise LocalError(f"The app is not well: GET {http_url}/health answers {response.status} {body}")
        time.sleep(POLL_SECONDS)


def _bind(gateway: Gateway) -> Urls:
    try:
        return gateway.bind()
    except PortInUse as exc:
        raise LocalError(
            f"Port {exc.port} is in use, perhaps by another instance. Choose others with --port or --ws-port"
            ' (0: any free port), as in: make run ARGS="--port 9000"'
        ) from None
    except OSError as exc:
        raise LocalError(f"The ports cannot be used: {exc.strerror}. Choose others with --port.") from None


def _apis(app: ModuleType) -> Apis:
    return Apis(rest_api_from_chalice(app.app), websocket_api_from_chalice(app.app))


def _sweep(app: ModuleType) -> ScheduledFunction:
    function: ScheduledFunction | None = getattr(app, "sweep", None)
    if function is None:
        raise LocalError(f"{app.__file__} has no scheduled function `sweep`.")
    return function


def _worker(app: ModuleType) -> contextlib.AbstractContextManager[object]:
    """What does the long work, where there is a queue for it on this machine: a deployed one has its own."""
    from local.queue import Worker, sqs_client  # noqa: PLC0415  (boto3: imported by now)

    url, endpoint = os.environ.get("CHAT_JOB_QUEUE"), os.environ.get("AWS_ENDPOINT_URL_SQS", "")
    function: ScheduledFunction | None = getattr(app, "worker", None)
    if not url or function is None or not is_loopback(endpoint):
        return contextlib.nullcontext()
    return Worker(function, sqs_client(endpoint), url)


def _ready(urls: Urls, backend: Backend) -> Ready:
    return Ready(urls.http_url, urls.ws_url, urls.management_url, backend.url, os.getpid(), backend.store_pid())


def _watch_store(backend: Backend) -> None:
    while True:
        backend.check()
        time.sleep(POLL_SECONDS)


def _log_access(record: AccessRecord) -> None:
    access.info("%s %s %s %d %.0f ms", record.api, record.method, record.path, record.status, record.milliseconds)
