"""The one application of a process, and the warm-up of a Lambda function."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.bootstrap.services import Application, PublishingPorts
from chalicelib.bootstrap.verification import token_verifier
from chalicelib.bootstrap.wiring import build
from chalicelib.core.kernel.clock import Clock, SystemClock
from chalicelib.core.kernel.metrics import Observer
from chalicelib.core.messaging.queue_wait import LAMBDA, WaitStrategy
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.protocol.validation import Request
from chalicelib.identity.model import Identity
from chalicelib.observability import context
from chalicelib.settings import Settings, current_settings, is_lambda

if TYPE_CHECKING:
    from chalicelib.core.ports.hooks import Hook
    from chalicelib.core.ports.publishing import DeliveryQueue, EventSink
    from chalicelib.core.ports.revocations import RevocationStore

_HTTP_HANDLER, _MESSAGE_HANDLER = "app.app", "app.message"
_BACKGROUND_HANDLERS = ("app.sweep", "app.worker")
_PUBLISHING_HANDLERS = ("app.publish", "app.deliver")


def is_http_function() -> bool:
    """Return whether this process serves HTTP: on Lambda, only the function with that handler does."""
    return os.environ.get("_HANDLER", _HTTP_HANDLER) == _HTTP_HANDLER or not is_lambda()


class ServiceClients(Protocol):
    """Creates the clients of AWS services, like the module `chalicelib.aws.clients`."""

    def dynamodb(self, region: str, clock: Clock) -> Any:
        """Return a client of DynamoDB with the methods of `DynamoClient`."""

    def poster(self, endpoint: str, region: str, clock: Clock, observer: Observer) -> ConnectionPoster:
        """Return a poster to the connections of the WebSocket API at `endpoint`."""

    def job_queue(self, url: str, region: str, clock: Clock) -> JobQueue:
        """Return the job queue at `url`."""

    def hook(self, name: str, region: str, clock: Clock, timeout: float) -> Hook:
        """Return the hook with a name: that of a Lambda function."""

    def delivery_queue(self, url: str, region: str, clock: Clock) -> DeliveryQueue:
        """Return the queue of attempts to publish events at `url`."""


class _Process:
    clients: ServiceClients | None = None
    clock: Clock = SystemClock()
    wait_strategy = LAMBDA


def use_clients(clients: ServiceClients | None) -> None:
    """Set what creates the clients of the application, if not `chalicelib.aws.clients` (None).

    For a process that runs a service itself and calls it without HTTP. The application must not be built yet.
    """
    _Process.clients = clients


def use_clock(clock: Clock) -> None:
    """Set the clock of the application, which must not be built yet."""
    _Process.clock = clock


def use_wait_strategy(wait_strategy: WaitStrategy) -> None:
    """Set the strategy by which senders of the application, which must not be built yet, wait in queues."""
    _Process.wait_strategy = wait_strategy


@functools.cache
def verifier() -> Callable[[str], Identity]:
    """Return the token verifier alone, for the authorizer, which needs no application."""
    return token_verifier(current_settings(), _Process.clock)


@functools.cache
def revocations() -> RevocationStore:
    """Return the revocations alone, for the authorizer."""
    from chalicelib.aws import clients as aws_clients
    from chalicelib.aws.dynamodb.dynamo import Dynamo
    from chalicelib.aws.dynamodb.revocations import DynamoRevocations

    clients: ServiceClients = _Process.clients or aws_clients
    settings, clock = current_settings(), _Process.clock
    return DynamoRevocations(Dynamo(clients.dynamodb(settings.region, clock), clock), settings.connections_table)


@functools.cache
def application() -> Application:
    """Return the application, which is built at the first call."""
    from chalicelib.aws import clients as aws_clients

    clients: ServiceClients = _Process.clients or aws_clients
    settings, clock, observer = current_settings(), _Process.clock, context.observer
    store = _fenced_store() if settings.fenced else clients.dynamodb(settings.region, clock)
    if is_lambda():
        # Every event begins with a call of the store, and this is most likely the init phase (`warm_up`).
        store.warm_up()
    queue_url, hook = settings.job_queue, settings.hook
    return build(
        settings,
        dynamo_client=store,
        poster=clients.poster(settings.management_endpoint, settings.region, clock, observer),
        queue=None if queue_url is None else clients.job_queue(queue_url, settings.region, clock),
        hook=None if hook is None else clients.hook(hook, settings.region, clock, settings.timing.hook),
        publishing=_publishing_ports(settings, clients),
        clock=clock,
        observer=observer,
        wait_strategy=_Process.wait_strategy,
    )


def _publishing_ports(settings: Settings, clients: ServiceClients) -> PublishingPorts | None:
    if not settings.events or settings.delivery_queue is None:
        return None
    clock = _Process.clock

    def create_sink() -> EventSink:
        from chalicelib.bootstrap.sinks import event_sink

        return event_sink(settings, clock)

    queue = clients.delivery_queue(settings.delivery_queue, settings.region, clock)
    return PublishingPorts(queue, create_sink)


def _fenced_store() -> Any:
    from chalicelib.aws.fence import FencedStore

    return FencedStore()


def warm_up() -> None:
    """Build the application in the init phase, which has a whole processor, so that no event waits for it.

    Does not raise: an error occurs again at the first event, which can respond to it. The authorizer never calls
    this: Lambda loads it by its own module, without `app.py`.
    """
    with contextlib.suppress(Exception):
        if os.environ.get("_HANDLER") in (_HTTP_HANDLER, _MESSAGE_HANDLER):
            _skip_loader_of_plugins()
            # The first model that is built loads much of pydantic, the others little.
            Request.model_rebuild()
        chat = application()
        if os.environ.get("_HANDLER") in _BACKGROUND_HANDLERS:
            chat.build_privacy()
        if os.environ.get("_HANDLER") in _PUBLISHING_HANDLERS:
            chat.build_publishing()


def _skip_loader_of_plugins() -> None:
    """Replace pydantic's loader of plugins by one that finds none, which is what the template configures.

    The loader imports `importlib.metadata` even then, and with it modules for email, CSV and ZIP: a twentieth of a
    cold start. If pydantic moves its loader, this has no effect.
    """
    if os.environ.get("PYDANTIC_DISABLE_PLUGINS") == "__all__":
        loader = ModuleType("pydantic.plugin._loader")
        loader.__dict__["get_plugins"] = tuple
        sys.modules.setdefault(loader.__name__, loader)
