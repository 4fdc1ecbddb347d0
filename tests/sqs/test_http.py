"""The queues over HTTP: the SDK's client, its names of errors, and receives that wait."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from local.embedded import EmbeddedServices, embedded_services

REGION = "us-east-1"


@pytest.fixture(scope="module")
def services() -> Iterator[EmbeddedServices]:
    with embedded_services(0, None, REGION) as services:
        yield services


@pytest.fixture(scope="module")
def client(services: EmbeddedServices) -> Iterator[Any]:
    session = boto3.session.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    client = session.client("sqs", endpoint_url=services.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def url(client: Any) -> str:
    return str(client.create_queue(QueueName="jobs")["QueueUrl"])


def test_waiting_receive_does_not_stop_other_requests(client: Any, services: EmbeddedServices, url: str) -> None:
    received: list[Any] = []
    thread = threading.Thread(
        target=lambda: received.append(client.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"])
    )
    thread.start()
    client.send_message(QueueUrl=url, MessageBody="grüß 👋")
    thread.join(10)
    (((message,),)) = received
    assert message["Body"] == "grüß 👋"
    client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_errors_have_the_names_that_the_sdk_knows(client: Any, url: str) -> None:
    with pytest.raises(client.exceptions.QueueDoesNotExist):
        client.send_message(QueueUrl=f"{url}-not", MessageBody="a")
    with pytest.raises(client.exceptions.ReceiptHandleIsInvalid):
        client.delete_message(QueueUrl=url, ReceiptHandle="x")
    with pytest.raises(ClientError) as error:
        client.delete_queue(QueueUrl=url)
    assert error.value.response["Error"]["Code"] == "AWS.SimpleQueueService.UnsupportedOperation"
    assert "DeleteQueue is not supported" in error.value.response["Error"]["Message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_invalid_body_is_rejected(services: EmbeddedServices, body: bytes) -> None:
    connection = http.client.HTTPConnection(urlsplit(services.url).netloc, timeout=10)
    connection.request("POST", "/", body, {"X-Amz-Target": "AmazonSQS.SendMessage"})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    assert (response.status, content["__type"]) == (400, "com.amazon.coral.service#SerializationException")
    assert response.headers["x-amzn-query-error"] == "SerializationException;Sender"


def test_missing_message_has_an_error_of_the_json_protocol(services: EmbeddedServices, url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(services.url).netloc, timeout=10)
    connection.request("POST", "/", json.dumps({"QueueUrl": url}), {"X-Amz-Target": "AmazonSQS.SendMessage"})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    assert content["__type"] == "com.amazon.coral.service#MissingRequiredParameterException"
    assert response.headers["x-amzn-query-error"] == "MissingParameter;Sender"
