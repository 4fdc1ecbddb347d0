"""The hook against a peer that responds as the Lambda API does."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.aws.clients import StaticCredentials
from chalicelib.aws.lambda_hook import LambdaHook
from chalicelib.awshttp import TlsContext
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.ports.hooks import HookFailed
from tests.support.raw_peer import CUT, HANG, RawPeer, Say, raw_peer

REQUEST = {"version": 1, "actions": [{"type": "message", "content": "Grüße 🚆"}]}
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:hook:live"


def hook_at(peer: RawPeer, function: str = "hook", timeout: float = 5.0) -> LambdaHook:
    credentials = StaticCredentials("testing", "testing", "session")
    url = peer.url.removesuffix("/dev")
    return LambdaHook(url, function, "eu-west-1", lambda: credentials, SystemClock(), TlsContext(), timeout)


def response(content: Any, status: str = "200 OK", *headers: str) -> Say:
    body = json.dumps(content).encode()
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return Say(f"{head}\r\n\r\n".encode() + body)


@pytest.mark.parametrize("function", ["hook", "hook:live", ARN])
def test_function_is_invoked_and_its_response_returned(function: str) -> None:
    with raw_peer() as peer:
        peer.script.append(response({"answers": []}))
        assert hook_at(peer, function).ask(REQUEST, 5.0) == {"answers": []}
        ((_, head, body),) = peer.requests
    quoted = function.replace(":", "%3A")
    assert head.startswith(f"POST /2015-03-31/functions/{quoted}/invocations HTTP/1.1\r\n".encode())
    assert json.loads(body) == REQUEST


def test_signature_is_that_of_the_sdk() -> None:
    with raw_peer() as peer:
        peer.script.append(response({"answers": []}))
        hook_at(peer, ARN).ask(REQUEST, 5.0)
        ((_, head, body),) = peer.requests
        url = peer.url.removesuffix("/dev")
    line, *fields = head.decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
    signed = {name: headers[name] for name in ("content-type", "host", "x-amz-date", "x-amz-security-token")}
    request = AWSRequest("POST", url + line.split(" ")[1], data=body, headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials("testing", "testing", "session"), "lambda", "eu-west-1")
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert headers["authorization"].endswith(f"Signature={expected}")
    assert hashlib.sha256(body).hexdigest() in auth.canonical_request(request)


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ([CUT] * 3, "no response in time"),
        ([response({"Type": "User"}, "404 Not Found")], "status 404"),
        ([response({}, "429 Too Many Requests")] * 2, "status 429"),
        ([response({}, "500 Oops")] * 2, "status 500"),
        ([Say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nNaN,")], "not valid JSON"),
    ],
    ids=["unreachable", "missing", "throttled", "failing", "garbage"],
)
def test_missing_answer_is_a_failure(script: list[Say], cause: str) -> None:
    with raw_peer() as peer:
        peer.script.extend(script)
        with pytest.raises(HookFailed, match=cause):
            hook_at(peer).ask(REQUEST, 5.0)


def test_throttled_call_is_repeated_once() -> None:
    with raw_peer() as peer:
        peer.script.extend([response({}, "429 Too Many Requests"), response({"answers": []})])
        assert hook_at(peer).ask(REQUEST, 5.0) == {"answers": []}
        assert len(peer.requests) == 2


def test_function_that_is_too_slow_is_a_failure_and_not_called_again() -> None:
    for seconds in (0.05, 0.5, 5.0):  # a busy machine may need longer to send and read the request
        with raw_peer() as peer:
            peer.script.append(HANG)
            with pytest.raises(HookFailed, match="in time"):
                hook_at(peer).ask(REQUEST, seconds)
        if peer.requests:
            break
    assert len(peer.requests) == 1


def test_error_of_the_function_is_no_answer() -> None:
    failed = {"errorType": "KeyError", "errorMessage": "x"}
    with raw_peer() as peer:
        peer.script.append(response(failed, "200 OK", "X-Amz-Function-Error: Unhandled"))
        assert "answers" not in hook_at(peer).ask(REQUEST, 5.0)
