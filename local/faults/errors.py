"""DynamoDB's errors as boto3 raises them, and the crash of a process.

Codes, messages and members follow the DynamoDB API reference and botocore's service model. If the inner client has
exception classes (``client.exceptions``), they are used, so that ``except
client.exceptions.TransactionCanceledException`` works; otherwise the error is a plain ``ClientError``. Catching
``ClientError`` and checking ``response["Error"]["Code"]`` works in both cases.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from local.faults.calls import Call

_CONFLICT_MESSAGE = "Transaction is ongoing for the item"
_THROUGHPUT_MESSAGE = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
_RATE_MESSAGE = "Throughput exceeds the current capacity of your table or index."
# The service model capitalises this member only in these two shapes.
_CAPITAL_MESSAGE = frozenset({"TransactionCanceledException", "TransactionInProgressException"})
_THROTTLING_REASONS = {
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ThrottlingException": "ThrottlingError",
}


class Crash(BaseException):
    """The process that made the call has crashed.

    Not an ``Exception``, so that no error handler of the code under test catches it.
    """


def transaction_conflict(client: object, call: Call) -> ClientError:
    """Make the error of a single write to an item of a running transaction."""
    return _client_error(client, call, "TransactionConflictException", _CONFLICT_MESSAGE)


def transaction_in_progress(client: object, call: Call) -> ClientError:
    """Make the error of a transaction whose ClientRequestToken belongs to a running one."""
    message = "The transaction with the given request token is already in progress."
    return _client_error(client, call, "TransactionInProgressException", message)


def cancelled_by_conflict(client: object, call: Call, positions: frozenset[int]) -> ClientError:
    """Make the error of a transaction whose actions at ``positions`` (from 0) conflict with a running one."""
    reason = {"Code": "TransactionConflict", "Message": _CONFLICT_MESSAGE}
    return _cancelled(client, call, dict.fromkeys(positions, reason))


def throttled(client: object, call: Call, code: str, positions: frozenset[int] = frozenset({0})) -> ClientError:
    """Make a throttling error: ``code`` for a single call, a cancellation for a transaction.

    In a transaction, the actions at ``positions`` (from 0) are reported as throttled.
    """
    message = _THROUGHPUT_MESSAGE if code == "ProvisionedThroughputExceededException" else _RATE_MESSAGE
    if call.operation != "transact_write_items":
        return _client_error(client, call, code, message)
    reason = {"Code": _THROTTLING_REASONS[code], "Message": message}
    return _cancelled(client, call, dict.fromkeys(positions, reason))


def internal_error(client: object, call: Call) -> ClientError:
    """Make an HTTP 500; the outcome of a write is unknown to the caller."""
    return _client_error(client, call, "InternalServerError", "Internal server error", status=500)


def read_timeout(client: object) -> ReadTimeoutError:
    """Make a timeout after the request was sent; the outcome of a write is unknown to the caller."""
    return ReadTimeoutError(endpoint_url=_endpoint(client))


def unreachable(client: object) -> EndpointConnectionError:
    """Make the error of a failed connection attempt: nothing was sent."""
    return EndpointConnectionError(endpoint_url=_endpoint(client))


def unprocessed_items(call: Call, requests: Mapping[str, Any]) -> dict[str, Any]:
    """Make the response (HTTP 200) to a BatchWriteItem that did not execute ``requests``."""
    return {"UnprocessedItems": dict(requests), "ResponseMetadata": _metadata(call, 200)}


def is_conflict(error: BaseException) -> bool:
    """Return whether DynamoDB rejected a call only because of a running transaction."""
    return _is_only(error, {"TransactionConflictException"}, {"TransactionConflict"})


def is_throttled(error: BaseException) -> bool:
    """Return whether DynamoDB rejected a call only because of a limit: it has consumed nothing."""
    return _is_only(error, set(_THROTTLING_REASONS), set(_THROTTLING_REASONS.values()))


def _is_only(error: BaseException, errors: set[str], reasons: set[str]) -> bool:
    """Return whether an error is one of ``errors``, or a cancellation with some of ``reasons`` and no others."""
    if not isinstance(error, ClientError):
        return False
    response: Mapping[str, Any] = error.response
    code = response["Error"]["Code"]
    if code != "TransactionCanceledException":
        return code in errors
    codes = {reason.get("Code") for reason in response.get("CancellationReasons", [])} - {"None"}
    return bool(codes) and codes <= reasons


def _cancelled(client: object, call: Call, reasons: Mapping[int, Mapping[str, Any]]) -> ClientError:
    """Make a cancelled transaction; actions without a reason get the code ``None``."""
    ordered = [dict(reasons.get(at, {"Code": "None"})) for at in range(len(call.keys))]
    codes = ", ".join(reason["Code"] for reason in ordered)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return _client_error(client, call, "TransactionCanceledException", message, CancellationReasons=ordered)


def _client_error(
    client: object, call: Call, code: str, message: str, *, status: int = 400, **members: Any
) -> ClientError:
    response = {
        "Error": {"Message": message, "Code": code},
        "ResponseMetadata": _metadata(call, status),
        "Message" if code in _CAPITAL_MESSAGE else "message": message,
        **members,
    }
    operation_name = "".join(word.capitalize() for word in call.operation.split("_"))
    exceptions = getattr(client, "exceptions", None)
    error_class: type[ClientError] = exceptions.from_code(code) if exceptions is not None else ClientError
    return error_class(response, operation_name)  # type: ignore[arg-type]  # a stricter TypedDict in the stubs


def _metadata(call: Call, status: int) -> dict[str, Any]:
    return {
        "RequestId": f"{call.operation}-{call.number}",
        "HTTPStatusCode": status,
        "HTTPHeaders": {},
        "RetryAttempts": 0,
    }


def _endpoint(client: object) -> str:
    meta = getattr(client, "meta", None)
    return str(getattr(meta, "endpoint_url", "the DynamoDB endpoint"))
