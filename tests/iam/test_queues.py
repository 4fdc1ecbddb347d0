"""What stands before SQS: the permissions that its calls need, and what it refuses."""

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
from tests.iam.support import ACCOUNT, QUEUE, Json, StandIn, allow, client_of, new_guard, queue
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
def test_a_call_needs_what_iam_checks_for_it_on_the_queue_of_its_url(
    stand_in: StandIn, operation: str, parameters: Json, action: str
) -> None:
    with (
        new_guard(EVERYTHING, stand_in.url, f"{stand_in.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Worker") as client,
    ):
        getattr(client, operation)(**WORK, **parameters)
    assert guard.calls() == [("Worker", f"sqs:{action}", QUEUE, "Everything", 1)]
    assert guard.denied() == []
    ((received),) = stand_in.received
    assert (received.method, received.path) == ("POST", "/")


@pytest.mark.parametrize(("operation", "action"), [("purge_queue", "PurgeQueue"), ("delete_queue", "DeleteQueue")])
def test_what_is_not_known_is_denied_even_to_who_may_do_everything(
    stand_in: StandIn, operation: str, action: str
) -> None:
    with (
        new_guard(EVERYTHING, stand_in.url, f"{stand_in.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Worker") as client,
        pytest.raises(ClientError, match="not known which permissions it needs"),
    ):
        getattr(client, operation)(**WORK)
    assert guard.denied() == [("Worker", f"sqs:{action}", "*", 1)]
    assert stand_in.received == []


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
def test_what_is_not_allowed_is_answered_as_aws_does_and_reaches_nobody(
    stand_in: StandIn, operation: str, parameters: Json, action: str, resource: str
) -> None:
    with (
        new_guard(SENDER, stand_in.url, f"{stand_in.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Sender") as client,
        pytest.raises(ClientError) as refused,
    ):
        getattr(client, operation)(**parameters)
    error = refused.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert f"is not authorized to perform: sqs:{action} on resource: {resource}" in error["Message"]
    assert guard.denied() == [("Sender", f"sqs:{action}", resource, 1)]
    assert stand_in.received == []


def test_a_permission_that_nobody_used_is_told(stand_in: StandIn) -> None:
    with new_guard(SENDER, stand_in.url, f"{stand_in.url}/dev") as guard:
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
def test_a_request_that_is_malformed_is_refused(
    stand_in: StandIn, target: str, path: str, body: bytes, kind: str
) -> None:
    with new_guard(EVERYTHING, stand_in.url, f"{stand_in.url}/dev") as guard:
        request = AWSRequest("POST", f"{guard.queues_url}{path}", data=body, headers={"X-Amz-Target": target})
        SigV4Auth(Credentials("Worker", "secret"), "sqs", REGION).add_auth(request)
        status, answer = _post(guard.queues_url, path, dict(request.headers), body)
    assert (status, answer["__type"].partition("#")[2]) == (400, kind)
    assert stand_in.received == []


def _post(url: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Json]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_queue_that_the_local_cloud_has_works_behind_it(store_engine: Engine, stand_in: StandIn) -> None:
    settings = QueueSettings(name="work-behind-the-guard")
    with client_of("sqs", store_engine.url, "local") as direct:
        url = ensure_queue(direct, settings)
    arn = queue_arn(url, REGION)
    assert arn.endswith(f":{settings.name}")
    policies = {"Worker": [allow("Work", ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"], arn)]}
    with (
        new_guard(policies, store_engine.url, f"{stand_in.url}/dev") as guard,
        client_of("sqs", guard.queues_url, "Worker") as client,
    ):
        client.send_message(QueueUrl=url, MessageBody="grüß 👋")
        found: list[dict[str, Any]] = client.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        client.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
        assert [each["Body"] for each in found] == ["grüß 👋"]
        assert "Messages" not in client.receive_message(QueueUrl=url)
        assert guard.denied() == []
        assert guard.unused() == []


@pytest.mark.parametrize("url", ["", "work", "http://127.0.0.1:1/work", "http://127.0.0.1:1/12/work"])
def test_what_is_no_url_of_a_queue_has_no_arn(url: str) -> None:
    with pytest.raises(ValueError, match="no URL of a queue"):
        queue_arn(url, REGION)
