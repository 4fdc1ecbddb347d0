"""The queue of long work: SQS, by its JSON protocol (SQS developer guide, "AWS JSON protocol")."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import cached_property

from chalicelib.awshttp._errors import NoResponse, ServiceError
from chalicelib.awshttp._json_client import AwsJsonClient
from chalicelib.core.kernel.errors import Unavailable

TARGET = "AmazonSQS"
SEND_TIMEOUT = 3.0
"""Seconds after which a message counts as not sent: nothing depends on one, and somebody may wait."""
_logger = logging.getLogger(__name__)


class SqsJobQueue:
    """`core.data_ports.JobQueue` on SQS."""

    def __init__(self, make_service: Callable[[], AwsJsonClient], url: str) -> None:
        """`make_service` is asked at the first message: many functions never send one."""
        self._make_service = make_service
        self._url = url

    @cached_property
    def _service(self) -> AwsJsonClient:
        return self._make_service()

    def send(self, job: str, delay: float) -> None:
        """Send a message that becomes visible after `delay`, in whole seconds (SQS API, SendMessage)."""
        message = {"QueueUrl": self._url, "MessageBody": job, "DelaySeconds": math.ceil(delay)}
        try:
            self._service.call("SendMessage", message, within=SEND_TIMEOUT)
        except (ServiceError, NoResponse) as error:
            # Only the kind of work: what it is about is in the invocation's own lines.
            _logger.warning("a message to the queue was not sent (%s): %s", job.partition(":")[0], error)
            raise Unavailable(retry_after=1) from error
