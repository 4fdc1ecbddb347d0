"""The chat in its own process, with a scriptable gateway: `python -m tests.invariants.history.server_process`.

It is what `python -m local` starts (store, tables, the real app, the gateway), and besides that each line on
stdin is an order to the gateway, answered by a line on stdout:

    {"change": {"posts_failed": 0.1}}               disorders from now on
    {"change_for": ["<connection>", {…}]}           faults for the posts to one connection
    {"sweep": true}                                 a sweep, which goes on beside everything else
    {"running": true}                               how many functions are running, or have a message waiting
    {"failures": true}                              what the app has logged as its own failures since then

The end of stdin ends the process. A process of its own keeps what the app holds for as long as a process lives
(clients, connection pools) away from other tests, and lets clients and server use a core each.
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
from local.gateway import Apis, Gateway, GatewaySettings, rest_api_from_chalice, websocket_api_from_chalice
from local.gateway.functions import Handler, LambdaContext
from local.launcher import check_health, load_app
from local.queue import Worker, sqs_client
from local.schedule import scheduled_event
from local.settings import ROOT, Ports

UNHURRIED = GatewaySettings(integration_timeout=90.0, function_timeout=120.0)
"""A function may fan out to a hanging socket for longer than API Gateway would wait for it."""


class Running:
    """Counts the functions that are running."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places = itertools.count()
        self._running: set[int] = set()

    def counts(self, handler: Handler) -> Handler:
        """A function that is counted while it runs."""

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

    def now(self) -> int:
        """How many there are now."""
        return len(self._running)


class Queue:
    """The queue of long work, to be asked whether anything is in it."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def waiting(self) -> int:
        """How many messages could be worked on now, or are."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


class Failures(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """One more."""
        self._lines.append(record.getMessage())

    def take(self) -> list[str]:
        """All since the last time."""
        taken, self._lines = self._lines, []
        return taken


def main(orders: Iterable[str], answers: IO[str]) -> None:
    """Start everything, say where it is, and do what the orders say until there are no more."""

    def say(answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    running, failures = Running(), Failures()
    for logger in ("chat", "chalicelib", "local"):
        logging.getLogger(logger).addHandler(failures)
    with contextlib.ExitStack() as stack:
        gateway = Gateway(lambda _urls: _apis(app, running), UNHURRIED)
        urls = gateway.bind()
        store = stack.enter_context(open_backend(Ports.from_base(0), None, None))
        store.configure_boto3(os.environ)
        os.environ.update(store.settings, CHAT_MANAGEMENT_ENDPOINT=urls.management_url)
        app = load_app(ROOT)
        store.prepare(os.environ)
        queue = Queue(sqs_client(store.url), os.environ["CHAT_JOB_QUEUE"])
        worker = Worker(running.counts(app.worker), sqs_client(store.url), os.environ["CHAT_JOB_QUEUE"])
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
                say(running.now() + queue.waiting())
            else:
                say(_obey(gateway, failures, order))


def _apis(app: ModuleType, running: Running) -> Apis:
    rest, sockets = rest_api_from_chalice(app.app), websocket_api_from_chalice(app.app)
    return Apis(
        replace(rest, handler=running.counts(rest.handler)),
        replace(
            sockets,
            connect=sockets.connect and running.counts(sockets.connect),
            default=sockets.default and running.counts(sockets.default),
            disconnect=sockets.disconnect and running.counts(sockets.disconnect),
        ),
    )


def _sweep(running: Running, sweep: Handler) -> None:
    """Begin a sweep; whoever asks after this what is running is told of it."""
    begun = threading.Event()

    def run(event: dict[str, Any], context: Any) -> None:
        begun.set()
        with contextlib.suppress(Exception):  # what failed is in the log
            sweep(event, context)

    context = LambdaContext("sweep", str(uuid.uuid4()), UNHURRIED)
    threading.Thread(target=running.counts(run), args=(scheduled_event(), context), daemon=True).start()
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
    # Chalice logs to stdout: what it says there goes to stderr, and the real stdout is for answers alone.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        main(sys.stdin, out)
