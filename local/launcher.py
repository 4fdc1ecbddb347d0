"""Start every part of an instance in the order that reports failures soonest; stop them in reverse order.

The order: ports, the store, the app's imports, tables, gateway, and a request to the app's `/health`; the instance
is announced only after that, with the address of its web page, which may have to be built yet. The gateway stops
before functions and store: disconnecting its clients runs functions that use the store.

The app runs in this process, or, with `Options.bundle`, as a packaged stage in separate processes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from local.backend import Backend, open_backend
from local.banner import Ready
from local.errors import LocalError
from local.functions import functions_of_app, functions_of_bundle
from local.gateway import AccessRecord, Gateway, GatewaySettings, PortInUse, Urls
from local.health import check_health
from local.hooks import HOOK, serving_hook
from local.memory import collect_rarely, use_one_arena
from local.one_core import OneCore, Scheduler
from local.reload import Reloader
from local.schedule import Schedule, ScheduledFunction
from local.settings import ROOT, Ports, chat_settings
from local.web.serving import bound, serving, web_url

if TYPE_CHECKING:
    from local.bundle.packaged_stage import PackagedStage

POLL_SECONDS = 0.2  # between two checks of the store's files

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
    build_web: bool = False
    """Whether the web page is built, beside the running chat, if its sources have changed."""


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
    use_one_arena()
    with bound(options.ports.web) as listener, running(options) as instance, Schedule(instance.scheduled):
        ready, backend = instance.ready, instance.backend
        with serving(listener, ready.http_url, ready.ws_url, backend.settings, build=options.build_web) as page:
            collect_rarely()
            announce(replace(ready, web_url=web_url(listener), web_page=page.state), backend)
            watch(backend, one_core_for(options))


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
        stack.enter_context(serving_hook(chat_settings(os.environ).get(HOOK), os.environ))
        backend = stack.enter_context(_open_backend(options))
        if packaged is None:
            functions = functions_of_app(options.app_dir, backend, urls)
        else:
            service = packaged.run(backend, urls, options.environments, options.iam_record, options.mixed_bundle)
            functions = functions_of_bundle(stack.enter_context(service), backend)
        stack.callback(gateway.stop)  # once more, so that it precedes the stop of functions and store
        gateway.start()
        check_health(urls.http_url)
        stack.enter_context(functions.worker)
        yield Instance(_ready(urls, backend), backend, gateway, functions.scheduled)


def _open_backend(options: Options) -> contextlib.AbstractContextManager[Backend]:
    return open_backend(options.ports, options.store_url, options.data, synchronous=options.synchronous)


def _open_bundle(bundle: Path, store_url: str | None) -> PackagedStage:
    from local.bundle.packaged_stage import PackagedStage  # noqa: PLC0415  (unneeded without a bundle)

    return PackagedStage(bundle, os.environ, store_url)


def serve_reloading(options: Options, announce: Announce, *, verbose: bool) -> None:
    """Run like `serve`, with the server in a child process that restarts at each change of a source file."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(_open_backend(options))
        backend.configure_boto3(os.environ)  # inherited by the server; it reads the app's settings at each start
        backend.prepare(os.environ)
        stack.enter_context(backend.relaying(os.environ))
        arguments = ["--app-dir", str(options.app_dir), *(["--verbose"] if verbose else [])]
        arguments += ["--disorder"] if options.disorder else []
        arguments += ["--build-web"] if options.build_web else []

        def announce_instance(ready: Ready) -> None:
            # The server's process changes at each restart; this process and its store do not.
            announce(replace(ready, pid=os.getpid()), backend)

        Reloader(options.app_dir, backend.url, arguments, backend.check, announce_instance).run(options.ports)


def serve_store(options: Options, announce: Callable[[Backend], None]) -> None:
    """Run only the store, with its tables, until an exception ends it."""
    use_one_arena()
    with _open_backend(options) as backend:
        backend.configure_boto3(os.environ)
        backend.prepare(os.environ)
        collect_rarely()
        announce(backend)
        watch(backend)


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


def _ready(urls: Urls, backend: Backend) -> Ready:
    return Ready(urls.http_url, urls.ws_url, urls.management_url, backend.url, os.getpid())


def one_core_for(options: Options, scheduler: Scheduler | None = None) -> OneCore | None:
    """Return the part that keeps this process on one core; None if the functions run in other processes.

    Those would be started on this core, and remain there.
    """
    return OneCore(scheduler) if options.bundle is None else None


def watch(
    backend: Backend, one_core: OneCore | None = None, sleep: Callable[[float], object] = time.sleep
) -> NoReturn:
    """Check the store and adapt to the load, until an exception ends it. Raises LocalError."""
    while True:
        backend.check()
        if one_core is not None:
            one_core.adapt()
        sleep(POLL_SECONDS)


def _log_access(record: AccessRecord) -> None:
    access.info("%s %s %s %d %.0f ms", record.api, record.method, record.path, record.status, record.milliseconds)
