"""The permissions that a call of SQS requires, and SQS's error format.

Sources: "Amazon SQS API permissions: Actions and resource reference" (developer guide): a batch requires the
permission of its single operation; "Making query API requests using the AWS JSON protocol" (developer guide).
"""

from __future__ import annotations

import json
import re
import uuid
from urllib.parse import urlsplit

from aiohttp import web

from local.iam.access import Access, RequestDenied

_TARGET = re.compile(r"AmazonSQS\.([A-Za-z]{1,64})")
_PATH = re.compile(r"/(?P<account>\d{12})/(?P<name>[A-Za-z0-9_-]{1,80}(?:\.fifo)?)")
_BATCH_OPERATIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
_QUEUE_OPERATIONS = frozenset({"GetQueueAttributes", "ReceiveMessage", *_BATCH_OPERATIONS.values()})


def queue_arn(url: str, region: str, partition: str = "aws") -> str:
    """Return the ARN of the queue at a URL. Raises ValueError if the URL does not end with account and name."""
    match = _PATH.fullmatch(urlsplit(url).path)
    if match is None:
        raise ValueError(f"{url} is not a queue URL: it does not end with an account and a name")
    return f"arn:{partition}:sqs:{region}:{match['account']}:{match['name']}"


class Sqs:
    """The `Service` of the queues."""

    signing_name = "sqs"

    def __init__(self, partition: str, region: str) -> None:
        self._partition = partition
        self._region = region

    def required_accesses(self, request: web.BaseRequest, body: bytes) -> list[Access]:
        """See `Service`."""
        target = _TARGET.fullmatch(request.headers.get("X-Amz-Target", ""))
        if target is None or (request.method, request.raw_path) != ("POST", "/"):
            unknown = Access("sqs:UnknownOperation", "*")
            raise RequestDenied("UnknownOperationException", "The request is not an operation of SQS", [unknown])
        operation = target[1]
        action = f"sqs:{_BATCH_OPERATIONS.get(operation, operation)}"
        if action.partition(":")[2] not in _QUEUE_OPERATIONS:
            raise RequestDenied(
                "AccessDeniedException",
                f"{action} is always denied here: the guard does not know its required permissions",
                [Access(action, "*")],
            )
        try:
            return [Access(action, queue_arn(json.loads(body)["QueueUrl"], self._region, self._partition))]
        except (ValueError, TypeError, KeyError, AttributeError):  # not JSON, or without a queue URL
            raise RequestDenied("SerializationException", f"The body is invalid for {operation}") from None

    def error_response(self, denial: RequestDenied) -> web.Response:
        """Return status 400 with the code in `__type`, as all errors of the JSON protocol."""
        error = {"__type": f"com.amazon.coral.service#{denial.code}", "message": denial.message}
        return web.Response(
            status=400,
            body=json.dumps(error).encode(),
            content_type="application/x-amz-json-1.0",
            headers={"x-amzn-RequestId": str(uuid.uuid4())},
        )
