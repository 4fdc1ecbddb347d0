"""Servers behind the guard, and the deployed policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.build import TEMPLATE
from infra.template.names import FUNCTIONS
from local.iam import resolve
from tests.bundle.build import built_stage, shared_directory
from tests.iam.support import ACCOUNT, API, QUEUE, STAGE, FakeServer, Json, table
from tests.support.engine import REGION, create_tables, dynamodb, store_engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["dynamodb", "store_engine"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(scope="session")
def tables(dynamodb: DynamoDBClient) -> dict[str, str]:
    """The names of the deployed definition's two tables in the engine, by logical id."""
    return create_tables(dynamodb, json.loads((ROOT / "infra" / "tables.json").read_text("utf-8")))


@pytest.fixture(scope="session")
def deployed_policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Json]]:
    """The statements of stage `dev` by function, as passed to CloudFormation."""
    built = built_stage(shared_directory(tmp_path_factory.getbasetemp()) / "bundle")
    template = json.loads((built / TEMPLATE).read_text("utf-8"))
    policies = {}
    for function in FUNCTIONS:
        (policy,) = template["Resources"][function.role]["Properties"]["Policies"]
        policies[function.logical_id] = policy["PolicyDocument"]["Statement"]
    return policies


@pytest.fixture(scope="session")
def resolved_policies(deployed_policies: dict[str, list[Json]]) -> dict[str, list[Json]]:
    """The same without intrinsic functions, for tables `conversations` and `connections`, and a queue `work`."""
    values = {
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
        "WebsocketAPI": API,
        "ApiStage": STAGE,
        "ConversationsTable.Arn": table("conversations"),
        "ConnectionsTable.Arn": table("connections"),
        "JobQueue.Arn": QUEUE,
    } | {
        f"{function.log_group}.Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{function.log_group}:*"
        for function in FUNCTIONS
    }
    return {function: resolve(statements, values) for function, statements in deployed_policies.items()}
