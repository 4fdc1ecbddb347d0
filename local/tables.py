"""Create the tables on any DynamoDB endpoint from the definition that is deployed (`infra/tables.json`).

CloudFormation and the DynamoDB API name some properties differently. This module maps them, ignores those that
only matter for a deployed table, and rejects all others.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  (botocore's, the base of all its connection errors)
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from local.errors import LocalError
from local.settings import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DEFINITION = ROOT / "infra" / "tables.json"
# The setting that names the table of each logical id.
TABLE_NAME_SETTINGS = {
    "ConversationsTable": "CHAT_CONVERSATIONS_TABLE",
    "ConnectionsTable": "CHAT_CONNECTIONS_TABLE",
}

_COPIED_PROPERTIES = (
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
)
_INDEX_PROPERTIES = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")
_MAPPED_PROPERTIES = ("GlobalSecondaryIndexes", "StreamSpecification", "TimeToLiveSpecification")
# Protection, cost and administration of a deployed table.
_IGNORED_PROPERTIES = (
    "TableName",
    "TableClass",
    "Tags",
    "SSESpecification",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "ContributorInsightsSpecification",
    "OnDemandThroughput",
    "WarmThroughput",
)
_POLL_SECONDS = 0.05

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table to create: its name, the parameters of CreateTable, and its time-to-live attribute."""

    name: str
    parameters: Json
    ttl_attribute: str | None


def read_tables(settings: Mapping[str, str], definition: Path = DEFINITION) -> list[Table]:
    """Return the tables of the definition, with the names from the settings.

    Raises LocalError if the definition cannot be read, has an unknown property, or defines a table that no setting
    names.
    """
    try:
        resources = json.loads(definition.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise LocalError(f"{definition} is not a valid table definition: {exc}") from exc
    return [
        _table(logical_id, resource["Properties"], settings, definition)
        for logical_id, resource in resources.items()
        if resource.get("Type") == "AWS::DynamoDB::Table"
    ]


def _table(logical_id: str, properties: Json, settings: Mapping[str, str], definition: Path) -> Table:
    unknown = properties.keys() - {*_COPIED_PROPERTIES, *_MAPPED_PROPERTIES, *_IGNORED_PROPERTIES}
    if unknown:
        raise LocalError(
            f"{definition}: {logical_id} has the unknown properties {', '.join(sorted(unknown))}. Add them to"
            " local/tables.py, either as copied or as ignored."
        )
    name = settings.get(TABLE_NAME_SETTINGS.get(logical_id, ""))
    if not name:
        raise LocalError(f"{definition} defines {logical_id}, but no setting gives its table name.")
    parameters: Json = {"TableName": name, "BillingMode": "PROVISIONED"}
    parameters |= {key: properties[key] for key in _COPIED_PROPERTIES if key in properties}
    if "GlobalSecondaryIndexes" in properties:
        parameters["GlobalSecondaryIndexes"] = [
            {key: index[key] for key in _INDEX_PROPERTIES if key in index}
            for index in properties["GlobalSecondaryIndexes"]
        ]
    if "StreamSpecification" in properties:
        # CloudFormation only names the view type; StreamEnabled is implied.
        view = properties["StreamSpecification"]["StreamViewType"]
        parameters["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    expiry = properties.get("TimeToLiveSpecification", {})
    return Table(name, parameters, expiry.get("AttributeName") if expiry.get("Enabled") else None)


def dynamodb_client(url: str) -> DynamoDBClient:
    """Return a client with short timeouts for interactive use; boto3 finds the credentials."""
    config = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2})
    with _translating_errors(url):
        client: DynamoDBClient = boto3.client("dynamodb", endpoint_url=url, config=config)
    return client


def ensure_tables(client: DynamoDBClient, tables: list[Table], *, timeout: float = 60.0) -> list[str]:
    """Create missing tables and wait up to `timeout` seconds until all are active. Idempotent.

    Returns the names of the created tables. Another process may do the same concurrently. Raises LocalError if the
    store cannot be used, or has a table of that name with a different key schema.
    """
    url = client.meta.endpoint_url
    with _translating_errors(url):
        created = [table.name for table in tables if _create(client, table)]
        deadline = time.monotonic() + timeout
        for table in tables:
            description = _wait_until_active(client, table, deadline)
            _check_keys(table, description, url)
            _ensure_ttl(client, table)
    return created


def _create(client: DynamoDBClient, table: Table) -> bool:
    """Create the table unless it exists; return whether it was created."""
    if _describe(client, table) is not None:
        return False
    try:
        client.create_table(**table.parameters)
    except client.exceptions.ResourceInUseException:  # another process created it concurrently
        return False
    return True


def _describe(client: DynamoDBClient, table: Table) -> Mapping[str, Any] | None:
    try:
        return client.describe_table(TableName=table.name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None


def _wait_until_active(client: DynamoDBClient, table: Table, deadline: float) -> Mapping[str, Any]:
    while True:
        description = _describe(client, table)
        # DescribeTable is eventually consistent: it may not find a new table at first.
        if description is not None and description["TableStatus"] == "ACTIVE":
            return description
        if time.monotonic() > deadline:
            status = "unknown" if description is None else description["TableStatus"]
            raise LocalError(f"Table {table.name} did not become active; its status is {status}.")
        time.sleep(_POLL_SECONDS)


def _check_keys(table: Table, description: Mapping[str, Any], url: str) -> None:
    expected, actual = _keys(table.parameters), _keys(description)
    if any(actual.get(owner) != keys for owner, keys in expected.items()):
        raise LocalError(
            f"The store at {url} has a table {table.name} with a different key schema than {DEFINITION.name}"
            f" (found: {actual}; expected: {expected}). Delete that table, or use another store or"
            " --data directory."
        )


def _keys(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the key schemas of a table and its indexes, such as {"table": "pk S HASH, sk S RANGE"}."""
    types = {
        attribute["AttributeName"]: attribute["AttributeType"] for attribute in description["AttributeDefinitions"]
    }
    schemas = {"table": description["KeySchema"]}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        schemas |= {index["IndexName"]: index["KeySchema"] for index in description.get(kind, ())}
    return {owner: ", ".join(_key(part, types) for part in schema) for owner, schema in schemas.items()}


def _key(part: Mapping[str, str], types: Mapping[str, str]) -> str:
    name = part["AttributeName"]
    return f"{name} {types[name]} {part['KeyType']}"


def _ensure_ttl(client: DynamoDBClient, table: Table) -> None:
    if table.ttl_attribute is None:
        return
    current = client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    if current["TimeToLiveStatus"] == "DISABLED":
        specification: Any = {"Enabled": True, "AttributeName": table.ttl_attribute}
        client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=specification)


@contextlib.contextmanager
def _translating_errors(url: str) -> Iterator[None]:
    """Translate boto3's exceptions into LocalErrors that name the store's URL."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise LocalError(
            f"The store at {url} needs AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
            " AWS_PROFILE."
        ) from None
    except NoRegionError:
        raise LocalError(f"The store at {url} needs a region: set AWS_DEFAULT_REGION.") from None
    except (ConnectionError, HTTPClientError) as exc:
        raise LocalError(
            f"No DynamoDB endpoint answers at {url} ({type(exc).__name__}): is the URL right?"
        ) from None
    except ClientError as exc:
        error = exc.response.get("Error", {})
        raise LocalError(
            f"The store at {url} rejected {exc.operation_name}:"
            f" {error.get('Code', 'no error code')} {error.get('Message', '')}".rstrip()
        ) from None
    except (BotoCoreError, ValueError) as exc:  # ValueError: "Invalid endpoint"
        raise LocalError(f"The store at {url} cannot be used: {exc}") from None
