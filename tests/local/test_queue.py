"""The queue worker, with the embedded SQS over HTTP and in process."""

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
from local.backend import EmbeddedBackend, ExternalBackend
from local.embedded import embedded_services
from local.queue import QueueSettings, Worker, ensure_queue
from local.settings import chat_settings
from tests.support.engine import REGION, Engine, store_engine

__all__ = ["store_engine"]

TIMEOUT = 20.0
SETTINGS = QueueSettings(name="jobs-of-a-test", visibility_timeout=1, max_receive_count=3)


@pytest.fixture(scope="module")
def client(store_engine: Engine) -> Iterator[Any]:
    """An SQS client."""
    session = boto3.session.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    client = session.client("sqs", endpoint_url=store_engine.url)
    yield client
    client.close()


@pytest.fixture
def url(client: Any) -> str:
    """An empty queue."""
    queue_url = ensure_queue(client, SETTINGS)
    assert ensure_queue(client, SETTINGS) == queue_url, "not idempotent"
    for url in (queue_url, f"{queue_url}-dead"):
        client.purge_queue(QueueUrl=url)
    return queue_url


def until(condition: Callable[[], Any]) -> Any:
    """Return the first truthy result of a condition."""
    deadline = time.monotonic() + TIMEOUT
    while not (result := condition()):
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.05)
    return result


def message_count(client: Any, url: str) -> int:
    """Return the number of messages in a queue, visible or in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def test_worker_passes_a_message_as_a_lambda_event_and_deletes_it(client: Any, url: str) -> None:
    events: list[dict[str, Any]] = []
    with Worker(lambda event, _context: events.append(event), client, url, SETTINGS):
        client.send_message(QueueUrl=url, MessageBody="erasure:1")
        until(lambda: events and not message_count(client, url))
    ((record,),) = [event["Records"] for event in events]
    assert record["body"] == "erasure:1"
    assert record["eventSource"] == "aws:sqs"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_worker_receives_a_delayed_job_of_the_product_client_when_due(
    client: Any, store_engine: Engine, url: str
) -> None:
    credentials = StaticCredentials("test", "test", None)
    service = AwsJsonClient(
        store_engine.url, "sqs", TARGET, REGION, lambda: credentials, SystemClock(), TlsContext()
    )
    received: list[tuple[str, float]] = []
    started = time.monotonic()
    SqsJobQueue(lambda: service, url).send("presence:grüß", 0.5)

    def record(event: dict[str, Any], _context: object) -> None:
        received.append((event["Records"][0]["body"], time.monotonic() - started))

    with Worker(record, client, url, SETTINGS):
        ((body, after),) = until(lambda: received)
    assert body == "presence:grüß"
    assert after >= 0.5


def test_failed_message_is_retried_and_moves_to_the_dead_letter_queue(client: Any, url: str) -> None:
    attempts: list[str] = []

    def fail(event: dict[str, Any], _context: object) -> None:
        attempts.append(event["Records"][0]["body"])
        raise RuntimeError

    with Worker(fail, client, url, SETTINGS):
        client.send_message(QueueUrl=url, MessageBody="bad")
        until(lambda: message_count(client, f"{url}-dead") == 1)
    assert attempts == ["bad"] * SETTINGS.max_receive_count
    assert message_count(client, url) == 0


def test_worker_thread_ends_with_its_context(client: Any, url: str) -> None:
    worker = Worker(lambda _event, _context: None, client, url, SETTINGS)
    with worker:
        assert any(thread.name == "worker" for thread in threading.enumerate())
    # On a busy machine the context may end before the receive that it waits for.
    until(lambda: not any(thread.name == "worker" for thread in threading.enumerate()))


def test_worker_runs_jobs_of_an_app_in_the_same_process() -> None:
    received: list[str] = []
    with embedded_services(0, None, REGION) as services:
        backend = EmbeddedBackend(services, chat_settings({}) | {"CHAT_HISTORY_ID": "0.chat"})
        environment: dict[str, str] = {}
        backend.prepare(environment)
        queue = backend.clients.job_queue(environment["CHAT_JOB_QUEUE"], REGION, SystemClock())

        def record(event: dict[str, Any], _context: object) -> None:
            received.extend(message["body"] for message in event["Records"])

        with Worker(record, backend.queue_client(environment), environment["CHAT_JOB_QUEUE"]):
            queue.send("erasure:1", 0)
            until(lambda: received)
    assert received == ["erasure:1"]


def test_run_of_failures_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    class FullDisk:
        def receive_message(self, **_: Any) -> dict[str, Any]:
            calls.append(1)
            raise RuntimeError("Internal server error")

    settings = QueueSettings(wait_seconds=0)
    with Worker(lambda _event, _context: None, FullDisk(), "http://127.0.0.1:1/1/q", settings):
        until(lambda: len(calls) > 3)
    assert [record.getMessage() for record in caplog.records] == [
        "cannot receive from the job queue (Internal server error)"
    ]


@pytest.mark.parametrize(
    ("environment", "consumed"),
    [
        ({"CHAT_JOB_QUEUE": "http://127.0.0.1:8002/1/q", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:8002"}, True),
        ({"CHAT_JOB_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/jobs"}, False),
        ({"CHAT_JOB_QUEUE": "http://10.0.0.5/1/q", "AWS_ENDPOINT_URL_SQS": "http://10.0.0.5:9324"}, False),
        ({"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:8002"}, False),
    ],
    ids=["on this machine", "deployed", "on another machine", "none"],
)
def test_only_a_queue_on_this_machine_is_consumed(
    environment: dict[str, str], consumed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    backend = ExternalBackend("http://127.0.0.1:8002", {})
    assert (backend.queue_client(environment) is not None) is consumed
