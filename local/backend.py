"""The store and the job queue of an instance, embedded or external, with their settings and tables."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chalicelib.awshttp import ServiceError
from chalicelib.bootstrap import ServiceClients
from local.dynamodb.client import EngineClient
from local.dynamodb.feed import Feed
from local.embedded import EmbeddedServices, embedded_services
from local.errors import LocalError
from local.events import CHANGES, CHANGES_QUEUE, DELIVERIES, relaying
from local.history import FILE as HISTORY_FILE
from local.history import directory_history_id, memory_history_id
from local.in_process import InProcessClients
from local.queue import ensure_embedded_queue, sqs_client
from local.settings import (
    Ports,
    built_in_store_settings,
    chat_settings,
    configure_boto3,
    external_store_settings,
    is_loopback,
)
from local.sqs.client import QueueClient
from local.sqs.errors import SqsError
from local.tables import DEFINITION, ensure_tables, read_tables

log = logging.getLogger(__name__)


class Backend(Protocol):
    """A store in use: its URL, and the app's settings for it."""

    @property
    def url(self) -> str:
        """The DynamoDB endpoint."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of the app for this store."""

    @property
    def clients(self) -> ServiceClients | None:
        """The clients of an app in this process, or None for those of the product, over HTTP."""

    def configure_boto3(self, environment: MutableMapping[str, str]) -> None:
        """Configure boto3, in the process with this environment, to use the store."""

    def prepare(self, environment: MutableMapping[str, str], definition: Path = DEFINITION) -> None:
        """Create missing tables and, in the embedded store, the queues.

        Call `configure_boto3` first. Writes to `environment` the region in which the tables are (it may come from
        a profile), the URLs of the queues and the history id, for the app. Raises LocalError if the store cannot
        be used.
        """

    @property
    def feed(self) -> Feed | None:
        """The changes of the tables, or None if this process does not have them: then no events leave it."""

    def relaying(self, environment: MutableMapping[str, str]) -> contextlib.AbstractContextManager[object]:
        """Hand the changes of the tables to functions in a process with this environment, which publish events.

        Returns a context manager; a no-op if this process does not have the changes, or no events are published.
        """

    def queue_client(self, environment: Mapping[str, str]) -> Any:
        """Return a client of the job queue for a worker in this process, or None if there is none on this machine.

        A deployed queue has its own consumer, so its jobs must not be received here.
        """

    def check(self) -> None:
        """Raise LocalError if acknowledged writes may be lost."""

    def persistence(self) -> str:
        """Describe for the banner how conversations are persisted."""


@dataclass(frozen=True, slots=True)
class EmbeddedBackend:
    """DynamoDB and SQS in this process."""

    services: EmbeddedServices
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        """See `Backend`."""
        return self.services.url

    @property
    def clients(self) -> ServiceClients:
        """See `Backend`."""
        return InProcessClients(self.services.engine, self.services.queues)

    def configure_boto3(self, environment: MutableMapping[str, str]) -> None:
        """See `Backend`."""
        configure_boto3(environment, self.settings, built_in=True)

    def prepare(self, environment: MutableMapping[str, str], definition: Path = DEFINITION) -> None:
        """See `Backend`."""
        region = self.settings["AWS_DEFAULT_REGION"]
        client = EngineClient(self.services.engine, ServiceError)
        try:
            ensure_tables(client, read_tables(self.settings, definition))
            queue_url = ensure_embedded_queue(self.services.queues)
            delivery_url = ensure_embedded_queue(self.services.queues, DELIVERIES)
        except (ServiceError, SqsError) as error:  # the cause is in the log
            raise LocalError(f"The store cannot create its tables: {error}.") from None
        environment.update(
            AWS_DEFAULT_REGION=region,
            AWS_REGION=region,
            CHAT_JOB_QUEUE=queue_url,
            CHAT_DELIVERY_QUEUE=delivery_url,
            CHAT_HISTORY_ID=self.settings["CHAT_HISTORY_ID"],
        )

    @property
    def feed(self) -> Feed:
        """See `Backend`."""
        return self.services.engine.feed

    def relaying(self, environment: MutableMapping[str, str]) -> contextlib.AbstractContextManager[object]:
        """See `Backend`."""
        if environment.get("CHAT_EVENTS") != "on":
            return contextlib.nullcontext()
        environment[CHANGES_QUEUE] = url = ensure_embedded_queue(self.services.queues, CHANGES)
        client, table = QueueClient(self.services.queues), self.settings["CHAT_CONVERSATIONS_TABLE"]
        return relaying(self.feed, table, client, url, environment["CHAT_DELIVERY_QUEUE"])

    def queue_client(self, environment: Mapping[str, str]) -> QueueClient:
        """See `Backend`."""
        del environment
        return QueueClient(self.services.queues)

    def check(self) -> None:
        """See `Backend`."""
        self.services.check()

    def persistence(self) -> str:
        """See `Backend`."""
        directory = self.services.directory
        return "in memory; --data DIR keeps conversations" if directory is None else f"kept in {directory.path}"


@dataclass(frozen=True, slots=True)
class ExternalBackend:
    """Any other DynamoDB endpoint, which may have queues or not."""

    url: str
    settings: Mapping[str, str]

    @property
    def clients(self) -> None:
        """See `Backend`."""

    @property
    def feed(self) -> None:
        """See `Backend`."""

    def configure_boto3(self, environment: MutableMapping[str, str]) -> None:
        """See `Backend`."""
        configure_boto3(environment, self.settings, built_in=False)

    def prepare(self, environment: MutableMapping[str, str], definition: Path = DEFINITION) -> None:
        """See `Backend`. Without the queue: the sweep runs the jobs if the environment names none."""
        from local.endpoint import dynamodb_client, translating_errors  # noqa: PLC0415  (boto3 is slow to import)

        with translating_errors(self.url):
            client = dynamodb_client(self.url)
            tables = read_tables(self.settings, definition)
            ensure_tables(client, tables, store=f"The store at {self.url}")
        environment.update(AWS_DEFAULT_REGION=client.meta.region_name, AWS_REGION=client.meta.region_name)
        if CHANGES_QUEUE not in environment and environment.pop("CHAT_EVENTS", "off") == "on":
            log.warning(
                "events are off: they need the built-in store, and the changes of the one at %s are not known",
                self.url,
            )

    def relaying(self, environment: MutableMapping[str, str]) -> contextlib.AbstractContextManager[object]:
        """See `Backend`."""
        del environment
        return contextlib.nullcontext()

    def queue_client(self, environment: Mapping[str, str]) -> Any:
        """See `Backend`."""
        endpoint = environment.get("AWS_ENDPOINT_URL_SQS", "")
        return sqs_client(endpoint) if environment.get("CHAT_JOB_QUEUE") and is_loopback(endpoint) else None

    def check(self) -> None:
        """See `Backend`."""

    def persistence(self) -> str:
        """See `Backend`."""
        return "not started here"


@contextlib.contextmanager
def open_backend(
    ports: Ports, store_url: str | None, data: Path | None, *, synchronous: str = "normal"
) -> Iterator[Backend]:
    """Yield the external store at `store_url`, or run the embedded one for the context. Raises LocalError."""
    settings = chat_settings(os.environ)
    if store_url is not None:
        yield ExternalBackend(store_url, external_store_settings(settings, os.environ, store_url))
        return
    region = settings["AWS_DEFAULT_REGION"]
    with embedded_services(ports.store, data, region, synchronous=synchronous) as services:
        history = {"CHAT_HISTORY_ID": _history_id(data, settings["CHAT_CONVERSATIONS_TABLE"])}
        yield EmbeddedBackend(services, {**history, **built_in_store_settings(settings, services.url)})


def _history_id(data: Path | None, table: str) -> str:
    """Return the history id of the embedded store. Raises LocalError."""
    if data is None:
        return str(memory_history_id(table))
    try:
        return str(directory_history_id(data, table))
    except OSError as error:
        raise LocalError(f"{data / HISTORY_FILE} cannot be read or written: {error.strerror}.") from None
    except ValueError as error:
        raise LocalError(
            f"{data / HISTORY_FILE} cannot be used ({error}). Delete it to begin a new history."
        ) from None
