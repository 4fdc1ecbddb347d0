"""The job queue against a peer that responds as SQS does."""

from __future__ import annotations

import json
import logging

import pytest

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.sqs import TARGET, SqsDeliveryQueue, SqsJobQueue
from chalicelib.awshttp import AwsJsonClient, TlsContext
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.errors import Unavailable
from tests.support.raw_peer import CUT, RawPeer, Say, raw_peer

URL = "https://sqs.example/jobs"
NO_QUEUE = b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}'


def service_at(peer: RawPeer) -> AwsJsonClient:
    credentials = StaticCredentials("testing", "testing", None)
    url = peer.url.removesuffix("/dev")
    return AwsJsonClient(url, "sqs", TARGET, "us-east-1", lambda: credentials, SystemClock(), TlsContext())


def queue_at(peer: RawPeer) -> SqsJobQueue:
    return SqsJobQueue(lambda: service_at(peer), URL)


def test_job_becomes_visible_after_its_delay_in_whole_seconds() -> None:
    with raw_peer() as peer:
        queue_at(peer).send("erasure:1", 2.1)
        ((_, head, body),) = peer.requests
    assert b"POST / HTTP/1.1\r\n" in head
    assert b"x-amz-target: amazonsqs.sendmessage\r\n" in head.lower()
    assert json.loads(body) == {"QueueUrl": URL, "MessageBody": "erasure:1", "DelaySeconds": 3}


def test_attempt_names_its_endpoint_and_conversation() -> None:
    with raw_peer() as peer:
        SqsDeliveryQueue(lambda: service_at(peer), URL).send("end_1", "conv_1", 0.5)
        ((_, _, body),) = peer.requests
    assert json.loads(body) == {"QueueUrl": URL, "MessageBody": "end_1:conv_1", "DelaySeconds": 1}


def test_part_of_a_walk_names_neither() -> None:
    with raw_peer() as peer:
        SqsDeliveryQueue(lambda: service_at(peer), URL).send_walk()
        ((_, _, body),) = peer.requests
    assert json.loads(body) == {"QueueUrl": URL, "MessageBody": "walk", "DelaySeconds": 0}


def test_client_is_created_at_the_first_job() -> None:
    def create() -> AwsJsonClient:
        raise Unavailable

    queue = SqsJobQueue(create, URL)
    with pytest.raises(Unavailable):
        queue.send("erasure:1", 0)


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (
            [Say(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%b" % (len(NO_QUEUE), NO_QUEUE))],
            "QueueDoesNotExist",
        ),
        ([CUT] * 10, "SendMessage received no response"),
    ],
    ids=["rejected", "unreachable"],
)
def test_job_that_cannot_be_sent_is_unavailable_and_logged_without_ids(
    caplog: pytest.LogCaptureFixture, script: list[Say], cause: str
) -> None:
    with raw_peer() as peer:
        peer.script.extend(script)
        with caplog.at_level(logging.WARNING), pytest.raises(Unavailable):
            queue_at(peer).send("presence:conv_secret/batch", 0)
    (line,) = caplog.messages
    assert "presence" in line
    assert cause in line
    assert "conv_secret" not in line
