"""Creating, describing and deleting tables, and their time to live."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target


def keys_of(name: str) -> dict[str, Any]:
    return {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }


def test_table_is_described_listed_and_deleted(target: Target, pk: str) -> None:
    name = f"table-{pk}"
    created = target.call("CreateTable", **keys_of(name))["TableDescription"]
    described = target.call("DescribeTable", TableName=name)["Table"]

    assert created["TableName"] == name
    assert described["TableStatus"] == "ACTIVE"
    assert described["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert described["AttributeDefinitions"] == [{"AttributeName": "pk", "AttributeType": "S"}]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert name in target.call("ListTables")["TableNames"]

    target.call("DeleteTable", TableName=name)

    with pytest.raises(OperationFailed) as failure:
        target.call("DescribeTable", TableName=name)
    assert failure.value.code == "ResourceNotFoundException"
    assert failure.value.message == f"Requested resource not found: Table: {name} not found"


def test_table_that_exists_is_not_created_again(target: Target) -> None:
    with pytest.raises(OperationFailed) as failure:
        target.call("CreateTable", **keys_of(target.table))

    assert failure.value.code == "ResourceInUseException"


def test_new_table_of_a_former_name_is_empty(target: Target, pk: str) -> None:
    name = f"again-{pk}"
    target.call("CreateTable", **keys_of(name))
    target.call("PutItem", TableName=name, Item={"pk": {"S": "a"}})
    target.call("DeleteTable", TableName=name)
    target.call("CreateTable", **keys_of(name))

    assert target.call("GetItem", TableName=name, Key={"pk": {"S": "a"}}) == {}


def test_names_of_tables_come_in_pages(target: Target) -> None:
    first = target.call("ListTables", Limit=1)
    rest = target.call("ListTables", ExclusiveStartTableName=first["LastEvaluatedTableName"])

    assert len(first["TableNames"]) == 1
    assert first["TableNames"][0] not in rest["TableNames"]


@pytest.mark.parametrize(
    "change",
    [
        {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "M"}]},
        {"KeySchema": [{"AttributeName": "pk", "KeyType": "RANGE"}]},
        {"KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}]},
        {"KeySchema": []},
        {"BillingMode": "FREE"},
    ],
    ids=str,
)
def test_table_with_a_bad_definition_is_refused(target: Target, pk: str, change: dict[str, Any]) -> None:
    with pytest.raises(OperationFailed) as failure:
        target.call("CreateTable", **{**keys_of(f"bad-{pk}"), **change})

    assert failure.value.code == "ValidationException"


def test_time_to_live_is_enabled_and_disabled(target: Target, pk: str) -> None:
    name = f"expiring-{pk}"
    target.call("CreateTable", **keys_of(name))
    enabled = {"AttributeName": "expires_at", "Enabled": True}

    before = target.call("DescribeTimeToLive", TableName=name)["TimeToLiveDescription"]
    answer = target.call("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=enabled)
    after = target.call("DescribeTimeToLive", TableName=name)["TimeToLiveDescription"]

    assert before == {"TimeToLiveStatus": "DISABLED"}
    assert answer == {"TimeToLiveSpecification": enabled}
    assert after == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    with pytest.raises(OperationFailed, match="TimeToLive is already enabled"):
        target.call("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=enabled)
