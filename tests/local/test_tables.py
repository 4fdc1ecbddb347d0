"""Tables are created once, from the definition that is deployed, and existing tables are never replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from local.errors import LocalError
from local.settings import stage_environment
from local.tables import DEFINITION, Table, ensure_tables, read_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NAMES = {"CHAT_CONVERSATIONS_TABLE": "some-conversations", "CHAT_CONNECTIONS_TABLE": "some-connections"}
KEYS: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client: DynamoDBClient = boto3.client(
            "dynamodb", region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local"
        )
        yield client


def definition_with(tmp_path: Path, **properties: Any) -> Path:
    resource = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": {**KEYS, **properties}}
    path = tmp_path / "tables.json"
    path.write_text(json.dumps({"ConversationsTable": resource}), encoding="utf-8")
    return path


def test_deployed_definition_gives_both_tables_with_the_names_of_the_stage() -> None:
    tables = read_tables(stage_environment())
    defined = json.loads(DEFINITION.read_text(encoding="utf-8"))
    assert [table.name for table in tables] == ["chat-local-conversations", "chat-local-connections"]
    for table, resource in zip(tables, defined.values(), strict=True):
        assert table.parameters["KeySchema"] == resource["Properties"]["KeySchema"]
        assert table.parameters["AttributeDefinitions"] == resource["Properties"]["AttributeDefinitions"]
        assert table.ttl_attribute == "expires_at"


def test_tables_are_created_active_with_their_keys_and_time_to_live(client: DynamoDBClient) -> None:
    tables = read_tables(NAMES)
    assert ensure_tables(client, tables) == ["some-conversations", "some-connections"]
    for table in tables:
        description = client.describe_table(TableName=table.name)["Table"]
        ttl = client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
        assert description["TableStatus"] == "ACTIVE"
        assert description["KeySchema"] == table.parameters["KeySchema"]
        assert ttl["AttributeName"] == "expires_at"


def test_creating_tables_twice_changes_nothing(client: DynamoDBClient) -> None:
    tables = read_tables(NAMES)
    ensure_tables(client, tables)
    client.put_item(TableName=tables[0].name, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    assert ensure_tables(client, tables) == []
    assert client.scan(TableName=tables[0].name)["Count"] == 1


def test_table_with_a_different_key_schema_is_reported_and_kept(client: DynamoDBClient) -> None:
    client.create_table(TableName="some-conversations", **KEYS)
    with pytest.raises(LocalError) as error:
        ensure_tables(client, read_tables(NAMES))
    for part in ("some-conversations", "pk S HASH", "sk S RANGE", "Delete that table, or use another store"):
        assert part in str(error.value)


def test_missing_index_counts_as_a_different_key_schema(client: DynamoDBClient, tmp_path: Path) -> None:
    ensure_tables(client, read_tables(NAMES, definition_with(tmp_path)))
    index = {"IndexName": "by_pk", "KeySchema": KEYS["KeySchema"], "Projection": {"ProjectionType": "KEYS_ONLY"}}
    with pytest.raises(LocalError, match="by_pk"):
        ensure_tables(client, read_tables(NAMES, definition_with(tmp_path, GlobalSecondaryIndexes=[index])))


def test_indexes_are_mapped_to_the_api_and_streams_ignored(tmp_path: Path) -> None:
    index = {"IndexName": "by_pk", "KeySchema": KEYS["KeySchema"], "Projection": {"ProjectionType": "ALL"}}
    path = definition_with(
        tmp_path,
        GlobalSecondaryIndexes=[{**index, "ContributorInsightsSpecification": {"Enabled": True}}],
        StreamSpecification={"StreamViewType": "NEW_IMAGE"},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        DeletionProtectionEnabled=True,
    )
    assert read_tables(NAMES, path) == [
        Table(
            "some-conversations",
            {
                **KEYS,
                "TableName": "some-conversations",
                "GlobalSecondaryIndexes": [index],
            },
            None,
        )
    ]


def test_table_without_a_billing_mode_is_provisioned_as_in_cloudformation(tmp_path: Path) -> None:
    path = definition_with(tmp_path)
    text = path.read_text(encoding="utf-8").replace('"BillingMode": "PAY_PER_REQUEST"', '"Tags": []')
    path.write_text(text, encoding="utf-8")
    assert read_tables(NAMES, path)[0].parameters["BillingMode"] == "PROVISIONED"


def test_unknown_property_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="ConversationsTable has the unknown properties ReplicaSpecification"):
        read_tables(NAMES, definition_with(tmp_path, ReplicaSpecification={}))


def test_table_without_a_name_setting_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no setting gives its table name"):
        read_tables({}, definition_with(tmp_path))


def test_definition_that_is_not_json_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(LocalError, match="is not a valid table definition"):
        read_tables(NAMES, path)
