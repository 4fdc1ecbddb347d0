"""The DynamoDB store of an instance, built in or external, with its settings and tables."""

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
    """A store in use: its URL, the app's settings for it, and its process if this process started it."""

    url: str
    settings: Mapping[str, str]
    store: Store | None
    data: Path | None
    table_definition: Path | None = None
    """A table definition to use instead of the project's own."""

    def configure_boto3(self, environment: MutableMapping[str, str]) -> None:
        """Configure boto3, in the process with this environment, to use the store."""
        configure_boto3(environment, self.settings, built_in=self.store is not None)

    def prepare(self, environment: MutableMapping[str, str]) -> None:
        """Wait for the store and create missing tables and, in the built-in store, the job queue.

        Call `configure_boto3` first. Writes to `environment` the region in which boto3 created the tables (it may
        come from a profile) and the queue's URL, for the app. Raises LocalError if the store cannot be used.
        """
        # Importing boto3 takes a third of a second, during which the store starts.
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
            # An external store may have no queues; the sweep runs the jobs then.
            environment["CHAT_JOB_QUEUE"] = ensure_queue(sqs_client(self.url))
        if self.store is not None and self.store.has_saved_state and len(created) == len(tables):
            self.store.kill()  # a regular shutdown would overwrite the state that it could not read
            raise LocalError(
                f"--data {self.data} holds a saved state without this app's tables, or one that the store cannot"
                " read. It was left unchanged: name another directory, or move this one away."
            )

    def check(self) -> None:
        """Raise LocalError if the built-in store has exited."""
        if self.store is not None and not self.store.is_running():
            raise self.store.exit_error()

    def store_pid(self) -> int | None:
        """Return the process id of the built-in store, or None for an external one."""
        return None if self.store is None else self.store.pid

    def persistence(self) -> str:
        """Describe for the banner how conversations are persisted."""
        if self.store is None:
            return "not started here"
        return "in memory; --data DIR keeps conversations" if self.data is None else f"kept in {self.data}"


@contextlib.contextmanager
def open_backend(ports: Ports, store_url: str | None, data: Path | None) -> Iterator[Backend]:
    """Yield the external store at `store_url`, or start the built-in one for the context. Raises LocalError."""
    settings = chat_settings(os.environ)
    if store_url is not None:
        yield Backend(store_url, external_store_settings(settings, os.environ, store_url), None, None)
        return
    with start_store(ports.store, data, settings["AWS_DEFAULT_REGION"]) as store:
        yield Backend(store.url, built_in_store_settings(settings, store.url), store, data)
