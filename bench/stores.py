"""A MiniStack for measurements, with the app's tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore.config import Config

from local.ministack import Store, start_store
from local.tables import ensure_tables, read_tables

from .harness import ENVIRONMENT

REGION = "us-east-1"
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 3},
    parameter_validation=False,
)


@contextlib.contextmanager
def running_store() -> Iterator[Store]:
    """Run an empty MiniStack for the context. Raises LocalError."""
    with start_store(REGION) as store:
        store.wait_until_ready()
        yield store


@contextlib.contextmanager
def ministack(settings: Mapping[str, str] = ENVIRONMENT) -> Iterator[Any]:
    """Yield the SDK's client for a MiniStack with empty tables, with the app's timeouts."""
    with running_store() as store:
        client = client_for(store.url)
        try:
            ensure_tables(client, read_tables(settings))
            yield client
        finally:
            client.close()


def client_for(url: str) -> Any:
    """Return a client for an endpoint on this machine."""
    session = boto3.session.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name=REGION)  # noqa: S106 — dummies
    return session.client("dynamodb", endpoint_url=url, config=_CONFIG)
