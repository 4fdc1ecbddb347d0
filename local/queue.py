"""Run the worker function as Lambda's SQS event source mapping does, with one message per call.

If the function raises, the message stays in the queue: it is received again after its visibility timeout, and
moves to the dead-letter queue after `max_receive_count` receives.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.gateway.functions import LambdaContext
from local.gateway.settings import GatewaySettings
from local.sqs.queues import Queues

log = logging.getLogger(__name__)

WorkerFunction = Callable[[dict[str, Any], Any], object]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The deployed queue's settings (`infra/template/queue.py`), with shorter times for local use."""

    name: str = "chat-local-work"
    visibility_timeout: int = 30
    """Seconds until a message that failed is received again."""
    max_receive_count: int = 5
    wait_seconds: int = 1
    """Seconds of long polling: how long a receive from an empty queue waits (WaitTimeSeconds)."""


def sqs_client(url: str, key_id: str | None = None) -> Any:
    """Return a client for an endpoint, with this access key id or the environment's credentials."""
    # boto3 takes a third of a second to import, and an instance with the embedded queues does not need it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2})
    credentials: dict[str, Any] = (
        {} if key_id is None else {"aws_access_key_id": key_id, "aws_secret_access_key": "local"}
    )
    return boto3.client("sqs", endpoint_url=url, config=config, **credentials)


def queue_attributes(dead_letter_arn: str, settings: QueueSettings) -> dict[str, str]:
    """Return the attributes of the job queue."""
    redrive = f'{{"deadLetterTargetArn":"{dead_letter_arn}","maxReceiveCount":{settings.max_receive_count}}}'
    return {"VisibilityTimeout": str(settings.visibility_timeout), "RedrivePolicy": redrive}


def ensure_queue(client: Any, settings: QueueSettings | None = None) -> str:
    """Create the job queue and its dead-letter queue if missing; return the job queue's URL."""
    settings = settings or QueueSettings()
    dead_letter_url = client.create_queue(QueueName=f"{settings.name}-dead")["QueueUrl"]
    response = client.get_queue_attributes(QueueUrl=dead_letter_url, AttributeNames=["QueueArn"])
    attributes = queue_attributes(response["Attributes"]["QueueArn"], settings)
    return str(client.create_queue(QueueName=settings.name, Attributes=attributes)["QueueUrl"])


def ensure_embedded_queue(queues: Queues, settings: QueueSettings | None = None) -> str:
    """Do the same in the embedded queues; the settings replace those of an existing queue. Raises SqsError."""
    settings = settings or QueueSettings()
    queues.ensure_queue(f"{settings.name}-dead", {})
    arn = queues.arn(f"{settings.name}-dead")
    return queues.ensure_queue(settings.name, queue_attributes(arn, settings))


class Worker:
    """Calls the function for every message in a background thread, for the duration of a `with` block.

    Leaving the block waits for a receive in progress but not for a call in progress: its message is received again
    later.
    """

    def __init__(
        self, function: WorkerFunction, client: Any, url: str, settings: QueueSettings | None = None
    ) -> None:
        self._function = function
        self._client = client
        self._url = url
        self._settings = settings or QueueSettings()
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def __enter__(self) -> Worker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(self._settings.wait_seconds + 1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._poll()
            except Exception as exc:  # noqa: BLE001  (of the client: which exceptions depends on its library)
                self._report(exc)
                self._stopping.wait(self._settings.wait_seconds)
            else:
                self._failing = False

    def _report(self, failure: Exception) -> None:
        """Log the first of a run of failures."""
        if not self._failing:
            # The store stops at the same time as this thread.
            level = logging.INFO if self._stopping.is_set() else logging.ERROR
            log.log(level, "cannot receive from the job queue (%s)", failure)
        self._failing = True

    def _poll(self) -> None:
        response = self._client.receive_message(
            QueueUrl=self._url,
            AttributeNames=["All"],
            MaxNumberOfMessages=1,
            WaitTimeSeconds=self._settings.wait_seconds,
        )
        for message in response.get("Messages", []):
            try:
                self._function(sqs_event(message), LambdaContext("work", str(uuid.uuid4()), GatewaySettings()))
            except Exception as exc:  # noqa: BLE001  (like Lambda, continue whatever a function raises)
                if self._stopping.is_set():  # the function's process was stopped too
                    return
                received = int(message["Attributes"]["ApproximateReceiveCount"])
                left = self._settings.max_receive_count - received
                outcome = f"{left} attempts left" if left > 0 else "moved to the dead-letter queue"
                log.error("the worker function raised %s; %s", type(exc).__name__, outcome)
            else:
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


def sqs_event(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that Lambda makes from an SQS message (Lambda Developer Guide, "Using Lambda with SQS")."""
    settings = GatewaySettings()
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": dict(message.get("Attributes", {})),
                "messageAttributes": {},
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{settings.region}:{settings.account_id}:work",
                "awsRegion": settings.region,
            }
        ]
    }
