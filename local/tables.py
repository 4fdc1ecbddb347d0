"""Create the tables on any DynamoDB endpoint from the definition that is deployed (`infra/tables.json`).

CloudFormation and the DynamoDB API name some properties differently. This module maps them, ignores those that
only matter for a deployed table, and rejects all others.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.settings import ROOT

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
_MAPPED_PROPERTIES = ("GlobalSecondaryIndexes", "TimeToLiveSpecification")
# Protection, cost and administration of a deployed table, and its stream: `local/stream.py` reads the change feed.
_IGNORED_PROPERTIES = (
    "TableName",
    "TableClass",
    "Tags",
    "SSESpecification",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "ContributorInsightsSpecification",
    "OnDemandThroughput",
    "StreamSpecification",
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
    expiry = properties.get("TimeToLiveSpecification", {})
    return Table(name, parameters, expiry.get("AttributeName") if expiry.get("Enabled") else None)


def ensure_tables(
    client: Any, tables: list[Table], *, store: str = "The store", timeout: float = 60.0
) -> list[str]:
    """Create missing tables and wait up to `timeout` seconds until all are active. Idempotent.

    `client` has the methods of the SDK's client, and its errors have a `response`. Returns the names of the
    created tables. Another process may do the same concurrently. Raises LocalError if the store has a table of
    that name with a different key schema, and what the client raises.
    """
    created = [table.name for table in tables if _create(client, table)]
    deadline = time.monotonic() + timeout
    for table in tables:
        description = _wait_until_active(client, table, deadline)
        _check_keys(table, description, store)
        _ensure_ttl(client, table)
    return created


def _create(client: Any, table: Table) -> bool:
    """Create the table unless it exists; return whether it was created."""
    if _describe(client, table) is not None:
        return False
    try:
        client.create_table(**table.parameters)
    except Exception as error:
        if _code(error) != "ResourceInUseException":
            raise
        return False  # another process created it concurrently
    return True


def _describe(client: Any, table: Table) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = client.describe_table(TableName=table.name)["Table"]
    except Exception as error:
        if _code(error) != "ResourceNotFoundException":
            raise
        return None
    return found


def _code(error: Exception) -> str | None:
    """Return the code of a service's error, or None for another exception."""
    response = getattr(error, "response", None)
    return response["Error"]["Code"] if isinstance(response, dict) else None


def _wait_until_active(client: Any, table: Table, deadline: float) -> Mapping[str, Any]:
    while True:
        description = _describe(client, table)
        # DescribeTable is eventually consistent: it may not find a new table at first.
        if description is not None and description["TableStatus"] == "ACTIVE":
            return description
        if time.monotonic() > deadline:
            status = "unknown" if description is None else description["TableStatus"]
            raise LocalError(f"Table {table.name} did not become active; its status is {status}.")
        time.sleep(_POLL_SECONDS)


def _check_keys(table: Table, description: Mapping[str, Any], store: str) -> None:
    expected, actual = _keys(table.parameters), _keys(description)
    if any(actual.get(owner) != keys for owner, keys in expected.items()):
        raise LocalError(
            f"{store} has a table {table.name} with a different key schema than {DEFINITION.name}"
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


def _ensure_ttl(client: Any, table: Table) -> None:
    if table.ttl_attribute is None:
        return
    current = client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    if current["TimeToLiveStatus"] == "DISABLED":
        specification: Any = {"Enabled": True, "AttributeName": table.ttl_attribute}
        client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=specification)
