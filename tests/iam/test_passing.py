"""What is allowed passes as if there were no guard: bytes, headers, connections, and their ends."""

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
    Json,
    StandIn,
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
def guard(stand_in: StandIn) -> Iterator[Guard]:
    with new_guard(READER, stand_in.url, f"{stand_in.url}/dev") as running:
        yield running


@pytest.fixture
def connection(guard: Guard) -> Iterator[http.client.HTTPConnection]:
    """To the guard's callback API."""
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


def test_a_request_arrives_byte_for_byte(
    guard: Guard, stand_in: StandIn, connection: http.client.HTTPConnection
) -> None:
    body = os.urandom(4_000_000)  # as large as a transaction may be
    post(guard, connection, body, **{"Content-Encoding": "gzip", "X-Own": "grüß".encode().decode("latin-1")})
    assert connection.getresponse().read() == b"{}"
    (received,) = stand_in.received
    assert (received.method, received.path, received.body) == ("POST", "/dev/@connections/abc%3D", body)
    headers = {name.lower(): value for name, value in received.headers}
    assert headers["content-encoding"] == "gzip"
    assert headers["x-own"].encode("latin-1") == "grüß".encode()
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=Reader/")
    assert headers["host"] == stand_in.url.removeprefix("http://")


def test_nothing_is_added_and_what_is_meant_for_one_connection_is_left_out(
    guard: Guard, stand_in: StandIn, connection: http.client.HTTPConnection
) -> None:
    post(guard, connection, b"x", Connection="keep-alive, X-Hop", **{"X-Hop": "1", "TE": "trailers", "X-End": "2"})
    connection.getresponse().read()
    (received,) = stand_in.received
    names = sorted(name.lower() for name, _ in received.headers)
    assert names == ["accept-encoding", "authorization", "content-length", "host", "x-amz-date", "x-end"]


def test_a_body_in_chunks_arrives_whole(
    guard: Guard, stand_in: StandIn, connection: http.client.HTTPConnection
) -> None:
    path = "/dev/@connections/abc"
    headers = signed("POST", guard.management_url.removesuffix("/dev") + path, b"one two")
    connection.request("POST", path, iter([b"one", b" two"]), headers, encode_chunked=True)
    connection.getresponse().read()
    assert stand_in.received[0].body == b"one two"


def test_an_empty_body_stays_empty(
    guard: Guard, stand_in: StandIn, connection: http.client.HTTPConnection
) -> None:
    stand_in.answer = Answer(b"", 200)
    post(guard, connection, b"")
    assert connection.getresponse().read() == b""
    assert stand_in.received[0].body == b""


def test_an_answer_returns_byte_for_byte(
    guard: Guard, stand_in: StandIn, connection: http.client.HTTPConnection
) -> None:
    body = os.urandom(200_000)
    stand_in.answer = Answer(
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


def test_a_redirection_is_for_the_caller_to_follow(
    guard: Guard, stand_in: StandIn, connection: http.client.HTTPConnection
) -> None:
    stand_in.answer = Answer(b"", 307, [("Location", f"{stand_in.url}/elsewhere")])
    post(guard, connection, b"x")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (307, f"{stand_in.url}/elsewhere")
    assert len(stand_in.received) == 1


def test_no_content_is_no_content(guard: Guard, stand_in: StandIn, connection: http.client.HTTPConnection) -> None:
    stand_in.answer = Answer(b"", 204)
    path = "/dev/@connections/abc"
    headers = signed("DELETE", guard.management_url.removesuffix("/dev") + path, b"")
    connection.request("DELETE", path, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (204, b"")


def test_boto3_finds_the_checksum_and_the_request_id_of_dynamodb(guard: Guard, stand_in: StandIn) -> None:
    stand_in.answer = dynamodb_answer(b'{"Item": {"pk": {"S": "gr\\u00fc\xc3\x9f"}}}')
    with client_of("dynamodb", guard.store_url, "Reader") as client:
        found = client.get_item(TableName="rooms", Key=KEY)
    assert found["Item"] == {"pk": {"S": "grüß"}}
    headers = found["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-crc32"] == dict(stand_in.answer.headers)["x-amz-crc32"]
    assert found["ResponseMetadata"]["RequestId"] == "REQUEST1"


def test_connections_are_kept_on_both_sides(guard: Guard, stand_in: StandIn) -> None:
    with client_of("dynamodb", guard.store_url, "Reader") as client:
        for _ in range(20):
            client.get_item(TableName="rooms", Key=KEY)
    assert len(stand_in.received) == 20
    assert stand_in.connections == 1


def test_many_calls_at_the_same_time_are_all_passed_on_and_counted(guard: Guard, stand_in: StandIn) -> None:
    def post_some(number: int) -> None:
        address = urlsplit(guard.management_url)
        own = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        for count in range(5):
            post(guard, own, f"{number} {count}".encode())
            assert own.getresponse().read() == b"{}"
        own.close()

    with ThreadPoolExecutor(60) as threads:
        list(threads.map(post_some, range(60)))
    assert {each.body for each in stand_in.received} == {f"{n} {c}".encode() for n in range(60) for c in range(5)}
    assert guard.calls() == [("Reader", "execute-api:ManageConnections", SOCKETS % "POST", "Post", 300)]


def test_who_hangs_up_is_no_longer_waited_for(stand_in: StandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/dev"
        with new_guard(READER, stand_in.url, url) as guard:
            address = urlsplit(guard.management_url)
            caller = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
            post(guard, caller, b"x")
            hanging.settimeout(10)
            accepted, _ = hanging.accept()
            with accepted:
                accepted.settimeout(10)
                assert accepted.recv(1)
                caller.close()
                while accepted.recv(65_536):  # until the guard hangs up, too
                    pass


def test_a_stopped_guard_breaks_off_what_is_under_way(stand_in: StandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        guard = new_guard(READER, stand_in.url, f"http://127.0.0.1:{hanging.getsockname()[1]}/dev").start()
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
        guard.stop()  # a second time changes nothing
        assert [each.times for each in guard.calls()] == [1], "the record outlives the guard"


def test_a_server_that_is_not_there_is_a_bad_gateway_that_says_so(stand_in: StandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with new_guard(READER, nobody, f"{stand_in.url}/dev") as guard:
        with client_of("dynamodb", guard.store_url, "Reader") as client, pytest.raises(ClientError) as failed:
            client.get_item(TableName="rooms", Key=KEY)
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
        assert f"no answer from {nobody}" in failed.value.response["Error"]["Message"]


def test_a_callback_url_without_a_stage_is_refused(stand_in: StandIn) -> None:
    with pytest.raises(IamError, match="does not end with a stage"):
        new_guard(READER, stand_in.url, stand_in.url)


def test_a_guard_has_no_urls_before_its_start(stand_in: StandIn) -> None:
    guard = new_guard(READER, stand_in.url, f"{stand_in.url}/dev")
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = guard.store_url


def test_a_guard_is_started_once(guard: Guard) -> None:
    with pytest.raises(RuntimeError, match="started already"):
        guard.start()
