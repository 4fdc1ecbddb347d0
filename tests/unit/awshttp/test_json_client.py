"""Calls of operations: which responses are retried, at which cost, and what the caller receives."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.awshttp import AwsJsonClient, NoResponse, Response, ServiceError, Signer, TlsContext
from chalicelib.awshttp._json_client import MAX_ATTEMPTS, _Call
from chalicelib.awshttp._retry_quota import RETRY_COST, THROTTLING_RETRY_COST, RetryQuota
from chalicelib.core.kernel.clock import SystemClock
from tests.support.fakes import FakeClock
from tests.support.raw_peer import CUT, RawPeer, Say, raw_peer


class FakeCredentials:
    access_key, secret_key, token = "AKIDEXAMPLE", "secret", None


CREDENTIALS = FakeCredentials()
OK = Response(200, b'{"A": 1}', True)
THROTTLED = Response(400, b'{"__type": "com.amazonaws#ThrottlingException", "message": "slow down"}', True)
REJECTED = Response(400, b'{"__type": "com.amazonaws#ValidationException:http://x", "Message": "no"}', True)
FAILED = Response(500, b"", True)


def new_call(quota: RetryQuota | None = None, clock: FakeClock | None = None) -> _Call:
    signer = Signer("dynamodb", "us-east-1", lambda: CREDENTIALS, {"host": "h", "x-amz-target": "T.Op"})
    return _Call("/", signer, clock or FakeClock(), quota or RetryQuota(), b'{"B":2}')


def respond(call: _Call, response: Response | None) -> float | None:
    return call.on_response(response, safe_to_retry=False)


# ---- requests ------------------------------------------------------------------------------------------


def test_request_has_the_body_and_its_length() -> None:
    head, _, body = new_call().next_request().partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert b"\r\nX-Amz-Target: T.Op\r\n" in head
    assert head.endswith(b"\r\nContent-Length: 7")
    assert body == b'{"B":2}'


def test_retry_is_signed_anew() -> None:
    clock = FakeClock()
    call = new_call(clock=clock)
    first = call.next_request()
    assert call.next_request() == first
    clock.advance(1)
    assert call.next_request() != first


# ---- retries -------------------------------------------------------------------------------------------


def test_success_completes_the_call() -> None:
    call = new_call()
    assert respond(call, OK) is None
    assert call.outcome == (200, {"A": 1})


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_is_retried(status: int) -> None:
    assert respond(new_call(), Response(status, b"<html/>", True)) is not None


@pytest.mark.parametrize("response", [THROTTLED, FAILED, None], ids=["throttling", "5xx", "no response"])
def test_transient_failure_is_retried_up_to_three_attempts(response: Response | None) -> None:
    call = new_call()
    delays = [respond(call, response) for _ in range(MAX_ATTEMPTS)]
    assert delays[-1] is None
    assert all(delay is not None for delay in delays[:-1])


def test_delays_have_full_jitter_with_a_doubling_bound() -> None:
    first, second = [], []
    for _ in range(300):
        call = new_call()
        first.append(respond(call, FAILED) or 0)
        second.append(respond(call, FAILED) or 0)
    assert 0 <= min(first) < 0.1
    assert 0.9 < max(first) <= 1
    assert 0 <= min(second) < 0.2
    assert 1.8 < max(second) <= 2


def test_rejection_is_not_retried() -> None:
    call = new_call()
    assert respond(call, REJECTED) is None
    assert call.outcome is not None
    assert call.outcome[0] == 400


def test_safe_retry_takes_neither_an_attempt_nor_a_delay_nor_quota() -> None:
    call = new_call(RetryQuota(0))
    for _ in range(10):
        assert call.on_response(None, safe_to_retry=True) == 0.0
    assert respond(call, OK) is None
    assert call.outcome == (200, {"A": 1})


def test_unsafe_failure_without_quota_is_not_retried() -> None:
    assert respond(new_call(RetryQuota(RETRY_COST - 1)), None) is None


@pytest.mark.parametrize(("response", "cost"), [(FAILED, RETRY_COST), (THROTTLED, THROTTLING_RETRY_COST)])
def test_retry_costs_quota_and_its_success_refills_it(response: Response, cost: int) -> None:
    quota = RetryQuota(cost)
    call = new_call(quota)
    assert respond(call, response) is not None
    assert not quota.acquire(1)
    respond(call, OK)
    assert quota.acquire(cost)


def test_success_without_a_retry_refills_one() -> None:
    quota = RetryQuota(2)
    assert quota.acquire(2)
    respond(new_call(quota), OK)
    assert quota.acquire(1)
    assert not quota.acquire(1)


# ---- the client ----------------------------------------------------------------------------------------


def client_of(url: str) -> AwsJsonClient:
    url = url.removesuffix("/dev")
    return AwsJsonClient(url, "dynamodb", "T", "us-east-1", lambda: CREDENTIALS, SystemClock(), TlsContext())


def say(status: int, content: object) -> Say:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Say(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


def call(peer: RawPeer, arguments: Mapping[str, Any] = {}) -> dict[str, Any]:
    return client_of(peer.url).call("Op", arguments)


def test_response_is_returned(peer: RawPeer) -> None:
    peer.script.append(say(200, {"A": "grüß"}))
    assert call(peer, {"B": [1, "ä"]}) == {"A": "grüß"}
    ((_, head, body),) = peer.requests
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"\r\nX-Amz-Target: T.Op\r\n" in head
    assert json.loads(body) == {"B": [1, "ä"]}


def test_rejection_is_a_service_error_with_the_shape_of_the_sdk(peer: RawPeer) -> None:
    peer.script.append(say(400, {"__type": "com.amazonaws#Code:http://x", "message": "why", "Item": {"a": 1}}))
    with pytest.raises(ServiceError, match="Op failed with Code") as caught:
        call(peer)
    assert caught.value.response["Error"] == {"Code": "Code", "Message": "why"}
    assert caught.value.response["ResponseMetadata"] == {"HTTPStatusCode": 400}
    assert caught.value.response["Item"] == {"a": 1}


def test_error_that_is_not_from_the_service_has_its_status_as_code(peer: RawPeer) -> None:
    peer.script.append(say(403, b"<html>forbidden</html>"))
    with pytest.raises(ServiceError) as caught:
        call(peer)
    assert caught.value.response["Error"] == {"Code": "403", "Message": ""}


@pytest.mark.parametrize("body", [b"not JSON", b"[]"])
def test_success_without_a_json_object_is_no_response(body: bytes) -> None:
    call = new_call()
    assert respond(call, Response(200, body, True)) is not None
    assert call.outcome is None


def test_call_gives_up_at_its_timeout(peer: RawPeer) -> None:
    peer.script.extend([CUT] * 10)
    with pytest.raises(NoResponse, match="Op received no response"):
        client_of(peer.url).call("Op", {}, timeout=0.05)


def test_warm_up_opens_a_connection_and_sends_nothing(peer: RawPeer) -> None:
    client = client_of(peer.url)
    client.warm_up("Op")
    deadline = time.monotonic() + 10
    while not peer.connections:
        assert time.monotonic() < deadline, "no connection was opened"
    client.call("Op", {"A": 1})
    ((_, _, body),) = peer.requests
    assert (len(peer.connections), body) == (1, b'{"A":1}')


def test_warm_up_does_not_raise_without_a_server() -> None:
    with raw_peer() as closed:
        url = closed.url
    client_of(url).warm_up("Op")
