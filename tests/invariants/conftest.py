"""The stages for all law tests: the two tables of the deployed definition, in an engine or in memory."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.dynamodb.client import TARGET, DynamoClient
from chalicelib.awshttp import AwsJsonClient, TlsContext
from chalicelib.core.kernel.clock import SystemClock
from tests.invariants.memory import MemoryStore
from tests.invariants.world import Stage
from tests.support.engine import REGION, Engine, create_tables, dynamodb, store_engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["dynamodb", "engine_stage", "stage", "store_engine"]

DEFINITION = Path(__file__).parents[2] / "infra" / "tables.json"


@pytest.fixture(scope="session")
def engine_stage(dynamodb: "DynamoDBClient", store_engine: Engine) -> Stage:
    """On the engine that the local cloud runs on, one for the test process, by the client that the chat has."""
    names = create_tables(dynamodb, json.loads(DEFINITION.read_text("utf-8")))
    keys = StaticCredentials("test", "test", None)
    service = AwsJsonClient(
        store_engine.url, "dynamodb", TARGET, REGION, lambda: keys, SystemClock(), TlsContext()
    )
    return Stage(DynamoClient(service), names["ConversationsTable"], names["ConnectionsTable"])


@pytest.fixture
def stage() -> Stage:
    """In memory, for one test alone."""
    return Stage(MemoryStore(), "conversations", "connections")
