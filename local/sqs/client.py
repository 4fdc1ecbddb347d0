"""The queues called in this process: for the product's job queue, and with the methods of the SDK's client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.awshttp import ServiceError
from local.sqs.errors import SqsError
from local.sqs.queues import Queues


class QueueService:
    """Calls operations by their names in the API, as `chalicelib.awshttp.AwsJsonClient` does."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def call(self, operation: str, arguments: Mapping[str, Any], *, timeout: float = 0) -> dict[str, Any]:
        """Execute an operation, which answers at once. Raises ServiceError."""
        del timeout
        try:
            return self._queues.call(operation, arguments)
        except SqsError as error:
            raise ServiceError(error.response, operation) from error


class QueueClient:
    """The methods of the SDK's client that queues in this process need. All of them raise ServiceError."""

    def __init__(self, queues: Queues) -> None:
        self._service = QueueService(queues)

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        """Receive messages, after a wait if the queue is empty."""
        return self._service.call("ReceiveMessage", arguments)

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        """Send a message."""
        return self._service.call("SendMessage", arguments)

    def delete_message(self, **arguments: Any) -> dict[str, Any]:
        """Delete a received message."""
        return self._service.call("DeleteMessage", arguments)
