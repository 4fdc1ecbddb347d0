"""The arguments of operations: known ones, of the right type, within their limits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from local.dynamodb.errors import DynamoError, constraint, constraints, unsupported, violation
from local.dynamodb.expressions import NAMES, VALUES

MAX_TABLE_NAME = 255
MIN_NEW_TABLE_NAME = 3
_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_INSTEAD = {
    "AttributesToGet": "use ProjectionExpression",
    "AttributeUpdates": "use UpdateExpression",
    "Expected": "use ConditionExpression",
    "ConditionalOperator": "use AND and OR in an expression",
    "KeyConditions": "use KeyConditionExpression",
    "QueryFilter": "use FilterExpression",
    "IndexName": "tables have no indexes here",
}
"""The legacy parameters and their replacements (developer guide, "Legacy conditional parameters")."""
_CHOICES = {
    "ReturnConsumedCapacity": ("INDEXES", "TOTAL", "NONE"),
    "ReturnItemCollectionMetrics": ("SIZE", "NONE"),
    "ReturnValues": ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"),
    "ReturnValuesOnConditionCheckFailure": ("ALL_OLD", "NONE"),
    "Select": ("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"),
    "BillingMode": ("PROVISIONED", "PAY_PER_REQUEST"),
}

ON_WRITE = frozenset(
    {
        "TableName", "ConditionExpression", NAMES, VALUES, "ReturnValues", "ReturnValuesOnConditionCheckFailure",
        "ReturnConsumedCapacity", "ReturnItemCollectionMetrics",
    }
)  # fmt: skip
ON_READ = frozenset({"TableName", "ProjectionExpression", NAMES, "ConsistentRead", "ReturnConsumedCapacity"})


def check_arguments(operation: str, arguments: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise DynamoError for an argument that the operation does not know here, or for a wrong choice."""
    violations = []
    for name, value in arguments.items():
        if name not in known:
            raise unsupported(f"{name} of {operation}", _INSTEAD.get(name, ""))
        options = _CHOICES.get(name)
        if options is not None and value is not None and value not in options:
            rule = f"satisfy enum value set: [{', '.join(options)}]"
            violations.append(violation(f"'{value}'", member_name(name), rule))
    if violations:
        if "TableName" in known:
            table_name(arguments)
        raise constraints(violations)


def require(arguments: Mapping[str, Any], name: str) -> Any:
    """Return an argument. Raises DynamoError if it is missing."""
    value = arguments.get(name)
    if value is None:
        raise constraint("null", member_name(name), "not be null")
    return value


def member_name(argument: str) -> str:
    """Return the name of an argument as messages about constraints have it."""
    return argument[0].lower() + argument[1:]


def table_name(arguments: Mapping[str, Any], minimum: int = 1) -> str:
    """Return the name of the table. Raises DynamoError if it cannot be one."""
    name = arguments.get("TableName")
    if type(name) is str and minimum <= len(name) <= MAX_TABLE_NAME and _TABLE_NAME.fullmatch(name):
        return name
    if name is None:
        raise constraint("null", "tableName", "not be null")
    if type(name) is not str:
        raise DynamoError("SerializationException", "TableName is not a string")
    if len(name) < minimum:
        raise constraint(name, "tableName", f"have length greater than or equal to {minimum}")
    if len(name) > MAX_TABLE_NAME:
        raise constraint(name, "tableName", f"have length less than or equal to {MAX_TABLE_NAME}")
    raise constraint(name, "tableName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")


def choice(arguments: Mapping[str, Any], name: str, default: str = "NONE") -> str:
    """Return an argument that `check_arguments` has found to be one of its options."""
    value = arguments.get(name)
    return default if value is None else str(value)


def boolean(arguments: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """Return a boolean argument. Raises DynamoError if it is none."""
    value = arguments.get(name)
    if value is None:
        return default
    if type(value) is not bool:
        raise DynamoError("SerializationException", f"{name} is not a boolean")
    return value


def positive_integer(arguments: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number from 1 on, or None if it is not given. Raises DynamoError."""
    value = arguments.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise DynamoError("SerializationException", f"{name} is not an integer")
    if value < 1:
        raise constraint(None, name, "have value greater than or equal to 1")
    return value


def require_map(value: Any, name: str) -> dict[str, Any]:
    """Return a map. Raises DynamoError if it is none."""
    if not isinstance(value, dict):
        raise DynamoError("SerializationException", f"{name} is not a map")
    return value


def require_list(value: Any, name: str) -> list[Any]:
    """Return a list. Raises DynamoError if it is none."""
    if not isinstance(value, list | tuple):
        raise DynamoError("SerializationException", f"{name} is not a list")
    return list(value)
