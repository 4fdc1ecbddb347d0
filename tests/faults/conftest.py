"""One table for the whole suite, and one partition per test."""

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.faults.toys import Partition
from tests.support.engine import TOY_TABLE, create_tables, dynamodb, store_engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["dynamodb", "partition", "store_engine", "toy_table"]


@pytest.fixture(scope="session")
def toy_table(dynamodb: "DynamoDBClient") -> str:
    return create_tables(dynamodb, {"ToyTable": TOY_TABLE})["ToyTable"]


@pytest.fixture
def partition(toy_table: str) -> Partition:
    return Partition(toy_table, uuid.uuid4().hex)
