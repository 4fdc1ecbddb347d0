"""Error responses of the SQS API (API reference, "Common Error Types" and the errors of each action)."""

from __future__ import annotations

from typing import Any

_CORAL = "com.amazon.coral.service#"
_SQS = "com.amazonaws.sqs#"
_CORAL_CODES = frozenset(
    {
        "InvalidParameterValueException",
        "MissingRequiredParameterException",
        "SerializationException",
        "UnknownOperationException",
    }
)
# The codes of the former query protocol, by which the SDKs name the errors ("x-amzn-query-error").
_QUERY_CODES = {
    "InvalidParameterValueException": "InvalidParameterValue",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
    "MissingRequiredParameterException": "MissingParameter",
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
}


class SqsError(Exception):
    """An operation failed; `response` has the shape that botocore gives to an error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    @property
    def response(self) -> dict[str, Any]:
        """The error as `chalicelib.awshttp` shows it: by its code in the JSON protocol."""
        return {
            "Error": {"Code": self.code, "Message": self.message},
            "ResponseMetadata": {"HTTPStatusCode": self.status},
        }

    @property
    def wire(self) -> dict[str, Any]:
        """The error as the body of an HTTP response of the JSON protocol."""
        namespace = _CORAL if self.code in _CORAL_CODES else _SQS
        return {"__type": f"{namespace}{self.code}", "message": self.message}

    @property
    def headers(self) -> dict[str, str]:
        """The header with the code of the query protocol, and with the side that is at fault."""
        fault = "Sender" if self.status < 500 else "Receiver"
        return {"x-amzn-query-error": f"{_QUERY_CODES.get(self.code, self.code)};{fault}"}


def missing(parameter: str) -> SqsError:
    """Return the error for a request without a required parameter."""
    return SqsError("MissingRequiredParameterException", f"The request must contain the parameter {parameter}.")


def invalid(parameter: str, value: object, reason: str) -> SqsError:
    """Return the error for a parameter with a value that is not valid."""
    return SqsError(
        "InvalidParameterValueException", f"Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    )


def unsupported(feature: str) -> SqsError:
    """Return the error for a feature of SQS that this engine does not have, by its name."""
    return SqsError("UnsupportedOperation", f"{feature} is not supported by the embedded SQS engine")


def internal_error() -> SqsError:
    """Return the error for a failure of the storage: HTTP 500, which clients retry."""
    return SqsError("InternalError", "Internal server error", 500)
