"""The chat in its own process, with a scriptable gateway: `python -m tests.invariants.history.server_process`.

It starts the same parts as `python -m local` (store, tables, the real app, the gateway). Each line on stdin is an
order, answered by a line on stdout:

    {"change": {"posts_failed": 0.1}}               faults from now on
    {"change_for": ["<connection>", {…}]}           faults of posts to one connection
    {"sweep": true}                                 a concurrent sweep
    {"running": true}                               the number of functions that run or have a message waiting
    {"failures": true}                              failures that the app has logged since the last time

The end of stdin ends the process. A separate process keeps the app's caches (clients, connection pools) away from
other tests, and lets clients and server use one core each.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import sys
import threading
import uuid
from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType
from typing import IO, Any

from local.backend import open_backend
from local.functions import load_app
from local.gateway import Apis, Gateway, GatewaySettings, rest_api_from_chalice, websocket_api_from_chalice
from local.gateway.functions import Handler, LambdaContext
from local.health import check_health
from local.queue import Worker, sqs_client
from local.schedule import scheduled_event
from local.settings import ROOT, Ports

PATIENT_SETTINGS = GatewaySettings(integration_timeout=90.0, function_timeout=120.0)
"""A fan-out to a hanging socket may take longer than API Gateway's integration timeout."""


class RunningFunctions:
    """Counts running functions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places = itertools.count()
        self._running: set[int] = set()

    def counting(self, handler: Handler) -> Handler:
        """Return a function that is counted while it runs."""

        def counted(event: dict[str, Any], context: Any) -> Any:
            with self._lock:
                place = next(self._places)
                self._running.add(place)
            try:
                return handler(event, context)
            finally:
                with self._lock:
                    self._running.discard(place)

        return counted

    def count(self) -> int:
        """Return the number of running functions."""
        return len(self._running)


class QueueMonitor:
    """Monitors the job queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def waiting(self) -> int:
        """Return the number of messages that are visible or in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


class Failures(logging.Handler):
    """Collects logged errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Collect a record."""
        self._lines.append(record.getMessage())

    def take(self) -> list[str]:
        """Return all errors since the last call."""
        taken, self._lines = self._lines, []
        return taken


def main(orders: Iterable[str], answers: IO[str]) -> None:
    """Start everything, print the addresses, and execute orders until the input ends."""

    def say(answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    running, failures = RunningFunctions(), Failures()
    for logger in ("chat", "chalicelib", "local"):
        logging.getLogger(logger).addHandler(failures)
    with contextlib.ExitStack() as stack:
        gateway = Gateway(lambda _urls: _apis(app, running), PATIENT_SETTINGS)
        urls = gateway.bind()
        store = stack.enter_context(open_backend(Ports.from_base(0), None, None))
        store.configure_boto3(os.environ)
        os.environ.update(store.settings, CHAT_MANAGEMENT_ENDPOINT=urls.management_url)
        app = load_app(ROOT)
        store.prepare(os.environ)
        queue = QueueMonitor(sqs_client(store.url), os.environ["CHAT_JOB_QUEUE"])
        worker = Worker(running.counting(app.worker), sqs_client(store.url), os.environ["CHAT_JOB_QUEUE"])
        stack.enter_context(worker)
        stack.enter_context(gateway)
        check_health(urls.http_url)
        say({"http_url": urls.http_url, "ws_url": urls.ws_url, "secret": os.environ["CHAT_JWT_SECRET"]})
        for line in orders:
            order = json.loads(line)
            if order == {"sweep": True}:
                _sweep(running, app.sweep)
                say(None)
            elif order == {"running": True}:
                say(running.count() + queue.waiting())
            else:
                say(_obey(gateway, failures, order))


def _apis(app: ModuleType, running: RunningFunctions) -> Apis:
    rest, sockets = rest_api_from_chalice(app.app), websocket_api_from_chalice(app.app)
    return Apis(
        replace(rest, handler=running.counting(rest.handler)),
        replace(
            sockets,
            connect=sockets.connect and running.counting(sockets.connect),
            default=sockets.default and running.counting(sockets.default),
            disconnect=sockets.disconnect and running.counting(sockets.disconnect),
        ),
    )


def _sweep(running: RunningFunctions, sweep: Handler) -> None:
    """Start a sweep; it counts as running when this returns."""
    begun = threading.Event()

    def run(event: dict[str, Any], context: Any) -> None:
        begun.set()
        with contextlib.suppress(Exception):  # the failure is in the log
            sweep(event, context)

    context = LambdaContext("sweep", str(uuid.uuid4()), PATIENT_SETTINGS)
    threading.Thread(target=running.counting(run), args=(scheduled_event(), context), daemon=True).start()
    begun.wait()


def _obey(gateway: Gateway, failures: Failures, order: dict[str, Any]) -> Any:
    match order:
        case {"change": dict(changes)}:
            gateway.change(**changes)
        case {"change_for": [str(connection_id), dict(changes)]}:
            gateway.change_for(connection_id, **changes)
        case {"failures": True}:
            return failures.take()
        case _:
            raise ValueError(f"no such order: {order}")
    return None


if __name__ == "__main__":
    # Chalice logs to stdout, which is redirected to stderr: the real stdout is for answers only.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        main(sys.stdin, out)
