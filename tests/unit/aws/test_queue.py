"""The queue of long work against a client that says what SQS says."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.queue import SqsWorkQueue
from chalicelib.core.errors import Unavailable


class Client:
    """Keeps what is sent, or refuses it."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self._refusal = refusal

    def send_message(self, **arguments: Any) -> None:
        """As SQS's."""
        if self._refusal is not None:
            raise self._refusal
        self.sent.append(arguments)


def test_a_message_becomes_visible_no_sooner_than_it_is_to() -> None:
    client = Client()
    SqsWorkQueue(lambda: client, "https://sqs.example/work").send("erasure:1", 2.1)
    assert client.sent == [
        {"QueueUrl": "https://sqs.example/work", "MessageBody": "erasure:1", "DelaySeconds": 3}
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": ""}}, "SendMessage"),
        EndpointConnectionError(endpoint_url="https://sqs.example"),
    ],
    ids=["refused", "unreachable"],
)
def test_what_cannot_be_sent_is_unavailable(refusal: Exception) -> None:
    with pytest.raises(Unavailable):
        SqsWorkQueue(lambda: Client(refusal), "https://sqs.example/work").send("erasure:1", 0)
