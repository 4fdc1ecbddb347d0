"""The functions of a run: of `app.py` in this process, or of a packaged stage in separate processes."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from chalicelib import bootstrap
from chalicelib.core.messaging.queue_wait import LAMBDA
from chalicelib.core.publishing.configured import parse_endpoints
from chalicelib.settings import Settings
from local.backend import Backend
from local.errors import LocalError
from local.events import CHANGES_QUEUE, publishing, publishing_relayed
from local.gateway import Apis, Urls, rest_api_from_chalice, websocket_api_from_chalice
from local.in_process import FunctionClock, in_process_wait_strategy
from local.queue import Worker
from local.schedule import ScheduledFunction

if TYPE_CHECKING:
    from local.bundle import LambdaEmulator


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of a run."""

    apis: Apis
    scheduled: ScheduledFunction
    worker: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    """A context manager that processes the queues, and the stream, while it is entered."""


def functions_of_app(app_dir: Path, backend: Backend, urls: Urls) -> Functions:
    """Return the functions of `app.py`, which run in this process."""
    backend.configure_boto3(os.environ)
    os.environ.update(backend.settings, CHAT_MANAGEMENT_ENDPOINT=urls.management_url)
    os.environ.setdefault("CHAT_WEBHOOKS_LOCAL", "1")
    app = load_app(app_dir)
    backend.prepare(os.environ)
    check_settings(os.environ)
    bootstrap.use_clients(backend.clients)
    bootstrap.use_clock(FunctionClock())
    bootstrap.use_wait_strategy(LAMBDA if backend.clients is None else in_process_wait_strategy())
    background = _together(queue_worker(app, os.environ, backend), _publishing(app, os.environ, backend))
    return Functions(_apis(app), _sweep(app), background)


def functions_of_bundle(service: LambdaEmulator, backend: Backend) -> Functions:
    """Return the functions of a packaged stage, which run in separate processes."""
    background = _together(service.worker(), service.publishing(backend.feed))
    return Functions(service.apis(), service.scheduled(), background)


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
        settings = Settings.from_environment(environment)
        if settings.events:
            parse_endpoints(settings.endpoints, local=settings.webhooks_local)
    except ValueError as exc:
        raise LocalError(f"The app's settings are invalid: {exc}.") from None


def _apis(app: ModuleType) -> Apis:
    return Apis(rest_api_from_chalice(app.app), websocket_api_from_chalice(app.app))


def _sweep(app: ModuleType) -> ScheduledFunction:
    function: ScheduledFunction | None = getattr(app, "sweep", None)
    if function is None:
        raise LocalError(f"{app.__file__} has no scheduled function `sweep`.")
    return function


@contextlib.contextmanager
def _together(*parts: contextlib.AbstractContextManager[object]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.enter_context(part)
        yield


def _publishing(
    app: ModuleType, environment: Mapping[str, str], backend: Backend
) -> contextlib.AbstractContextManager[object]:
    """Return what publishes events, or a no-op if they do not leave this instance."""
    feed, changes_url = backend.feed, environment.get(CHANGES_QUEUE)
    if not Settings.from_environment(environment).events:
        return contextlib.nullcontext()
    from chalicelib.aws.dynamodb.stream import FILTER  # noqa: PLC0415  (few instances publish events)

    client, url = backend.queue_client(environment), environment.get("CHAT_DELIVERY_QUEUE", "")
    if changes_url is not None:
        return publishing_relayed(app.publish, app.deliver, client=client, changes_url=changes_url, url=url)
    if feed is None:
        return contextlib.nullcontext()
    return publishing(
        app.publish,
        app.deliver,
        feed=feed,
        table=environment["CHAT_CONVERSATIONS_TABLE"],
        client=client,
        url=url,
        pattern=FILTER,
    )


def queue_worker(
    app: ModuleType, environment: Mapping[str, str], backend: Backend
) -> contextlib.AbstractContextManager[object]:
    """Return the worker of the job queue, or a no-op if the queue is not on this machine."""
    function: ScheduledFunction | None = getattr(app, "worker", None)
    client = None if function is None else backend.queue_client(environment)
    if function is None or client is None:
        return contextlib.nullcontext()
    return Worker(function, client, environment["CHAT_JOB_QUEUE"])
