"""Denied requests get AWS's error responses, which boto3 understands, and are not forwarded."""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.iam import Guard
from tests.iam.support import KEY, SOCKETS, FakeServer, Json, allow, client_of, new_guard, table
from tests.support.engine import REGION

ROOMS = table("rooms")
SECRET = "must-not-appear-anywhere"
READER: dict[str, list[Json]] = {
    "Reader": [
        allow("Read", "dynamodb:GetItem", ROOMS),
        allow("Post", "execute-api:ManageConnections", SOCKETS % "POST"),
        allow("Never", "dynamodb:DeleteItem", "*", "Deny"),
    ]
}
ROLE = "arn:aws:sts::123456789012:assumed-role/Reader/Reader"


@pytest.fixture
def guard(fake_server: FakeServer) -> Iterator[Guard]:
    with new_guard(READER, fake_server.url, f"{fake_server.url}/dev") as running:
        yield running
    assert fake_server.received == [], "a denied request was forwarded"


def raw(url: str, method: str, path: str, headers: dict[str, str], body: bytes = b"{}") -> tuple[int, str, Json]:
    """Return the status, the error type in header or body, and the body."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        document: Json = json.loads(answer.read())
        return answer.status, answer.headers.get("x-amzn-ErrorType") or document["__type"], document
    finally:
        connection.close()


def signature(service: str = "dynamodb", key_id: str = "Reader", region: str = REGION) -> str:
    request = AWSRequest("POST", "http://127.0.0.1/", data=b"{}")
    SigV4Auth(Credentials(key_id, "secret"), service, region).add_auth(request)
    authorization: str = request.headers["Authorization"]
    return authorization


def target(operation: str) -> dict[str, str]:
    return {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}


def test_denied_dynamodb_call_is_an_access_denied_exception(guard: Guard) -> None:
    item = {"pk": {"S": SECRET}, "sk": {"S": "b"}}
    with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError) as refused:
        client.put_item(TableName="rooms", Item=item)
    response = refused.value.response
    assert response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"User: {ROLE} is not authorized to perform: dynamodb:PutItem on resource: {ROOMS}"
        " because no identity-based policy allows the dynamodb:PutItem action",
    }
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert len(response["ResponseMetadata"]["RequestId"]) == 32
    assert guard.denied() == [("Reader", "dynamodb:PutItem", ROOMS, 1)]


def test_explicit_deny_is_named_in_the_message(guard: Guard) -> None:
    with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError) as refused:
        client.delete_item(TableName="rooms", Key=KEY)
    message = refused.value.response["Error"]["Message"]
    assert message.endswith(f"on resource: {ROOMS} with an explicit deny in an identity-based policy")


def test_denial_has_the_checksum_of_its_body(guard: Guard) -> None:
    address = urlsplit(guard.store_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("POST", "/", b"{}", {"Authorization": signature(), **target("Scan")})
    answer = connection.getresponse()
    assert int(answer.headers["x-amz-crc32"]) == zlib.crc32(answer.read())
    connection.close()


def test_permission_for_one_table_denies_another(guard: Guard) -> None:
    with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError):
        client.get_item(TableName="halls", Key=KEY)
    assert guard.denied() == [("Reader", "dynamodb:GetItem", table("halls"), 1)]


def test_table_permission_does_not_cover_its_index(guard: Guard) -> None:
    query = {"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}}
    with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError):
        client.query(TableName="rooms", IndexName="by_name", **query)
    assert guard.denied() == [("Reader", "dynamodb:Query", f"{ROOMS}/index/by_name", 1)]


def test_denied_call_records_all_missing_permissions_and_uses_none(guard: Guard) -> None:
    get, put = {"Get": {"TableName": "rooms", "Key": KEY}}, {"Get": {"TableName": "halls", "Key": KEY}}
    other = {"Get": {"TableName": "cellars", "Key": KEY}}
    with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError) as refused:
        client.transact_get_items(TransactItems=[get, put, other])
    assert f"dynamodb:GetItem on resource: {table('halls')} because" in str(refused.value)
    assert guard.denied() == [
        ("Reader", "dynamodb:GetItem", table("cellars"), 1),
        ("Reader", "dynamodb:GetItem", table("halls"), 1),
    ]
    assert guard.calls() == []


@pytest.mark.parametrize("operation", ["get_connection", "delete_connection"])
def test_denied_callback_is_a_403_without_the_connection_id(guard: Guard, operation: str) -> None:
    method = "GET" if operation == "get_connection" else "DELETE"
    with (
        client_of("apigatewaymanagementapi", guard.management_url, "Reader") as client,
        pytest.raises(ClientError) as refused,
    ):
        getattr(client, operation)(ConnectionId=f"{SECRET}=")
    response = refused.value.response
    action = "execute-api:ManageConnections"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"User: {ROLE} is not authorized to perform: {action} on resource: {SOCKETS % method}"
        f" because no identity-based policy allows the {action} action",
    }
    assert guard.denied() == [("Reader", action, SOCKETS % method, 1)]


def test_record_contains_neither_keys_nor_values_nor_ids(guard: Guard) -> None:
    item = {"pk": {"S": SECRET}, "sk": {"S": SECRET}, "text": {"S": SECRET}}
    with (
        client_of("dynamodb", guard.store_url, "Reader") as store,
        client_of("apigatewaymanagementapi", guard.management_url, "Reader") as sockets,
        client_of("apigatewaymanagementapi", guard.management_url, SECRET) as strange,
    ):
        with pytest.raises(ClientError):
            store.transact_write_items(TransactItems=[{"Put": {"TableName": "rooms", "Item": item}}])
        with pytest.raises(ClientError):
            sockets.delete_connection(ConnectionId=SECRET)
        with pytest.raises(ClientError):
            strange.post_to_connection(ConnectionId=SECRET, Data=SECRET.encode())
    assert len(guard.denied()) == 3
    assert SECRET not in json.dumps(guard.record())


def test_unknown_key_is_an_unrecognized_client(guard: Guard) -> None:
    with client_of("dynamodb", guard.store_url, "Stranger") as client, pytest.raises(ClientError) as refused:
        client.get_item(TableName="rooms", Key=KEY)
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with (
        client_of("apigatewaymanagementapi", guard.management_url, "Stranger") as client,
        pytest.raises(ClientError) as refused,
    ):
        client.post_to_connection(ConnectionId="a", Data=b"x")
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert guard.denied() == [
        (None, "dynamodb:GetItem", ROOMS, 1),
        (None, "execute-api:ManageConnections", SOCKETS % "POST", 1),
    ]


@pytest.mark.parametrize(
    ("authorization", "kind"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("", "MissingAuthenticationTokenException"),
        ("Bearer abc", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=Reader", "IncompleteSignatureException"),
        (signature("execute-api"), "InvalidSignatureException"),
        (signature(region="eu-central-1"), "InvalidSignatureException"),
        (signature(key_id="reader"), "UnrecognizedClientException"),
    ],
)
def test_unidentified_caller_is_rejected_before_the_operation(
    guard: Guard, authorization: str | None, kind: str
) -> None:
    headers = target("ListTables") | ({} if authorization is None else {"Authorization": authorization})
    status, error_type, _ = raw(guard.store_url, "POST", "/", headers)
    assert (status, error_type) == (400, f"com.amazon.coral.service#{kind}")
    assert guard.denied() == [(None, "dynamodb:ListTables", "*", 1)]


def test_unsigned_callback_is_a_missing_authentication_token(guard: Guard) -> None:
    status, kind, body = raw(guard.management_url, "POST", "/dev/@connections/abc", {})
    assert (status, kind) == (403, "MissingAuthenticationTokenException")
    assert body == {"message": "Missing Authentication Token"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/dev/@connections/abc"),
        ("POST", "/prod/@connections/abc"),
        ("POST", "/dev/@connections"),
        ("POST", "/dev/@connections/"),
        ("POST", "/dev%2F@connections/abc"),
        ("POST", "/dev/@connections/abc/more"),
        ("POST", "/"),
    ],
)
def test_unknown_callback_path_is_a_missing_authentication_token(guard: Guard, method: str, path: str) -> None:
    headers = {"Authorization": signature("execute-api")}
    status, kind, _ = raw(guard.management_url, method, path, headers)
    assert (status, kind) == (403, "MissingAuthenticationTokenException")
    assert guard.denied() == [("Reader", "execute-api:ManageConnections", "*", 1)]


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/", "DynamoDBStreams_20120810.ListStreams"),
        ("POST", "/", "DynamoDB_20120810.Get/Item"),
        ("POST", "/", ""),
        ("POST", "/_ministack/reset", "DynamoDB_20120810.GetItem"),
        ("GET", "/", "DynamoDB_20120810.GetItem"),
    ],
)
def test_unknown_dynamodb_operation_is_rejected(guard: Guard, method: str, path: str, operation: str) -> None:
    headers = {"Authorization": signature(), "X-Amz-Target": operation}
    body = b'{"TableName": "rooms"}'
    status, kind, _ = raw(guard.store_url, method, path, headers, body)
    assert (status, kind) == (400, "com.amazon.coral.service#UnknownOperationException")
    assert guard.denied() == [("Reader", "dynamodb:UnknownOperation", "*", 1)]


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("GetItem", b""),
        ("GetItem", b"\x1f\x8b"),
        ("GetItem", b"[]"),
        ("GetItem", b"{}"),
        ("GetItem", b'{"TableName": 7}'),
        ("BatchGetItem", b'{"RequestItems": 7}'),
        ("TransactWriteItems", b'{"TransactItems": [7]}'),
        ("TransactWriteItems", b'{"TransactItems": [{"Get": {"TableName": "rooms"}}]}'),
    ],
)
def test_invalid_body_is_a_serialization_exception(guard: Guard, operation: str, body: bytes) -> None:
    headers = {"Authorization": signature(), **target(operation)}
    status, kind, _ = raw(guard.store_url, "POST", "/", headers, body)
    assert (status, kind) == (400, "com.amazon.coral.service#SerializationException")
    assert guard.denied() == []
