"""Runs the function for long work as Lambda's event source mapping does: a message at a time, from SQS.

What the function raises leaves the message where it is: it comes again when its invisibility ends, and after so
many times it is among the dead letters.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.gateway.functions import LambdaContext
from local.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

WorkerFunction = Callable[[dict[str, Any], Any], object]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What the deployed queue has as well (`infra/template/queue.py`), in times for one who waits."""

    name: str = "chat-local-work"
    visibility_timeout: int = 30
    """Seconds until a message that failed comes again."""
    max_receive_count: int = 5
    wait_seconds: int = 1
    """Seconds that a look at an empty queue lasts: it ends no sooner than this."""


def sqs_client(url: str, key_id: str | None = None) -> Any:
    """A client for an endpoint; with an access key id of its own, or the environment's."""
    config = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2})
    credentials: dict[str, Any] = (
        {} if key_id is None else {"aws_access_key_id": key_id, "aws_secret_access_key": "local"}
    )
    return boto3.client("sqs", endpoint_url=url, config=config, **credentials)


def ensure_queue(client: Any, settings: QueueSettings | None = None) -> str:
    """Makes the queue and the one for dead letters, if they are not there; the URL of the first."""
    settings = settings or QueueSettings()
    dead_letter_url = client.create_queue(QueueName=f"{settings.name}-dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead_letter_url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    redrive = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{settings.max_receive_count}}}'
    attributes = {"VisibilityTimeout": str(settings.visibility_timeout), "RedrivePolicy": redrive}
    return str(client.create_queue(QueueName=settings.name, Attributes=attributes)["QueueUrl"])


class Worker:
    """Calls a function for every message, in a thread of its own; a context manager whose end stops it.

    A look at the queue that is under way is waited for, a call of the function is not: its message comes again.
    """

    def __init__(
        self, function: WorkerFunction, client: Any, url: str, settings: QueueSettings | None = None
    ) -> None:
        self._function = function
        self._client = client
        self._url = url
        self._settings = settings or QueueSettings()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)

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
            except (BotoCoreError, ClientError) as exc:
                level = logging.INFO if self._stopping.is_set() else logging.ERROR  # the store ends with the rest
                log.log(level, "the queue of long work does not answer (%s)", type(exc).__name__)
                self._stopping.wait(self._settings.wait_seconds)

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
            except Exception as exc:  # noqa: BLE001  (Lambda too goes on, whatever a function raises)
                if self._stopping.is_set():  # the function was ended with the rest
                    return
                received = int(message["Attributes"]["ApproximateReceiveCount"])
                left = self._settings.max_receive_count - received
                fate = f"{left} attempts are left" if left > 0 else "it goes to the dead letters"
                log.error("long work raised %s: %s", type(exc).__name__, fate)
            else:
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


def sqs_event(message: Mapping[str, Any]) -> dict[str, Any]:
    """An event as Lambda makes it of a message (Lambda developer guide, "Using Lambda with SQS")."""
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
