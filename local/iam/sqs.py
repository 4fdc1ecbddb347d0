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

from local.iam.access import Access, Refusal

_TARGET = re.compile(r"AmazonSQS\.([A-Za-z]{1,64})")
_PATH = re.compile(r"/(?P<account>\d{12})/(?P<name>[A-Za-z0-9_-]{1,80}(?:\.fifo)?)")
_OF_A_BATCH = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
_ON_A_QUEUE = frozenset({"GetQueueAttributes", "ReceiveMessage", *_OF_A_BATCH.values()})


def queue_arn(url: str, region: str, partition: str = "aws") -> str:
    """The ARN of the queue at a URL, which ends with account and name. Raises ValueError where it does not."""
    named = _PATH.fullmatch(urlsplit(url).path)
    if named is None:
        raise ValueError(f"{url} is no URL of a queue: it does not end with an account and a name")
    return f"arn:{partition}:sqs:{region}:{named['account']}:{named['name']}"


class Sqs:
    """`Service` of the queues."""

    signing_name = "sqs"

    def __init__(self, partition: str, region: str) -> None:
        self._partition = partition
        self._region = region

    def accesses(self, request: web.BaseRequest, body: bytes) -> list[Access]:
        """See `Service`."""
        target = _TARGET.fullmatch(request.headers.get("X-Amz-Target", ""))
        if target is None or (request.method, request.raw_path) != ("POST", "/"):
            unknown = Access("sqs:UnknownOperation", "*")
            raise Refusal("UnknownOperationException", "The request is no operation of SQS", [unknown])
        operation = target[1]
        action = f"sqs:{_OF_A_BATCH.get(operation, operation)}"
        if action.partition(":")[2] not in _ON_A_QUEUE:
            raise Refusal(
                "AccessDeniedException",
                f"{action} is denied to everybody here: it is not known which permissions it needs",
                [Access(action, "*")],
            )
        try:
            return [Access(action, queue_arn(json.loads(body)["QueueUrl"], self._region, self._partition))]
        except (ValueError, TypeError, KeyError, AttributeError):  # not JSON, or no queue's URL in it
            raise Refusal("SerializationException", f"The body is not one of {operation}") from None

    def answer(self, refusal: Refusal) -> web.Response:
        """Status 400 and the code in `__type`, as all refusals of the JSON protocol."""
        error = {"__type": f"com.amazon.coral.service#{refusal.kind}", "message": refusal.message}
        return web.Response(
            status=400,
            body=json.dumps(error).encode(),
            content_type="application/x-amz-json-1.0",
            headers={"x-amzn-RequestId": str(uuid.uuid4())},
        )
