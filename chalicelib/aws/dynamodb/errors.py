"""The errors of writes, and how the errors of a client are recognised.

The product's client raises `ServiceError` and `NoResponse`. The SDK's client, which some tests use, raises errors
with the same meaning; they are recognised without importing the SDK, which would dominate a cold start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.dynamodb.values import Item
from chalicelib.awshttp import NoResponse

CONDITION_FAILED = "ConditionalCheckFailedException"
TRANSACTION_CANCELLED = "TransactionCanceledException"
TRANSACTION_CONFLICT = "TransactionConflictException"


class ConditionFailed(Exception):
    """A conditional write did nothing. `item` is the item that was there, if any."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition of a write failed")
        self.item = item


@dataclass
class TransactionCancelled(Exception):
    """A transaction did nothing. There is one reason for each operation: a code, and the item that was there."""

    reasons: Sequence[tuple[str, Item | None]]

    def failed(self, index: int) -> bool:
        """Return whether the condition of the operation at `index` failed."""
        return self.reasons[index][0] == "ConditionalCheckFailed"

    @property
    def is_conflict(self) -> bool:
        """Whether no condition failed: the reasons are conflicts with other writes, or throttling."""
        return all(code != "ConditionalCheckFailed" for code, _ in self.reasons)


def error_response(error: Exception) -> Mapping[str, Any] | None:
    """Return the response of the service that an error carries, or None if it carries none."""
    response = getattr(error, "response", None)
    return response if isinstance(response, Mapping) and "Error" in response else None


def is_no_response(error: Exception) -> bool:
    """Return whether the client received no response, so that the outcome is unknown."""
    return isinstance(error, NoResponse) or type(error).__module__ == "botocore.exceptions"
