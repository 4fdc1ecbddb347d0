"""CreateTable, DescribeTable, DeleteTable, ListTables, UpdateTimeToLive and DescribeTimeToLive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.dynamodb.arguments import (
    MIN_NEW_TABLE_NAME,
    check_arguments,
    positive_integer,
    require,
    require_list,
    require_map,
    table_name,
)
from local.dynamodb.database import Database
from local.dynamodb.errors import (
    DynamoError,
    constraint,
    invalid_parameter,
    table_not_found,
    unsupported,
    validation,
)
from local.dynamodb.schema import Table
from local.dynamodb.table_codec import table_of

ARN = "arn:aws:dynamodb:local:000000000000:table/"
MAX_LISTED = 100
_KEY_TYPES = ("S", "N", "B")
_CREATE = (
    "TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "TableClass",
    "SSESpecification", "DeletionProtectionEnabled", "Tags", "OnDemandThroughput", "WarmThroughput",
)  # fmt: skip
"""The accepted parameters: keys and capacity, and settings of a deployed table that have no effect here."""
_UNSUPPORTED = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes", "StreamSpecification", "ResourcePolicy")


class TableOperations:
    """Each method takes the arguments of the operation and returns its answer, or raises DynamoError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_table(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Create a table; it is active at once."""
        for feature in _UNSUPPORTED:
            if _is_wanted(arguments.get(feature)):
                raise unsupported(f"{feature} of CreateTable")
        check_arguments("CreateTable", arguments, (*_CREATE, *_UNSUPPORTED))
        if arguments.get("TableName") is None:
            raise validation("The parameter 'TableName' is required but was not present in the request")
        name = table_name(arguments, MIN_NEW_TABLE_NAME)
        description = {
            "AttributeDefinitions": _definitions(arguments),
            "KeySchema": _key_schema(arguments),
            "BillingMode": arguments.get("BillingMode", "PROVISIONED"),
            "ProvisionedThroughput": arguments.get("ProvisionedThroughput"),
            "CreationDateTime": self._database.clock(),
        }
        _check_schema(description)
        _check_capacity(description)
        with self._database.storage.writing:
            if self._database.find_table(name) is not None:
                raise DynamoError("ResourceInUseException", f"Table already exists: {name}")
            table = self._database.storage.create_table(table_of(name, description))
            self._database.register(table)
        return {"TableDescription": _described(table, "ACTIVE")}

    def describe_table(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Describe a table."""
        check_arguments("DescribeTable", arguments, ("TableName",))
        return {"Table": _described(self._table(arguments), "ACTIVE")}

    def delete_table(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Delete a table and its items."""
        check_arguments("DeleteTable", arguments, ("TableName",))
        with self._database.storage.writing:
            table = self._table(arguments)
            self._database.storage.delete_table(table)
            self._database.unregister(table)
        return {"TableDescription": _described(table, "DELETING")}

    def list_tables(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """List up to 100 names of tables."""
        check_arguments("ListTables", arguments, ("Limit", "ExclusiveStartTableName"))
        limit = positive_integer(arguments, "Limit") or MAX_LISTED
        if limit > MAX_LISTED:
            raise constraint(str(limit), "limit", f"have value less than or equal to {MAX_LISTED}")
        after = arguments.get("ExclusiveStartTableName") or ""
        names = [name for name in self._database.table_names() if name > after]
        page: dict[str, Any] = {"TableNames": names[:limit]}
        return page if len(names) <= limit else {**page, "LastEvaluatedTableName": names[limit - 1]}

    def update_time_to_live(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Name the attribute by which items expire, or let them expire no longer."""
        check_arguments("UpdateTimeToLive", arguments, ("TableName", "TimeToLiveSpecification"))
        specification = require_map(require(arguments, "TimeToLiveSpecification"), "TimeToLiveSpecification")
        attribute, enabled = specification.get("AttributeName"), specification.get("Enabled")
        if type(attribute) is not str or not 1 <= len(attribute) <= 255:
            raise constraint(
                str(attribute),
                "timeToLiveSpecification.attributeName",
                "have length greater than or equal to 1",
            )
        with self._database.storage.writing:
            table = self._table(arguments)
            if enabled and table.expires_by is not None:
                raise validation("TimeToLive is already enabled")
            if not enabled and table.expires_by is None:
                raise validation("TimeToLive is already disabled")
            changed = replace(table, expires_by=attribute if enabled else None)
            self._database.storage.update_table(changed)
            self._database.register(changed)
        return {"TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": bool(enabled)}}

    def describe_time_to_live(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attribute by which items expire."""
        check_arguments("DescribeTimeToLive", arguments, ("TableName",))
        attribute = self._table(arguments).expires_by
        if attribute is None:
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}

    def _table(self, arguments: Mapping[str, Any]) -> Table:
        name = table_name(arguments)
        table = self._database.find_table(name)
        if table is None:
            raise table_not_found(name, control_plane=True)
        return table


def _is_wanted(feature: Any) -> bool:
    return bool(feature) and feature != {"StreamEnabled": False}


def _definitions(arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    definitions = require_list(require(arguments, "AttributeDefinitions"), "AttributeDefinitions")
    for at, definition in enumerate(definitions, 1):
        kind = require_map(definition, "An attribute definition").get("AttributeType")
        if kind not in _KEY_TYPES:
            member = f"attributeDefinitions.{at}.member.attributeType"
            raise constraint(str(kind), member, "satisfy enum value set: [B, N, S]")
    return definitions


def _key_schema(arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    schema = require_list(require(arguments, "KeySchema"), "KeySchema")
    if not 1 <= len(schema) <= 2:
        rule = "less than or equal to 2" if schema else "greater than or equal to 1"
        raise constraint(str(schema), "keySchema", f"have length {rule}")
    for at, element in enumerate(schema, 1):
        kind = require_map(element, "An element of a key schema").get("KeyType")
        if kind not in ("HASH", "RANGE"):
            raise constraint(str(kind), f"keySchema.{at}.member.keyType", "satisfy enum value set: [HASH, RANGE]")
    return schema


def _check_schema(description: Mapping[str, Any]) -> None:
    kinds = [element["KeyType"] for element in description["KeySchema"]]
    names = [element.get("AttributeName") for element in description["KeySchema"]]
    if kinds[0] != "HASH":
        raise validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(kinds) == 2 and kinds[1] != "RANGE":
        raise validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(set(names)) < len(names):
        raise validation("Invalid KeySchema: Some index key attribute have no definition")
    defined = [definition.get("AttributeName") for definition in description["AttributeDefinitions"]]
    if not set(names) <= set(defined):
        missing = [name for name in names if name not in defined]
        raise invalid_parameter(
            "Some index key attributes are not defined in AttributeDefinitions."
            f" Keys: [{', '.join(map(str, missing))}], AttributeDefinitions: [{', '.join(map(str, defined))}]"
        )
    if len(defined) != len(names):
        raise invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in"
            " AttributeDefinitions"
        )


def _check_capacity(description: Mapping[str, Any]) -> None:
    mode, throughput = description["BillingMode"], description["ProvisionedThroughput"]
    if mode == "PAY_PER_REQUEST" and throughput is not None:
        raise invalid_parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
    if mode == "PROVISIONED" and throughput is None:
        raise invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )


def _described(table: Table, status: str) -> dict[str, Any]:
    """Return a `TableDescription`, without the counts of items: DynamoDB's own are hours old as well."""
    known = table.description
    described: dict[str, Any] = {
        "TableName": table.name,
        "TableStatus": status,
        "TableArn": f"{ARN}{table.name}",
        "CreationDateTime": known["CreationDateTime"],
        "AttributeDefinitions": known["AttributeDefinitions"],
        "KeySchema": known["KeySchema"],
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            **(known["ProvisionedThroughput"] or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}),
        },
    }
    if known["BillingMode"] == "PAY_PER_REQUEST":
        described["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
    return described
