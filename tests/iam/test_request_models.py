"""Requests of functions are checked against the service descriptions of the SDK."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config

from local.iam import Guard
from local.iam.request_models import RequestModels
from tests.iam.support import ACCOUNT, API, STAGE, FakeServer, allow, table
from tests.support.engine import REGION

ITEM = {"pk": {"S": "a"}, "sk": {"S": "secret"}}


def checked(models: RequestModels, server: FakeServer, method: str, **arguments: object) -> None:
    """Send a request through a guard, unchecked by the client."""
    policies = {"Function": [allow("All", "dynamodb:*", table("conversations"))]}
    guard = Guard(
        policies, server.url, f"{server.url}/{STAGE}", region=REGION, account=ACCOUNT, api=API, models=models
    )
    with guard:
        client = boto3.client(
            "dynamodb",
            endpoint_url=guard.store_url,
            region_name=REGION,
            aws_access_key_id="Function",
            aws_secret_access_key="secret",
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        getattr(client, method)(**arguments)


def test_valid_request_is_counted(fake_server: FakeServer) -> None:
    models = RequestModels()
    checked(models, fake_server, "put_item", TableName="conversations", Item=ITEM)
    assert (models.checked, models.problems) == ({"dynamodb:PutItem": 1}, [])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"Item": ITEM, "Expected": 1}, "Invalid type for parameter Expected"),
        ({"Item": ITEM, "Conditions": "x"}, 'Unknown parameter in input: "Conditions"'),
        ({}, 'Missing required parameter in input: "Item"'),
    ],
)
def test_invalid_request_is_a_problem_without_values(arguments: dict[str, object], problem: str) -> None:
    models = RequestModels()
    models._check("dynamodb", "PutItem", {"TableName": "conversations", **arguments})
    (found,) = models.problems
    assert found.startswith("dynamodb:PutItem: ") and problem in found
    assert "secret" not in found
