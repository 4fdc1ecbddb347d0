"""The queues of jobs and of deliveries on SQS, by its JSON protocol (SQS Developer Guide, "AWS JSON protocol")."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Protocol

from chalicelib.awshttp import NoResponse, ServiceError
from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.limits import WALK

TARGET = "AmazonSQS"
SEND_TIMEOUT = 3.0
"""Seconds. Shorter than a client's own timeout: no job depends on its message, and a caller may be waiting."""
_logger = logging.getLogger(__name__)


class JsonService(Protocol):
    """The part of `AwsJsonClient` that the job queue uses."""

    def call(self, operation: str, arguments: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
        """Execute an operation. Raises ServiceError and NoResponse."""


class _SqsQueue:
    """A queue at a URL."""

    def __init__(self, create_service: Callable[[], JsonService], url: str) -> None:
        """`create_service` is called at the first message: most processes never send one."""
        self._create_service = create_service
        self._url = url

    @cached_property
    def _service(self) -> JsonService:
        return self._create_service()

    def _send(self, body: str, delay: float, kind: str) -> None:
        """Send a message that becomes visible after `delay` seconds, rounded up. Raises Unavailable."""
        message = {"QueueUrl": self._url, "MessageBody": body, "DelaySeconds": math.ceil(delay)}
        try:
            self._service.call("SendMessage", message, timeout=SEND_TIMEOUT)
        except (ServiceError, NoResponse) as error:
            _logger.warning("the job queue did not take a job (%s): %s", kind, error)
            raise Unavailable(retry_after=retry_after()) from error


class SqsJobQueue(_SqsQueue):
    """The `JobQueue` port on SQS."""

    def send(self, job: str, delay: float) -> None:
        """Schedule a job. Raises Unavailable."""
        # Only the kind of the job is logged: the rest of it contains ids of conversations and participants.
        self._send(job, delay, job.partition(":")[0])


class SqsDeliveryQueue(_SqsQueue):
    """The `DeliveryQueue` port on SQS. The body of a message is `<endpoint id>:<conversation id>`."""

    def send(self, endpoint_id: str, conversation_id: str, delay: float) -> None:
        """Schedule an attempt. Raises Unavailable."""
        self._send(f"{endpoint_id}:{conversation_id}", delay, "delivery")

    def send_walk(self) -> None:
        """Schedule a part of the walk. Raises Unavailable."""
        self._send(WALK, 0.0, WALK)
