"""The two tables of the deployed definition, in an engine or in memory."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.dynamodb.client import TARGET, DynamoClient
from chalicelib.awshttp import AwsJsonClient, TlsContext
from chalicelib.core.kernel.clock import SystemClock
from tests.invariants.tables import Tables, memory_tables
from tests.support.engine import REGION, Engine, create_tables, dynamodb, store_engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["dynamodb", "engine_tables", "store_engine", "tables"]

DEFINITION = Path(__file__).parents[2] / "infra" / "tables.json"


@pytest.fixture(scope="session")
def engine_tables(dynamodb: "DynamoDBClient", store_engine: Engine) -> Tables:
    """Return tables in the engine of the local cloud, one engine per test process, with the chat's own client."""
    names = create_tables(dynamodb, json.loads(DEFINITION.read_text("utf-8")))
    keys = StaticCredentials("test", "test", None)
    service = AwsJsonClient(
        store_engine.url, "dynamodb", TARGET, REGION, lambda: keys, SystemClock(), TlsContext()
    )
    return Tables(DynamoClient(service), names["ConversationsTable"], names["ConnectionsTable"])


@pytest.fixture
def tables() -> Tables:
    """Return new tables in memory."""
    return memory_tables()
