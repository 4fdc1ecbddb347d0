"""The store that an instance uses, built in or named by its URL, with the settings and the tables for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.settings import Ports, built_in_store_settings, chat_settings, configure_boto3, external_store_settings
from local.store import Store, start_store


@dataclass(frozen=True, slots=True)
class Backend:
    """A store in use: its URL, the app's settings for it, and its process if it is ours."""

    url: str
    settings: Mapping[str, str]
    store: Store | None
    data: Path | None
    table_definition: Path | None = None
    """Of the tables, where it is not the project's own."""

    def configure_boto3(self, environment: MutableMapping[str, str]) -> None:
        """Leads boto3 in the process of this environment to the store."""
        configure_boto3(environment, self.settings, built_in=self.store is not None)

    def prepare(self, environment: MutableMapping[str, str]) -> None:
        """Waits for the store and makes the tables that are missing; `point_aws` comes before.

        The region in which boto3 made them, a profile's perhaps, is put into the environment for the app.
        Raises LocalError when the store cannot be used as it is.
        """
        # boto3 takes a third of a second to import, in which the store starts.
        from local.queue import ensure_queue, sqs_client  # noqa: PLC0415
        from local.tables import DEFINITION, dynamodb_client, ensure_tables, read_tables  # noqa: PLC0415

        if self.store is not None:
            self.store.wait_until_ready()
        tables = read_tables(self.settings, self.table_definition or DEFINITION)
        client = dynamodb_client(self.url)
        created = ensure_tables(client, tables)
        environment.update(AWS_DEFAULT_REGION=client.meta.region_name, AWS_REGION=client.meta.region_name)
        if self.store is not None:
            # A store named by its URL may have no queues; there the sweep does the work.
            environment["CHAT_JOB_QUEUE"] = ensure_queue(sqs_client(self.url))
        if self.store is not None and self.store.has_saved_state and len(created) == len(tables):
            self.store.kill()  # in order it would save over what it could not read
            raise LocalError(
                f"--data {self.data} holds a state without the tables of this app, or one that the store cannot"
                " read. It was left as it is: name another directory, or move that one away."
            )

    def check(self) -> None:
        """Raises LocalError once a store that we started has ended."""
        if self.store is not None and not self.store.is_running():
            raise self.store.exit_error()

    def store_pid(self) -> int | None:
        """The process of a store that we started."""
        return None if self.store is None else self.store.pid

    def persistence(self) -> str:
        """What becomes of the conversations, for a person."""
        if self.store is None:
            return "not started here"
        return "in memory; --data DIR keeps conversations" if self.data is None else f"kept in {self.data}"


@contextlib.contextmanager
def open_backend(ports: Ports, store_url: str | None, data: Path | None) -> Iterator[Backend]:
    """The store at a URL, or one of our own that ends with the context. Raises LocalError."""
    settings = chat_settings(os.environ)
    if store_url is not None:
        yield Backend(store_url, external_store_settings(settings, os.environ, store_url), None, None)
        return
    with start_store(ports.store, data, settings["AWS_DEFAULT_REGION"]) as store:
        yield Backend(store.url, built_in_store_settings(settings, store.url), store, data)
