"""The JSON protocol over HTTP."""

# The tables have a line for each case.
# ruff: noqa: E501

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.dynamodb.engine import Engine
from local.dynamodb.http_server import MAX_BODY
from tests.dynamodb.targets import OperationFailed, Target, in_process, item, key, over_http, served

AUTHORIZED = {"Authorization": "AWS4-HMAC-SHA256 …".encode().decode("latin-1")}


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    with served(engine) as found:
        yield found


def request(
    url: str, operation: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, dict[str, Any]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    target = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    connection.request("POST", "/", body, {**target, **(AUTHORIZED if headers is None else headers)})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    assert response.headers["x-amz-crc32"] == str(zlib.crc32(content))
    found: dict[str, Any] = json.loads(content)
    return response, found


def test_answer_has_the_protocol_s_headers(url: str) -> None:
    response, content = request(url, "ListTables", b"{}")

    assert (response.status, content) == (200, {"TableNames": []})
    assert response.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert response.headers["x-amzn-RequestId"]


@pytest.mark.parametrize(
    ("operation", "body", "headers", "status", "code"),
    [
        ("GetItem", b"{", None, 400, "com.amazon.coral.service#SerializationException"),
        ("GetItem", b"[]", None, 400, "com.amazon.coral.service#SerializationException"),
        ("GetItem", b"\xff", None, 400, "com.amazon.coral.service#SerializationException"),
        ("GetItem", b"[" * 100_000, None, 400, "com.amazon.coral.service#SerializationException"),
        ("GetItem", b"{}", None, 400, "com.amazon.coral.validate#ValidationException"),
        ("Scan", b"{}", None, 400, "com.amazon.coral.service#UnknownOperationException"),
        ("ListTables", b"{}", {}, 400, "com.amazonaws.dynamodb.v20120810#MissingAuthenticationTokenException"),
        ("ListTables", b"{}", {"X-Amz-Target": "Other.ListTables"}, 400, "com.amazon.coral.service#UnknownOperationException"),
        ("DescribeTable", b'{"TableName": "abc"}', None, 400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"),
        ("GetItem", b" " * (MAX_BODY + 1), None, 413, "com.amazonaws.dynamodb.v20120810#RequestEntityTooLargeException"),
    ],
)  # fmt: skip
def test_bad_request_is_answered_with_its_error(
    url: str, operation: str, body: bytes, headers: dict[str, str] | None, status: int, code: str
) -> None:
    response, content = request(url, operation, body, headers)

    assert (response.status, content["__type"]) == (status, code)
    assert content["message"]


def test_lone_surrogate_is_refused(url: str) -> None:
    request(url, "CreateTable", json.dumps(TABLE).encode())
    body = b'{"TableName": "toys", "Item": {"pk": {"S": "\\ud800"}}}'

    _, content = request(url, "PutItem", body)

    assert content["__type"].endswith("SerializationException")


TABLE = {
    "TableName": "toys",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def test_get_says_that_the_server_is_there(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", "/")
    response = connection.getresponse()

    assert (response.status, response.read()) == (200, b"healthy: dynamodb.local\n")
    connection.close()


def test_many_clients_and_the_process_itself_share_one_engine(engine: Engine, toys: Target, url: str) -> None:
    call, inside = over_http(url), in_process(engine)
    update = {
        "TableName": toys.table,
        "Key": key("p", "counter"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: (inside if number % 2 else call)("UpdateItem", update), range(100)))

    assert toys.get("p", "counter") == item("p", "counter", n=100)


def test_failure_of_the_storage_is_a_500_that_clients_retry(engine: Engine, toys: Target, url: str) -> None:
    toys.put("p", "a")
    engine.close()
    body = {"TableName": toys.table, "Key": key("p", "a")}

    response, content = request(url, "GetItem", json.dumps(body).encode())

    assert response.status == 500
    assert content["__type"] == "com.amazonaws.dynamodb.v20120810#InternalServerError"
    with pytest.raises(OperationFailed) as failure:
        toys.get("p", "a")
    assert failure.value.code == "InternalServerError"
