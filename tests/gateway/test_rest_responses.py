"""The REST API: responses, and limits of requests and functions."""

import base64
import json
import socket
import threading
from typing import Any

import pytest

from tests.gateway.rest_api import api, error, ok

from .conftest import Serve
from .support import DEADLINE, FakeFunction, ManualClock, fetch, unless_throttled


def test_function_status_headers_and_body_reach_the_client(serve: Serve) -> None:
    answer = {
        "statusCode": 201,
        "headers": {"Content-Type": "text/plain", "X-Number": 5, "X-Bool": True, "Set-Cookie": "lost"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": "créé",
        "isBase64Encoded": False,
    }
    reply = fetch(serve(api(FakeFunction(answer))).http_url + "/things/1")
    assert reply.status == 201
    assert reply.body.decode() == "créé"
    assert reply.headers.get_all("Content-Type") == ["text/plain"]
    assert (reply.headers["X-Number"], reply.headers["X-Bool"]) == ("5", "true")
    assert reply.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_response_without_content_type_is_json(serve: Serve) -> None:
    reply = fetch(serve(api(FakeFunction(ok('{"a":1}')))).http_url + "/things/1")
    assert reply.headers.get_all("Content-Type") == ["application/json"]
    assert reply.json() == {"a": 1}


@pytest.mark.parametrize("status", [204, "204"])
def test_response_body_is_optional(serve: Serve, status: Any) -> None:
    reply = fetch(serve(api(FakeFunction({"statusCode": status}))).http_url + "/things/1")
    assert (reply.status, reply.body) == (204, b"")


def test_reserved_response_headers_are_renamed(serve: Serve) -> None:
    answer = ok(headers={"WWW-Authenticate": "Bearer", "Date": "yesterday", "Content-Length": "1"})
    reply = fetch(serve(api(FakeFunction(answer))).http_url + "/things/1")
    assert reply.headers["x-amzn-Remapped-WWW-Authenticate"] == "Bearer"
    assert reply.headers["x-amzn-Remapped-Date"] == "yesterday"
    assert "WWW-Authenticate" not in reply.headers
    assert reply.headers.get_all("Content-Length") == ["2"]


def test_binary_response_is_decoded_if_accepted(serve: Serve) -> None:
    answer = ok(base64.b64encode(b"\x89PNG").decode(), isBase64Encoded=True, headers={"Content-Type": "image/png"})
    gateway = serve(api(FakeFunction(answer), binary_types=("image/png",)))
    url = f"{gateway.http_url}/things/1"
    assert fetch(url, headers={"Accept": "image/png"}).body == b"\x89PNG"
    assert fetch(url, headers={"Accept": "text/html"}).body == base64.b64encode(b"\x89PNG")


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("a secret"),
        "text",
        {},
        {"statusCode": "OK"},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 600},
        ok({"an": "object"}),
        ok(cookies=["a=b"]),
        ok(headers={"X": None}),
        ok(headers=[]) | {"headers": ["X"]},
        ok(multiValueHeaders={"X": "a"}),
        ok(isBase64Encoded="true"),
        ok("not base64!", isBase64Encoded=True),
        lambda event: None,
        lambda event: ok(b"bytes"),
        lambda event: ok("x" * 7_000_000),
    ],
)
def test_failed_function_or_malformed_response_is_502(serve: Serve, answer: Any) -> None:
    gateway = serve(api(FakeFunction(answer), binary_types=("image/png",)))
    reply = fetch(f"{gateway.http_url}/things/1", headers={"Accept": "image/png"})
    assert error(reply) == (502, "INTERNAL")
    assert b"secret" not in reply.body


def test_function_exceeding_the_integration_timeout_is_504(serve: Serve) -> None:
    leave = threading.Event()
    gateway = serve(api(FakeFunction(lambda event: leave.wait(DEADLINE))), integration_timeout=0.1)

    def answer() -> tuple[tuple[int, str], int]:
        reply = fetch(f"{gateway.http_url}/things/1")
        return error(reply), reply.json()["error"]["retry_after"]

    try:
        assert unless_throttled(answer, ((429, "RATE_LIMITED"), 1)) == ((504, "UNAVAILABLE"), 1)
    finally:
        leave.set()


def test_function_exceeding_its_own_timeout_is_502(serve: Serve) -> None:
    leave = threading.Event()
    gateway = serve(api(FakeFunction(lambda event: leave.wait(DEADLINE))), function_timeout=0.1)
    try:
        url = f"{gateway.http_url}/things/1"
        assert unless_throttled(lambda: error(fetch(url)), (429, "RATE_LIMITED")) == (502, "INTERNAL")
    finally:
        leave.set()


def test_exhausted_concurrency_is_500(serve: Serve) -> None:
    gateway = serve(api(FakeFunction(ok())), function_concurrency=0)
    assert error(fetch(f"{gateway.http_url}/things/1")) == (500, "INTERNAL")


def test_requests_are_handled_concurrently(serve: Serve) -> None:
    together = threading.Barrier(4, timeout=DEADLINE)
    gateway = serve(api(FakeFunction(lambda event: ok(str(together.wait())))))
    replies: list[int] = []
    threads = [
        threading.Thread(target=lambda: replies.append(fetch(f"{gateway.http_url}/things/1").status))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [200] * 4


def test_body_over_10_mb_is_413(serve: Serve) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function))
    url = f"{gateway.http_url}/things/1"
    assert error(fetch(url, "POST", body=b"x" * 10_485_761)) == (413, "TOO_LARGE")
    assert function.events == []


def test_chunked_body_over_10_mb_is_413(serve: Serve) -> None:
    gateway = serve(api(FakeFunction(ok())), max_request_bytes=1000)
    headers = {"Transfer-Encoding": "chunked"}
    body = b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    reply = fetch(f"{gateway.http_url}/things/1", "POST", headers=headers, body=body)
    assert error(reply) == (413, "TOO_LARGE")


def test_event_exceeding_the_lambda_payload_limit_is_413(serve: Serve) -> None:
    function = FakeFunction(ok())
    gateway = serve(api(function))
    url = f"{gateway.http_url}/things/1"
    assert error(fetch(url, "POST", body=b"x" * 6_291_556)) == (413, "TOO_LARGE")
    assert fetch(url, "POST", body=b"x" * 6_200_000).status == 200
    assert len(function.events) == 1


def test_headers_over_10_kb_are_413(serve: Serve) -> None:
    gateway = serve(api(FakeFunction(ok())))
    url = f"{gateway.http_url}/things/1"
    assert error(fetch(url, headers={"X-Large": "x" * 10_240})) == (413, "TOO_LARGE")
    assert fetch(url, headers={"X-Large": "x" * 10_000}).status == 200


def test_requests_exceeding_the_account_rate_are_429(serve: Serve, clock: ManualClock) -> None:
    gateway = serve(api(FakeFunction(ok())), clock=clock, request_rate=1.0, request_burst=2)
    url = f"{gateway.http_url}/things/1"
    assert [fetch(url).status for _ in range(2)] == [200, 200]
    reply = fetch(url)
    assert error(reply) == (429, "RATE_LIMITED")
    assert reply.json()["error"]["retry_after"] == int(reply.headers["Retry-After"]) == 1
    clock.advance(1)
    assert fetch(url).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /things/\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /things/1 HTTP/9.9\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /things/1 HTTP/1.1\r\nBad Header: x\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_malformed_http_is_400_in_the_error_format(serve: Serve, head: bytes) -> None:
    gateway = serve(api(FakeFunction(ok())))
    host, port = gateway.http_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(head)
        answer = b""
        while chunk := client.recv(65_536):  # until the gateway closes the connection
            answer += chunk
    assert answer.split()[1] == b"400"
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "VALIDATION_FAILED"
