"""Allowed requests pass unchanged: bytes, headers, connections, and their ends."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.iam import Guard, IamError
from tests.iam.support import (
    KEY,
    SOCKETS,
    Answer,
    FakeServer,
    Json,
    allow,
    client_of,
    dynamodb_answer,
    new_guard,
    table,
)
from tests.support.engine import REGION

READER: dict[str, list[Json]] = {
    "Reader": [
        allow("Read", ["dynamodb:GetItem", "dynamodb:PutItem"], table("rooms")),
        allow("Post", "execute-api:ManageConnections", SOCKETS % "POST"),
        allow("Close", "execute-api:ManageConnections", SOCKETS % "DELETE"),
    ]
}


@pytest.fixture
def guard(fake_server: FakeServer) -> Iterator[Guard]:
    with new_guard(READER, fake_server.url, f"{fake_server.url}/dev") as running:
        yield running


@pytest.fixture
def connection(guard: Guard) -> Iterator[http.client.HTTPConnection]:
    """A connection to the guard's callback API."""
    address = urlsplit(guard.management_url)
    made = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    yield made
    made.close()


def signed(method: str, url: str, body: bytes, headers: dict[str, str] | None = None) -> dict[str, str]:
    request = AWSRequest(method, url, data=body, headers=headers or {})
    SigV4Auth(Credentials("Reader", "secret"), "execute-api", REGION).add_auth(request)
    return dict(request.headers.items())


def post(guard: Guard, connection: http.client.HTTPConnection, body: bytes, **more: str) -> None:
    path = "/dev/@connections/abc%3D"
    headers = signed("POST", guard.management_url.removesuffix("/dev") + path, body, more)
    connection.request("POST", path, body, headers)


def test_request_is_forwarded_byte_for_byte(
    guard: Guard, fake_server: FakeServer, connection: http.client.HTTPConnection
) -> None:
    body = os.urandom(4_000_000)  # the maximum size of a transaction
    post(guard, connection, body, **{"Content-Encoding": "gzip", "X-Own": "grüß".encode().decode("latin-1")})
    assert connection.getresponse().read() == b"{}"
    (received,) = fake_server.received
    assert (received.method, received.path, received.body) == ("POST", "/dev/@connections/abc%3D", body)
    headers = {name.lower(): value for name, value in received.headers}
    assert headers["content-encoding"] == "gzip"
    assert headers["x-own"].encode("latin-1") == "grüß".encode()
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=Reader/")
    assert headers["host"] == fake_server.url.removeprefix("http://")


def test_hop_by_hop_headers_are_removed_and_none_added(
    guard: Guard, fake_server: FakeServer, connection: http.client.HTTPConnection
) -> None:
    post(guard, connection, b"x", Connection="keep-alive, X-Hop", **{"X-Hop": "1", "TE": "trailers", "X-End": "2"})
    connection.getresponse().read()
    (received,) = fake_server.received
    names = sorted(name.lower() for name, _ in received.headers)
    assert names == ["accept-encoding", "authorization", "content-length", "host", "x-amz-date", "x-end"]


def test_chunked_body_is_forwarded_completely(
    guard: Guard, fake_server: FakeServer, connection: http.client.HTTPConnection
) -> None:
    path = "/dev/@connections/abc"
    headers = signed("POST", guard.management_url.removesuffix("/dev") + path, b"one two")
    connection.request("POST", path, iter([b"one", b" two"]), headers, encode_chunked=True)
    connection.getresponse().read()
    assert fake_server.received[0].body == b"one two"


def test_empty_body_stays_empty(
    guard: Guard, fake_server: FakeServer, connection: http.client.HTTPConnection
) -> None:
    fake_server.answer = Answer(b"", 200)
    post(guard, connection, b"")
    assert connection.getresponse().read() == b""
    assert fake_server.received[0].body == b""


def test_response_is_returned_byte_for_byte(
    guard: Guard, fake_server: FakeServer, connection: http.client.HTTPConnection
) -> None:
    body = os.urandom(200_000)
    fake_server.answer = Answer(
        body,
        418,
        [("Content-Encoding", "gzip"), ("Content-Type", "a/b"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
    )
    post(guard, connection, b"x")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (418, body)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == "a/b"
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_redirect_is_returned_to_the_caller(
    guard: Guard, fake_server: FakeServer, connection: http.client.HTTPConnection
) -> None:
    fake_server.answer = Answer(b"", 307, [("Location", f"{fake_server.url}/elsewhere")])
    post(guard, connection, b"x")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (307, f"{fake_server.url}/elsewhere")
    assert len(fake_server.received) == 1


def test_204_is_returned_without_content(
    guard: Guard, fake_server: FakeServer, connection: http.client.HTTPConnection
) -> None:
    fake_server.answer = Answer(b"", 204)
    path = "/dev/@connections/abc"
    headers = signed("DELETE", guard.management_url.removesuffix("/dev") + path, b"")
    connection.request("DELETE", path, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (204, b"")


def test_checksum_and_request_id_of_dynamodb_reach_boto3(guard: Guard, fake_server: FakeServer) -> None:
    fake_server.answer = dynamodb_answer(b'{"Item": {"pk": {"S": "gr\\u00fc\xc3\x9f"}}}')
    with client_of("dynamodb", guard.store_url, "Reader") as client:
        response = client.get_item(TableName="rooms", Key=KEY)
    assert response["Item"] == {"pk": {"S": "grüß"}}
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-crc32"] == dict(fake_server.answer.headers)["x-amz-crc32"]
    assert response["ResponseMetadata"]["RequestId"] == "REQUEST1"


def test_connections_are_kept_alive_on_both_sides(guard: Guard, fake_server: FakeServer) -> None:
    with client_of("dynamodb", guard.store_url, "Reader") as client:
        for _ in range(20):
            client.get_item(TableName="rooms", Key=KEY)
    assert len(fake_server.received) == 20
    assert fake_server.connections == 1


def test_concurrent_calls_are_forwarded_and_counted(guard: Guard, fake_server: FakeServer) -> None:
    def post_some(number: int) -> None:
        address = urlsplit(guard.management_url)
        own = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        for count in range(5):
            post(guard, own, f"{number} {count}".encode())
            assert own.getresponse().read() == b"{}"
        own.close()

    with ThreadPoolExecutor(60) as threads:
        list(threads.map(post_some, range(60)))
    expected = {f"{number} {count}".encode() for number in range(60) for count in range(5)}
    assert {request.body for request in fake_server.received} == expected
    assert guard.calls() == [("Reader", "execute-api:ManageConnections", SOCKETS % "POST", "Post", 300)]


def test_request_of_a_disconnected_caller_is_cancelled(fake_server: FakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/dev"
        with new_guard(READER, fake_server.url, url) as guard:
            address = urlsplit(guard.management_url)
            caller = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
            post(guard, caller, b"x")
            hanging.settimeout(10)
            accepted, _ = hanging.accept()
            with accepted:
                accepted.settimeout(10)
                assert accepted.recv(1)
                caller.close()
                while accepted.recv(65_536):  # until the guard closes its connection too
                    pass


def test_stop_aborts_running_requests(fake_server: FakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        guard = new_guard(READER, fake_server.url, f"http://127.0.0.1:{hanging.getsockname()[1]}/dev").start()
        address = urlsplit(guard.management_url)
        caller = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        post(guard, caller, b"x")
        hanging.settimeout(10)
        accepted, _ = hanging.accept()
        with accepted:
            guard.stop()
            with pytest.raises((http.client.HTTPException, OSError)):
                caller.getresponse()
        caller.close()
        guard.stop()  # idempotent
        assert [call.times for call in guard.calls()] == [1], "the record outlives the guard"


def test_unreachable_server_is_502_with_its_address(fake_server: FakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        unreachable = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with new_guard(READER, unreachable, f"{fake_server.url}/dev") as guard:
        with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError) as failed:
            client.get_item(TableName="rooms", Key=KEY)
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
        assert f"got no response from {unreachable}" in failed.value.response["Error"]["Message"]


def test_callback_url_without_a_stage_is_rejected(fake_server: FakeServer) -> None:
    with pytest.raises(IamError, match="does not end with a stage"):
        new_guard(READER, fake_server.url, fake_server.url)


def test_guard_has_no_urls_before_its_start(fake_server: FakeServer) -> None:
    guard = new_guard(READER, fake_server.url, f"{fake_server.url}/dev")
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = guard.store_url


def test_guard_cannot_be_started_twice(guard: Guard) -> None:
    with pytest.raises(RuntimeError, match="already been started"):
        guard.start()
