"""The guard in front of SQS: required permissions and denials."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.iam import queue_arn
from local.queue import QueueSettings, ensure_queue
from tests.iam.support import ACCOUNT, QUEUE, FakeServer, Json, allow, client_of, new_guard, queue
from tests.support.engine import REGION, Engine

WORK = {"QueueUrl": queue("work")}
EVERYTHING = {"Worker": [allow("Everything", "*", "*")]}
SENDER = {"Sender": [allow("Send", "sqs:SendMessage", QUEUE)]}
HANDLES = [{"Id": "1", "ReceiptHandle": "r"}]


@pytest.mark.parametrize(
    ("operation", "parameters", "action"),
    [
        ("send_message", {"MessageBody": "x"}, "SendMessage"),
        ("send_message_batch", {"Entries": [{"Id": "1", "MessageBody": "x"}]}, "SendMessage"),
        ("receive_message", {}, "ReceiveMessage"),
        ("delete_message", {"ReceiptHandle": "r"}, "DeleteMessage"),
        ("delete_message_batch", {"Entries": HANDLES}, "DeleteMessage"),
        ("change_message_visibility", {"ReceiptHandle": "r", "VisibilityTimeout": 0}, "ChangeMessageVisibility"),
        ("change_message_visibility_batch", {"Entries": HANDLES}, "ChangeMessageVisibility"),
        ("get_queue_attributes", {}, "GetQueueAttributes"),
    ],
)
def test_sqs_call_requires_the_permission_for_the_queue_of_its_url(
    fake_server: FakeServer, operation: str, parameters: Json, action: str
) -> None:
    with (
        new_guard(EVERYTHING, fake_server.url, f"{fake_server.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Worker") as client,
    ):
        getattr(client, operation)(**WORK, **parameters)
    assert guard.calls() == [("Worker", f"sqs:{action}", QUEUE, "Everything", 1)]
    assert guard.denied() == []
    ((received),) = fake_server.received
    assert (received.method, received.path) == ("POST", "/")


@pytest.mark.parametrize(("operation", "action"), [("purge_queue", "PurgeQueue"), ("delete_queue", "DeleteQueue")])
def test_unknown_operation_is_denied_even_with_full_access(
    fake_server: FakeServer, operation: str, action: str
) -> None:
    with (
        new_guard(EVERYTHING, fake_server.url, f"{fake_server.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Worker") as client,
        pytest.raises(ClientError, match="does not know its required permissions"),
    ):
        getattr(client, operation)(**WORK)
    assert guard.denied() == [("Worker", f"sqs:{action}", "*", 1)]
    assert fake_server.received == []


@pytest.mark.parametrize(
    ("operation", "parameters", "action", "resource"),
    [
        ("receive_message", WORK, "ReceiveMessage", QUEUE),
        ("send_message", {"QueueUrl": queue("other"), "MessageBody": "x"}, "SendMessage", QUEUE[:-4] + "other"),
        (
            "send_message",
            {"QueueUrl": queue("work", "999999999999"), "MessageBody": "x"},
            "SendMessage",
            QUEUE.replace(ACCOUNT, "999999999999"),
        ),
    ],
    ids=["another action", "another queue", "another account"],
)
def test_denied_sqs_call_gets_the_error_of_aws_and_is_not_forwarded(
    fake_server: FakeServer, operation: str, parameters: Json, action: str, resource: str
) -> None:
    with (
        new_guard(SENDER, fake_server.url, f"{fake_server.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Sender") as client,
        pytest.raises(ClientError) as refused,
    ):
        getattr(client, operation)(**parameters)
    error = refused.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert f"is not authorized to perform: sqs:{action} on resource: {resource}" in error["Message"]
    assert guard.denied() == [("Sender", f"sqs:{action}", resource, 1)]
    assert fake_server.received == []


def test_unused_sqs_permission_is_listed(fake_server: FakeServer) -> None:
    with new_guard(SENDER, fake_server.url, f"{fake_server.url}/dev") as guard:
        assert guard.unused() == [("Sender", "Send", "sqs:SendMessage", QUEUE)]


@pytest.mark.parametrize(
    ("target", "path", "body", "kind"),
    [
        ("AmazonSQS.SendMessage", "/", b"[]", "SerializationException"),
        ("AmazonSQS.SendMessage", "/", b"{}", "SerializationException"),
        ("AmazonSQS.SendMessage", "/", b'{"QueueUrl": 5}', "SerializationException"),
        ("AmazonSQS.SendMessage", "/", b'{"QueueUrl": "http://x/work"}', "SerializationException"),
        ("AmazonSQS.SendMessage", "/", b"\xff", "SerializationException"),
        ("AmazonSQS.SendMessage", f"/{ACCOUNT}/work", b"{}", "UnknownOperationException"),
        ("DynamoDB_20120810.GetItem", "/", b"{}", "UnknownOperationException"),
    ],
)
def test_malformed_sqs_request_is_rejected(
    fake_server: FakeServer, target: str, path: str, body: bytes, kind: str
) -> None:
    with new_guard(EVERYTHING, fake_server.url, f"{fake_server.url}/dev") as guard:
        request = AWSRequest("POST", f"{guard.queues_url}{path}", data=body, headers={"X-Amz-Target": target})
        SigV4Auth(Credentials("Worker", "secret"), "sqs", REGION).add_auth(request)
        status, answer = _post(guard.queues_url, path, dict(request.headers), body)
    assert (status, answer["__type"].partition("#")[2]) == (400, kind)
    assert fake_server.received == []


def _post(url: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Json]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_queue_of_the_built_in_store_works_behind_the_guard(store_engine: Engine, fake_server: FakeServer) -> None:
    settings = QueueSettings(name="work-behind-the-guard")
    with client_of("sqs", store_engine.url, "local") as direct:
        url = ensure_queue(direct, settings)
    arn = queue_arn(url, REGION)
    assert arn.endswith(f":{settings.name}")
    policies = {"Worker": [allow("Work", ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"], arn)]}
    with (
        new_guard(policies, store_engine.url, f"{fake_server.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Worker") as client,
    ):
        client.send_message(QueueUrl=url, MessageBody="grüß 👋")
        messages: list[dict[str, Any]] = client.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        client.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
        assert [message["Body"] for message in messages] == ["grüß 👋"]
        assert "Messages" not in client.receive_message(QueueUrl=url)
        assert guard.denied() == []
        assert guard.unused() == []


@pytest.mark.parametrize("url", ["", "work", "http://127.0.0.1:1/work", "http://127.0.0.1:1/12/work"])
def test_invalid_queue_url_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="is not a queue URL"):
        queue_arn(url, REGION)
