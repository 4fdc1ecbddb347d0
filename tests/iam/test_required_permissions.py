"""The permissions that each operation of boto3 requires, recorded by a guard that allows all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.iam import Guard
from tests.iam.support import ACCOUNT, API, KEY, STAGE, FakeServer, allow, client_of, new_guard, table
from tests.support.engine import REGION

A, B = table("aaa"), table("bbb")
ONE = {"TableName": "aaa", "Key": KEY}
QUERY = {
    "TableName": "aaa",
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "a"}},
}
PUT = {"Put": {"TableName": "aaa", "Item": KEY}}
CHECK = {"ConditionCheck": {"TableName": "bbb", "Key": KEY, "ConditionExpression": "attribute_exists(pk)"}}
UPDATE = {"Update": {"TableName": "aaa", "Key": KEY, "UpdateExpression": "REMOVE x"}}

OPERATIONS: list[tuple[str, dict[str, Any], set[tuple[str, str]]]] = [
    ("get_item", ONE, {("GetItem", A)}),
    ("get_item", {"TableName": B, "Key": KEY}, {("GetItem", B)}),
    ("put_item", {"TableName": "aaa", "Item": KEY, "ConditionExpression": "x = y"}, {("PutItem", A)}),
    ("update_item", ONE, {("UpdateItem", A)}),
    ("delete_item", ONE, {("DeleteItem", A)}),
    ("describe_table", {"TableName": "aaa"}, {("DescribeTable", A)}),
    ("query", QUERY, {("Query", A)}),
    ("query", {**QUERY, "IndexName": "by_name"}, {("Query", f"{A}/index/by_name")}),
    ("scan", {"TableName": "aaa"}, {("Scan", A)}),
    ("scan", {"TableName": "aaa", "IndexName": "by_name"}, {("Scan", f"{A}/index/by_name")}),
    (
        "batch_get_item",
        {"RequestItems": {"aaa": {"Keys": [KEY]}, "bbb": {"Keys": [KEY]}}},
        {("BatchGetItem", A), ("BatchGetItem", B)},
    ),
    (
        "batch_write_item",
        {"RequestItems": {"aaa": [{"PutRequest": {"Item": KEY}}], "bbb": [{"DeleteRequest": {"Key": KEY}}]}},
        {("BatchWriteItem", A), ("BatchWriteItem", B)},
    ),
    (
        "transact_get_items",
        {"TransactItems": [{"Get": ONE}, {"Get": {"TableName": "bbb", "Key": KEY}}, {"Get": ONE}]},
        {("GetItem", A), ("GetItem", B)},
    ),
    (
        "transact_write_items",
        {"TransactItems": [PUT, UPDATE, {"Delete": {"TableName": "bbb", "Key": KEY}}, CHECK]},
        {("PutItem", A), ("UpdateItem", A), ("DeleteItem", B), ("ConditionCheckItem", B)},
    ),
]


@pytest.fixture
def guard(fake_server: FakeServer) -> Iterator[Guard]:
    everything = {"Reader": [allow("Everything", "*", "*")]}
    with new_guard(everything, fake_server.url, f"{fake_server.url}/{STAGE}") as running:
        yield running


def required(guard: Guard) -> set[tuple[str, str]]:
    assert {call.function for call in guard.calls()} <= {"Reader"}
    assert {call.times for call in guard.calls()} <= {1}, "a permission counts once per call"
    return {(call.action.removeprefix("dynamodb:"), call.resource) for call in guard.calls()}


@pytest.mark.parametrize(("operation", "parameters", "needed"), OPERATIONS)
def test_operation_requires_the_permissions_that_iam_checks(
    guard: Guard,
    fake_server: FakeServer,
    operation: str,
    parameters: dict[str, Any],
    needed: set[tuple[str, str]],
) -> None:
    with client_of("dynamodb", guard.store_url, "Reader") as client:
        getattr(client, operation)(**parameters)
    assert required(guard) == needed
    assert guard.denied() == []
    assert len(fake_server.received) == 1


@pytest.mark.parametrize(
    ("operation", "parameters", "action"),
    [
        ("execute_statement", {"Statement": "SELECT * FROM aaa"}, "dynamodb:ExecuteStatement"),
        ("batch_execute_statement", {"Statements": [{"Statement": "x"}]}, "dynamodb:BatchExecuteStatement"),
        ("list_tables", {}, "dynamodb:ListTables"),
        ("delete_table", {"TableName": "aaa"}, "dynamodb:DeleteTable"),
    ],
)
def test_unknown_operation_is_denied_even_with_full_access(
    guard: Guard, fake_server: FakeServer, operation: str, parameters: dict[str, Any], action: str
) -> None:
    with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError) as refused:
        getattr(client, operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "does not know its required permissions" in refused.value.response["Error"]["Message"]
    assert [denial[:3] for denial in guard.denied()] == [("Reader", action, "*")]
    assert fake_server.received == []


@pytest.mark.parametrize(
    ("method", "operation"),
    [("POST", "post_to_connection"), ("GET", "get_connection"), ("DELETE", "delete_connection")],
)
def test_every_method_of_the_callback_api_has_its_own_resource(
    guard: Guard, fake_server: FakeServer, method: str, operation: str
) -> None:
    data = {"Data": b"x"} if method == "POST" else {}
    with client_of("apigatewaymanagementapi", guard.management_url, "Reader") as client:
        getattr(client, operation)(ConnectionId="Xux7aeaAFiACHZQ=", **data)
    ((action, resource),) = required(guard)
    assert action == "execute-api:ManageConnections"
    assert resource == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{STAGE}/{method}/@connections/*"
    ((received),) = fake_server.received
    assert (received.method, received.path) == (method, f"/{STAGE}/@connections/Xux7aeaAFiACHZQ%3D")
