"""The names of the operations, and the idempotency token of transactions."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chalicelib.aws.dynamodb.client import DynamoClient
from chalicelib.awshttp import AwsJsonClient


class FakeService:
    """Records the calls of operations."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.warmed_up: list[str] = []

    def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, arguments))
        return {"done": True}

    def warm_up(self, operation: str) -> None:
        self.warmed_up.append(operation)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service: FakeService) -> DynamoClient:
    return DynamoClient(cast(AwsJsonClient, service))


@pytest.mark.parametrize(
    ("method", "operation"),
    [
        ("get_item", "GetItem"),
        ("query", "Query"),
        ("batch_get_item", "BatchGetItem"),
        ("put_item", "PutItem"),
        ("update_item", "UpdateItem"),
        ("delete_item", "DeleteItem"),
        ("batch_write_item", "BatchWriteItem"),
    ],
)
def test_method_calls_its_operation(
    client: DynamoClient, service: FakeService, method: str, operation: str
) -> None:
    assert getattr(client, method)(TableName="t") == {"done": True}
    assert service.calls == [(operation, {"TableName": "t"})]


def test_every_transaction_has_a_new_token(client: DynamoClient, service: FakeService) -> None:
    client.transact_write_items(TransactItems=[])
    client.transact_write_items(TransactItems=[])
    tokens = [arguments["ClientRequestToken"] for _, arguments in service.calls]
    assert len(set(tokens)) == 2
    assert all(len(token) == 36 for token in tokens)


def test_warm_up_prepares_a_read(client: DynamoClient, service: FakeService) -> None:
    client.warm_up()
    assert (service.warmed_up, service.calls) == (["GetItem"], [])
