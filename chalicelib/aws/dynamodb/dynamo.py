"""Calls of DynamoDB, with the retries that a client does not make, and errors in the core's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.aws.dynamodb.errors import (
    CONDITION_FAILED,
    TRANSACTION_CANCELLED,
    TRANSACTION_CONFLICT,
    TransactionCancelled,
    error_response,
    is_no_response,
)
from chalicelib.aws.dynamodb.values import unmarshal_optional
from chalicelib.core.kernel.backoff import full_jitter, retry_after
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.ports.commits import WriteConflict

Operation = dict[str, Any]
"""One operation of a transaction, as TransactWriteItems takes it."""
Entries = Callable[..., list[Operation]]
"""Returns the operations that queue an entry of the deployment log: `entries(type, **fields)`."""

MAX_TRANSACTION = 100
"""How many operations a transaction can have (DynamoDB's limit)."""
MAX_ATTEMPTS = 8
_CONFLICT_BACKOFF = {"base": 0.025, "cap": 0.2}
_UNPROCESSED_BACKOFF = {"base": 0.04, "cap": 2.0}
"""Bounds of the delays before retries, in seconds."""


def no_entries(_event_type: str, **_fields: str | int) -> list[Operation]:
    """Queue nothing: events are not published."""
    return []


class Dynamo:
    """A DynamoDB client with the retries that the client itself does not make."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    @property
    def now(self) -> int:
        """The time in epoch seconds, as `expires_at` has it."""
        return int(self._clock.now())

    @property
    def milliseconds(self) -> int:
        """The time in milliseconds since the epoch."""
        return milliseconds(self._clock)

    def is_expired(self, item: Mapping[str, Any]) -> bool:
        """Return whether an item counts as absent."""
        expires_at = item.get("expires_at")
        return expires_at is not None and int(expires_at) <= self.now

    def transact(self, operations: Sequence[Operation]) -> None:
        """Execute all of `operations` or none (TransactWriteItems).

        Raises:
            TransactionCancelled: none was executed.
            Unavailable: the outcome is unknown.
        """
        try:
            self.call("transact_write_items", TransactItems=list(operations))
        except Exception as error:
            response = error_response(error)
            if response is None or response["Error"]["Code"] != TRANSACTION_CANCELLED:
                raise
            reasons = response.get("CancellationReasons", [])
            raise TransactionCancelled(
                [(reason.get("Code", "None"), unmarshal_optional(reason.get("Item"))) for reason in reasons]
            ) from error

    def try_transact(self, operations: Sequence[Operation]) -> bool:
        """Execute all of `operations`, or none and return False if a condition failed.

        Raises:
            WriteConflict: none was executed, because of a write in progress.
            Unavailable: the outcome is unknown.
        """
        try:
            self.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            return False
        return True

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the client.

        Errors about conditions are raised as the client raises them. All others become Unavailable.
        """
        for attempt in range(MAX_ATTEMPTS):
            try:
                return getattr(self._client, method)(**arguments)
            except Exception as error:
                response = error_response(error)
                if response is None:
                    if not is_no_response(error):
                        raise
                    raise Unavailable(retry_after=retry_after()) from error
                code = response["Error"]["Code"]
                if code in (CONDITION_FAILED, TRANSACTION_CANCELLED):
                    raise
                # A single write that met a transaction in progress: the client does not retry that.
                if code != TRANSACTION_CONFLICT or attempt == MAX_ATTEMPTS - 1:
                    raise Unavailable(retry_after=retry_after()) from error
                self._clock.sleep(full_jitter(attempt, **_CONFLICT_BACKOFF))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def call_until_processed(self, method: str, requests: Mapping[str, Any], unprocessed: str) -> list[Any]:
        """Call a batch method until all of `requests` are processed; return the responses.

        `unprocessed` names the part of a response with the requests that are left. Raises Unavailable.
        """
        responses = []
        for attempt in range(MAX_ATTEMPTS):
            response = self.call(method, RequestItems=requests)
            responses.append(response)
            requests = response.get(unprocessed) or {}
            if not requests:
                return responses
            self._clock.sleep(full_jitter(attempt, **_UNPROCESSED_BACKOFF))
        raise Unavailable
