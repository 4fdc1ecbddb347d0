"""The parameters of requests: their types and ranges; those that the engine does not have are rejected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local.sqs.errors import SqsError, invalid, missing, unsupported

MAX_BODY = 1024 * 1024
"""Bytes of a message (Developer Guide, "Amazon SQS message quotas")."""
MAX_DELAY = 900
MAX_VISIBILITY_TIMEOUT = 43_200
MAX_WAIT = 20
MAX_MESSAGES = 10
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
# XML 1.0, section 2.2, which SQS requires of message bodies.
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_RANGES = {
    "DelaySeconds": (0, MAX_DELAY),
    "MessageRetentionPeriod": (60, 1_209_600),
    "VisibilityTimeout": (0, MAX_VISIBILITY_TIMEOUT),
}
_KNOWN: Mapping[str, frozenset[str]] = {
    "CreateQueue": frozenset({"QueueName", "Attributes"}),
    "GetQueueUrl": frozenset({"QueueName"}),
    "GetQueueAttributes": frozenset({"QueueUrl", "AttributeNames"}),
    "SendMessage": frozenset({"QueueUrl", "MessageBody", "DelaySeconds"}),
    "ReceiveMessage": frozenset(
        {
            "QueueUrl",
            "AttributeNames",
            "MessageSystemAttributeNames",
            "MaxNumberOfMessages",
            "VisibilityTimeout",
            "WaitTimeSeconds",
        }
    ),
    "DeleteMessage": frozenset({"QueueUrl", "ReceiptHandle"}),
    "ChangeMessageVisibility": frozenset({"QueueUrl", "ReceiptHandle", "VisibilityTimeout"}),
    "PurgeQueue": frozenset({"QueueUrl"}),
}
_REDRIVE_KEYS = {"deadLetterTargetArn", "maxReceiveCount"}

Parameters = Mapping[str, Any]


def reject_unknown(operation: str, parameters: Parameters) -> None:
    """Raise SqsError for the first parameter that the engine does not have in an operation."""
    for name, value in parameters.items():
        if name not in _KNOWN[operation] and value not in (None, {}, []):
            raise unsupported(f"The parameter {name}")


def text(parameters: Parameters, name: str) -> str:
    """Return a required string. Raises SqsError."""
    value = parameters.get(name)
    if value is None or value == "":
        raise missing(name)
    if not isinstance(value, str):
        raise SqsError("SerializationException", f"{name} must be a string")
    return value


def integer(parameters: Parameters, name: str, low: int, high: int) -> int | None:
    """Return an optional integer. Raises SqsError unless it is from `low` to `high`."""
    value = parameters.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise SqsError("SerializationException", f"{name} must be an integer")
    if not low <= value <= high:
        raise invalid(name, value, f"Must be between {low} and {high}, if provided.")
    return value


def message_body(parameters: Parameters) -> str:
    """Return the body of a message. Raises SqsError."""
    body = text(parameters, "MessageBody")
    if _NOT_ALLOWED.search(body):
        raise SqsError("InvalidMessageContents", "Invalid characters found. Valid unicode characters are XML's.")
    if len(body.encode()) > MAX_BODY:
        raise SqsError(
            "InvalidParameterValueException",
            f"One or more parameters are invalid. Reason: Message must be shorter than {MAX_BODY} bytes.",
        )
    return body


def queue_name(parameters: Parameters) -> str:
    """Return the name of a standard queue. Raises SqsError."""
    name = text(parameters, "QueueName")
    if name.endswith(".fifo"):
        raise unsupported("A FIFO queue")
    if not _QUEUE_NAME.fullmatch(name):
        raise SqsError(
            "InvalidParameterValueException",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    return name


def queue_attributes(parameters: Parameters) -> dict[str, str]:
    """Return the attributes of a new queue. Raises SqsError for one that is unknown or not valid."""
    attributes = parameters.get("Attributes") or {}
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise SqsError("SerializationException", "Attributes must be a map of strings")
    for name, value in attributes.items():
        if name == "RedrivePolicy":
            redrive_policy(value)
        elif name in _ATTRIBUTE_RANGES:
            low, high = _ATTRIBUTE_RANGES[name]
            if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
                raise _invalid_attribute(name, value)
        else:
            raise unsupported(f"The queue attribute {name}")
    return attributes


def redrive_policy(value: str) -> tuple[str, int]:
    """Return the ARN of the dead-letter queue and the receives before a message moves to it. Raises SqsError."""
    try:
        policy = json.loads(value)
        arn, count = policy["deadLetterTargetArn"], int(policy["maxReceiveCount"])
        valid = policy.keys() == _REDRIVE_KEYS and isinstance(arn, str) and 1 <= count <= 1000
    except (ValueError, KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise _invalid_attribute("RedrivePolicy", value)
    return arn, count


def _invalid_attribute(name: str, value: str) -> SqsError:
    return SqsError("InvalidAttributeValue", f"Invalid value {value} for the parameter {name}.")
