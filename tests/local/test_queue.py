"""The worker of the local cloud, on the SQS that the local cloud has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.sqs import TARGET, SqsJobQueue
from chalicelib.awshttp import AwsJsonClient, TlsContext
from chalicelib.core.kernel.clock import SystemClock
from local.queue import QueueSettings, Worker, ensure_queue
from tests.support.engine import REGION, Engine, store_engine

__all__ = ["store_engine"]

PATIENCE = 20.0
SETTINGS = QueueSettings(name="work-of-a-test", invisible=1, attempts=3)


@pytest.fixture(scope="module")
def client(store_engine: Engine) -> Iterator[Any]:
    """SQS."""
    session = boto3.session.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    made = session.client("sqs", endpoint_url=store_engine.url)
    yield made
    made.close()


@pytest.fixture
def url(client: Any) -> str:
    """An empty queue."""
    made = ensure_queue(client, SETTINGS)
    assert ensure_queue(client, SETTINGS) == made, "it can be made again"
    for each in (made, f"{made}-dead"):
        client.purge_queue(QueueUrl=each)
    return made


def until(holds: Callable[[], Any]) -> Any:
    """What it gives as soon as it is anything."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return found


def left(client: Any, url: str) -> int:
    """How many messages there are, visible or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def test_a_message_is_handed_over_as_lambda_does_and_is_gone_then(client: Any, url: str) -> None:
    events: list[dict[str, Any]] = []
    with Worker(lambda event, _context: events.append(event), client, url, SETTINGS):
        client.send_message(QueueUrl=url, MessageBody="erasure:1")
        until(lambda: events and not left(client, url))
    ((record,),) = [event["Records"] for event in events]
    assert record["body"] == "erasure:1"
    assert record["eventSource"] == "aws:sqs"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_what_our_own_client_sends_is_handed_over_when_its_time_has_come(
    client: Any, store_engine: Engine, url: str
) -> None:
    keys = StaticCredentials("test", "test", None)
    service = AwsJsonClient(store_engine.url, "sqs", TARGET, REGION, lambda: keys, SystemClock(), TlsContext())
    handed: list[tuple[str, float]] = []
    began = time.monotonic()
    SqsJobQueue(lambda: service, url).send("presence:grüß", 0.5)

    def keep(event: dict[str, Any], _context: object) -> None:
        handed.append((event["Records"][0]["body"], time.monotonic() - began))

    with Worker(keep, client, url, SETTINGS):
        ((body, after),) = until(lambda: handed)
    assert body == "presence:grüß"
    assert after >= 0.5


def test_what_fails_comes_again_and_is_put_aside_in_the_end(client: Any, url: str) -> None:
    tried: list[str] = []

    def fail(event: dict[str, Any], _context: object) -> None:
        tried.append(event["Records"][0]["body"])
        raise RuntimeError

    with Worker(fail, client, url, SETTINGS):
        client.send_message(QueueUrl=url, MessageBody="bad")
        until(lambda: left(client, f"{url}-dead") == 1)
    assert tried == ["bad"] * SETTINGS.attempts
    assert left(client, url) == 0


def test_it_ends_with_its_context(client: Any, url: str) -> None:
    worker = Worker(lambda _event, _context: None, client, url, SETTINGS)
    with worker:
        assert any(each.name == "work" for each in threading.enumerate())
    assert not any(each.name == "work" for each in threading.enumerate())
