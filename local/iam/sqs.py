"""Which permissions a call of SQS needs, and how SQS refuses.

Sources: "Amazon SQS API permissions: Actions and resource reference" (developer guide): a batch needs the
permission of its single operation; "Making query API requests using the AWS JSON protocol" (the same).
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
    """The ARN of the queue at a URL, which ends with account and name. Raises ValueError where it does not."""
    match = _PATH.fullmatch(urlsplit(url).path)
    if match is None:
        raise ValueError(f"{url} is no URL of a queue: it does not end with an account and a name")
    return f"arn:{partition}:sqs:{region}:{match['account']}:{match['name']}"


class Sqs:
    """`Service` of the queues."""

    signing_name = "sqs"

    def __init__(self, partition: str, region: str) -> None:
        self._partition = partition
        self._region = region

    def required_accesses(self, request: web.BaseRequest, body: bytes) -> list[Access]:
        """See `Service`."""
        target = _TARGET.fullmatch(request.headers.get("X-Amz-Target", ""))
        if target is None or (request.method, request.raw_path) != ("POST", "/"):
            unknown = Access("sqs:UnknownOperation", "*")
            raise RequestDenied("UnknownOperationException", "The request is no operation of SQS", [unknown])
        operation = target[1]
        action = f"sqs:{_BATCH_OPERATIONS.get(operation, operation)}"
        if action.partition(":")[2] not in _QUEUE_OPERATIONS:
            raise RequestDenied(
                "AccessDeniedException",
                f"{action} is denied to everybody here: it is not known which permissions it needs",
                [Access(action, "*")],
            )
        try:
            return [Access(action, queue_arn(json.loads(body)["QueueUrl"], self._region, self._partition))]
        except (ValueError, TypeError, KeyError, AttributeError):  # not JSON, or no queue's URL in it
            raise RequestDenied("SerializationException", f"The body is not one of {operation}") from None

    def error_response(self, denial: RequestDenied) -> web.Response:
        """Status 400 and the code in `__type`, as all refusals of the JSON protocol."""
        error = {"__type": f"com.amazon.coral.service#{denial.code}", "message": denial.message}
        return web.Response(
            status=400,
            body=json.dumps(error).encode(),
            content_type="application/x-amz-json-1.0",
            headers={"x-amzn-RequestId": str(uuid.uuid4())},
        )
