"""The stages for all law tests: the two tables of the deployed definition, in an engine or in memory."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.laws.memory import MemoryStore
from tests.laws.world import Stage
from tests.support.engine import create_tables, dynamodb, store_engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["dynamodb", "engine_stage", "stage", "store_engine"]

DEFINITION = Path(__file__).parents[2] / "infra" / "tables.json"


@pytest.fixture(scope="session")
def engine_stage(dynamodb: "DynamoDBClient") -> Stage:
    """On the engine that the local cloud runs on, one for the test process."""
    names = create_tables(dynamodb, json.loads(DEFINITION.read_text("utf-8")))
    return Stage(dynamodb, names["ConversationsTable"], names["ConnectionsTable"])


@pytest.fixture
def stage() -> Stage:
    """In memory, for one test alone."""
    return Stage(MemoryStore(), "conversations", "connections")
