"""The queue of long work against a peer that says what SQS says."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.sqs import TARGET, SqsJobQueue
from chalicelib.awshttp._json_client import AwsJsonClient
from chalicelib.awshttp._tls import TlsContext
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.errors import Unavailable
from tests.support.raw_peer import CUT, RawPeer, Say, raw_peer

URL = "https://sqs.example/work"
NO_QUEUE = b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}'


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with raw_peer() as made:
        yield made


def queue_at(peer: RawPeer) -> SqsJobQueue:
    keys = StaticCredentials("testing", "testing", None)

    def make() -> AwsJsonClient:
        url = peer.url.removesuffix("/dev")
        return AwsJsonClient(url, "sqs", TARGET, "us-east-1", lambda: keys, SystemClock(), TlsContext())

    return SqsJobQueue(make, URL)


def test_a_message_becomes_visible_no_sooner_than_it_is_to(peer: RawPeer) -> None:
    queue_at(peer).send("erasure:1", 2.1)
    ((_, head, body),) = peer.requests
    assert b"POST / HTTP/1.1\r\n" in head
    assert b"x-amz-target: amazonsqs.sendmessage\r\n" in head.lower()
    assert json.loads(body) == {"QueueUrl": URL, "MessageBody": "erasure:1", "DelaySeconds": 3}


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        (
            [Say(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%b" % (len(NO_QUEUE), NO_QUEUE))],
            "QueueDoesNotExist",
        ),
        ([CUT] * 10, "no answer to SendMessage"),
    ],
    ids=["refused", "unreachable"],
)
def test_what_cannot_be_sent_is_unavailable_and_logged_by_its_kind_alone(
    peer: RawPeer, caplog: pytest.LogCaptureFixture, says: list[Say], cause: str
) -> None:
    peer.script.extend(says)
    with caplog.at_level(logging.WARNING), pytest.raises(Unavailable):
        queue_at(peer).send("presence:conv_secret/mark", 0)
    (line,) = caplog.messages
    assert "presence" in line
    assert cause in line
    assert "conv_secret" not in line
