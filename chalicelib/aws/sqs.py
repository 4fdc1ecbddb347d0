"""The job queue on SQS, by its JSON protocol (SQS Developer Guide, "AWS JSON protocol")."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Protocol

from chalicelib.awshttp import NoResponse, ServiceError
from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.errors import Unavailable

TARGET = "AmazonSQS"
SEND_TIMEOUT = 3.0
"""Seconds. Shorter than a client's own timeout: no job depends on its message, and a caller may be waiting."""
_logger = logging.getLogger(__name__)


class JsonService(Protocol):
    """The part of `AwsJsonClient` that the job queue uses."""

    def call(self, operation: str, arguments: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
        """Execute an operation. Raises ServiceError and NoResponse."""


class SqsJobQueue:
    """The `JobQueue` port on SQS."""

    def __init__(self, create_service: Callable[[], JsonService], url: str) -> None:
        """`create_service` is called at the first message: most processes never send one."""
        self._create_service = create_service
        self._url = url

    @cached_property
    def _service(self) -> JsonService:
        return self._create_service()

    def send(self, job: str, delay: float) -> None:
        """Send a message that becomes visible after `delay` seconds, rounded up. Raises Unavailable."""
        message = {"QueueUrl": self._url, "MessageBody": job, "DelaySeconds": math.ceil(delay)}
        try:
            self._service.call("SendMessage", message, timeout=SEND_TIMEOUT)
        except (ServiceError, NoResponse) as error:
            # Only the kind of the job: the rest of it contains ids of conversations and participants.
            _logger.warning("the job queue did not take a job (%s): %s", job.partition(":")[0], error)
            raise Unavailable(retry_after=retry_after()) from error
