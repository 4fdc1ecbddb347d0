"""Operations and arguments that the engine does not have are refused by name."""

# The tables have a line for each case.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, key

NOT_HERE = "is not supported by the embedded DynamoDB engine"
CREATE = {
    "TableName": "another",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.mark.parametrize("operation", ["Scan", "UpdateTable", "ExecuteStatement", "CreateBackup", "NoSuchThing"])
def test_unknown_operation_is_named(toys: Target, operation: str) -> None:
    with pytest.raises(OperationFailed) as failure:
        toys.call(operation)

    assert failure.value.code == "UnknownOperationException"
    assert failure.value.message == f"The operation {operation} {NOT_HERE}"


@pytest.mark.parametrize(
    ("operation", "arguments", "named"),
    [
        ("GetItem", {"Key": key("p", "a"), "AttributesToGet": ["n"]}, "AttributesToGet of GetItem"),
        ("PutItem", {"Item": key("p", "a"), "Expected": {}}, "Expected of PutItem"),
        ("UpdateItem", {"Key": key("p", "a"), "AttributeUpdates": {}}, "AttributeUpdates of UpdateItem"),
        ("DeleteItem", {"Key": key("p", "a"), "ConditionalOperator": "OR"}, "ConditionalOperator of DeleteItem"),
        ("Query", {"KeyConditions": {}}, "KeyConditions of Query"),
        ("Query", {"QueryFilter": {}}, "QueryFilter of Query"),
        ("Query", {"IndexName": "an-index"}, "IndexName of Query"),
        ("CreateTable", {**CREATE, "GlobalSecondaryIndexes": [{}]}, "GlobalSecondaryIndexes of CreateTable"),
        ("CreateTable", {**CREATE, "LocalSecondaryIndexes": [{}]}, "LocalSecondaryIndexes of CreateTable"),
        ("CreateTable", {**CREATE, "StreamSpecification": {"StreamEnabled": True}}, "StreamSpecification of CreateTable"),
        ("CreateTable", {**CREATE, "Colour": "blue"}, "Colour of CreateTable"),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"Item": {}, "ReturnValues": "NONE"}}]}, "ReturnValues of Put"),
        ("BatchGetItem", {"RequestItems": {"toys": {"Keys": [], "AttributesToGet": []}}}, "AttributesToGet of BatchGetItem"),
    ],
)  # fmt: skip
def test_unknown_argument_is_named(toys: Target, operation: str, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(OperationFailed) as failure:
        toys.call(operation, **arguments)

    assert failure.value.code == "ValidationException"
    assert failure.value.message.startswith(f"{named} {NOT_HERE}")
