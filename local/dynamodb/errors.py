"""Error responses of the DynamoDB API (API reference, "Error handling with DynamoDB")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CONDITION_FAILED = "The conditional request failed"
_VALIDATION_NAMESPACE = "com.amazon.coral.validate#"
_SERVICE_NAMESPACE = "com.amazonaws.dynamodb.v20120810#"
_NAMESPACES = {
    "ValidationException": _VALIDATION_NAMESPACE,
    "SerializationException": "com.amazon.coral.service#",
    "UnknownOperationException": "com.amazon.coral.service#",
}


class DynamoError(Exception):
    """An operation failed; `response` has the shape that botocore gives to an error."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members

    @property
    def response(self) -> dict[str, Any]:
        """The error as botocore shows it: `Error`, `ResponseMetadata` and the members of the shape."""
        return {
            "Error": {"Code": self.code, "Message": self.message},
            "ResponseMetadata": {"HTTPStatusCode": self.status, "RetryAttempts": 0},
            **self.members,
        }

    @property
    def wire(self) -> dict[str, Any]:
        """The error as the body of an HTTP response of the JSON protocol."""
        # The service model spells the member with a capital in this shape only.
        name = "Message" if self.code == "TransactionCanceledException" else "message"
        qualified = f"{_NAMESPACES.get(self.code, _SERVICE_NAMESPACE)}{self.code}"
        return {"__type": qualified, name: self.message, **self.members}


def validation(message: str) -> DynamoError:
    """Return the error for a request that is not valid."""
    return DynamoError("ValidationException", message)


def invalid_parameter(message: str) -> DynamoError:
    """Return the error for a parameter with a value that is not valid."""
    return validation(f"One or more parameter values were invalid: {message}")


def constraint(value: str | None, member: str, rule: str) -> DynamoError:
    """Return the error for one violated constraint of the service model.

    `member` is a path in camel case; `value` None leaves the value out of the message.
    """
    shown = value if value == "null" or value is None else f"'{value}'"
    return constraints([violation(shown, member, rule)])


def constraints(violations: Sequence[str]) -> DynamoError:
    """Return the error for violated constraints of the service model."""
    count = "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
    return validation(f"{count} detected: {'; '.join(violations)}")


def violation(value: str | None, member: str, rule: str) -> str:
    """Return the part of a message about one constraint."""
    shown = "" if value is None else f" {value}"
    return f"Value{shown} at '{member}' failed to satisfy constraint: Member must {rule}"


def unsupported(feature: str, instead: str = "") -> DynamoError:
    """Return the error for a feature of DynamoDB that this engine does not have, by its name."""
    advice = f"; {instead}" if instead else ""
    return validation(f"{feature} is not supported by the embedded DynamoDB engine{advice}")


def condition_failed(item: Mapping[str, Any] | None) -> DynamoError:
    """Return the error for a condition that does not hold, with the item if the caller asked for it."""
    members: dict[str, Any] = {} if item is None else {"Item": item}
    return DynamoError("ConditionalCheckFailedException", CONDITION_FAILED, **members)


def transaction_cancelled(reasons: Iterable[Mapping[str, Any]]) -> DynamoError:
    """Return the error for a transaction that did nothing, with one reason for each operation."""
    listed = list(reasons)
    codes = ", ".join(reason["Code"] for reason in listed)
    return DynamoError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=listed,
    )


def table_not_found(name: str, *, control_plane: bool = False) -> DynamoError:
    """Return the error for a table that does not exist; operations on tables name it."""
    message = "Requested resource not found"
    return DynamoError(
        "ResourceNotFoundException", f"{message}: Table: {name} not found" if control_plane else message
    )


def internal_server_error() -> DynamoError:
    """Return the error for a failure of the storage: HTTP 500, which clients retry."""
    return DynamoError("InternalServerError", "Internal server error", 500)
