"""A DynamoDB engine for a test run, clients for it, and tables in it.

The engine is that of `make run`, with its queues, one per test process (and so one per pytest-xdist worker),
served over HTTP by a thread. It starts when a test first needs it and stops with the run. The variable
CHAT_TEST_DYNAMODB=URL names another engine to use instead, which is left running.

A conftest imports the fixtures that it needs: ``from tests.support.engine import dynamodb, store_engine``. There
is one engine for all of them.
"""

import contextlib
import os
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from local.embedded import embedded_services

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "us-east-1"
OTHER_ENGINE = "CHAT_TEST_DYNAMODB"

_COPIED = frozenset(
    {"AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"}
)
# Expiry is left out, too: an engine deletes expired items at any time, by its own clock.
_LEFT_OUT = frozenset(
    {
        "TableName",
        "TimeToLiveSpecification",
        "PointInTimeRecoverySpecification",
        "DeletionProtectionEnabled",
        "SSESpecification",
        "StreamSpecification",
        "TableClass",
        "Tags",
    }
)

TOY_TABLE: dict[str, Any] = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    },
}
"""A table with the keys that every table of the application has, and nothing else."""


class Engine:
    """A running engine; ``close`` closes its clients."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.session.Session(
            region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
        self._clients = contextlib.ExitStack()

    def client(self, **config: Any) -> "DynamoDBClient":
        """Return a new client without retries, with 64 connections; ``config`` changes that."""
        settings: dict[str, Any] = {
            "retries": {"mode": "standard", "total_max_attempts": 1},
            "connect_timeout": 2,
            "read_timeout": 10,
            "max_pool_connections": 64,
            "proxies": {},  # a proxy of the environment does not apply to 127.0.0.1
            "user_agent": "tests",  # building the usual one takes a quarter of a call
            **config,
        }
        client: DynamoDBClient = self._session.client("dynamodb", endpoint_url=self.url, config=Config(**settings))
        self._clients.callback(client.close)
        return client

    def close(self) -> None:
        """Close the connections of all clients."""
        self._clients.close()


def running_engine(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> Engine:
    """Return the engine of this test process, started at the first call. Raises LocalError."""
    engine = config.stash.get(_ENGINE, None)
    if engine is None:
        engine = Engine(environment.get(OTHER_ENGINE) or _start(config))
        config.add_cleanup(engine.close)  # before the engine stops: cleanups run in reverse order
        config.stash[_ENGINE] = engine
    return engine


@pytest.fixture(scope="session")
def store_engine(pytestconfig: pytest.Config) -> Engine:
    """Return the engine of this test process."""
    return running_engine(pytestconfig)


@pytest.fixture(scope="session")
def dynamodb(store_engine: Engine) -> "DynamoDBClient":
    """Return a client of the engine, which threads may share."""
    return store_engine.client()


def create_tables(
    client: "DynamoDBClient", definition: Mapping[str, Any], *, patience: float = 30.0
) -> dict[str, str]:
    """Create the tables of a CloudFormation-shaped definition; return their names by logical id.

    Each call creates new names, so that tests and workers can share an engine. Raises ValueError for a property
    that is neither copied nor known to be irrelevant, TimeoutError if a table does not become active within
    ``patience`` seconds.
    """
    names = {logical_id: f"{logical_id}-{uuid.uuid4().hex[:12]}" for logical_id in definition}
    for logical_id, name in names.items():
        client.create_table(TableName=name, **_parameters(logical_id, definition[logical_id]["Properties"]))
    for name in names.values():
        _wait_until_active(client, name, patience)
    return names


def _parameters(logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    unknown = properties.keys() - _COPIED - _LEFT_OUT
    if unknown:
        raise ValueError(f"{logical_id} has properties that tests know nothing of: {', '.join(sorted(unknown))}")
    return {name: value for name, value in properties.items() if name in _COPIED}


def _wait_until_active(client: "DynamoDBClient", name: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while (status := client.describe_table(TableName=name)["Table"]["TableStatus"]) != "ACTIVE":
        if time.monotonic() > deadline:
            raise TimeoutError(f"table {name} is {status}, not ACTIVE, after {patience} s")
        time.sleep(0.02)


def _start(config: pytest.Config) -> str:
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    return stack.enter_context(embedded_services(0, None, REGION)).url


_ENGINE = pytest.StashKey[Engine]()
