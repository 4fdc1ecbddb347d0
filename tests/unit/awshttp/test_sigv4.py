"""Signatures, compared with botocore's over a thousand requests of all kinds."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import random
from typing import Any
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.awshttp import Signer, body_hash, canonical_path
from chalicelib.awshttp._sigv4 import Hmac

REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")
PATH_CHARACTERS = "abcXYZ019-_.~+/=@ %äß€"


def test_random_requests_have_the_signature_that_botocore_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    for _ in range(1_000):
        now = chance.uniform(1.5e9, 2.2e9)
        credentials = Credentials(
            chance.choice(("AKIDEXAMPLE", "ASIAQWERTZ")),
            "".join(chance.choices("abc/+XYZ123", k=chance.choice((8, 40, 100)))),
            chance.choice((None, "".join(chance.choices("abc/+=XYZ123", k=600)))),
        )
        service, region = chance.choice(("execute-api", "dynamodb")), chance.choice(REGIONS)
        host = chance.choice(("x.execute-api.us-east-1.amazonaws.com", "localhost:8001"))
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.Query"}
        headers = headers if service == "dynamodb" else {}
        method, body = chance.choice(("POST", "DELETE", "GET")), chance.randbytes(chance.choice((0, 1, 200, 5000)))
        connection_id = "".join(chance.choices(PATH_CHARACTERS, k=chance.randrange(1, 20)))
        path = "/dev/@connections/c" + quote(connection_id, safe="")

        request = AWSRequest(method, f"https://{host}{path}", data=body, headers=headers)
        expected = _sign_with_botocore(monkeypatch, now, SigV4Auth(credentials, service, region), request)
        signer = Signer(service, region, credentials.get_frozen_credentials, {"host": host, **headers})
        context = signer.context_at(now)

        authorization = context.authorization(method, canonical_path(path), body_hash(body))
        assert authorization == expected["Authorization"]
        lines = context.header_lines.decode()
        assert f"X-Amz-Date: {expected['X-Amz-Date']}\r\n" in lines
        if credentials.token:
            assert f"X-Amz-Security-Token: {expected['X-Amz-Security-Token']}\r\n" in lines
        else:
            assert "Token" not in lines


def _sign_with_botocore(
    monkeypatch: pytest.MonkeyPatch, now: float, signer: SigV4Auth, request: AWSRequest
) -> dict[str, Any]:
    time = datetime.datetime.fromtimestamp(int(now), datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: time)
    signer.add_auth(request)
    return dict(request.headers.items())


def test_every_header_line_that_is_sent_is_signed() -> None:
    credentials = Credentials("a", "b", "t").get_frozen_credentials()
    headers = {"host": "h", "x-amz-target": "T.Op", "content-type": "application/json"}
    context = Signer("dynamodb", "us-east-1", lambda: credentials, headers).context_at(100)
    sent = [line.partition(b":")[0].decode().lower() for line in context.header_lines.split(b"\r\n") if line]
    signed = context.authorization("POST", "/", body_hash(b"")).partition("SignedHeaders=")[2].partition(",")[0]
    assert sent == signed.split(";")
    assert set(headers) < set(sent)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 200])
def test_hmac_equals_that_of_the_standard_library(length: int) -> None:
    key = random.Random(length).randbytes(length)
    assert Hmac(key).hexdigest("a message") == hmac.new(key, b"a message", hashlib.sha256).hexdigest()
    assert Hmac(key).digest("a message").hex() == Hmac(key).hexdigest("a message")


def test_hmac_with_a_prefix_equals_that_of_the_whole_message() -> None:
    key = Hmac(b"key")
    prefixed = key.with_prefix("the common prefix " * 10)
    for rest in ("one", "another one", ""):
        assert prefixed.hexdigest(rest) == key.hexdigest("the common prefix " * 10 + rest)
    assert prefixed.digest("one") != key.digest("one")


def test_context_is_reused_within_a_second() -> None:
    credentials = Credentials("a", "b").get_frozen_credentials()
    signer = Signer("dynamodb", "us-east-1", lambda: credentials, {"host": "h"})
    assert signer.context_at(100.2) is signer.context_at(100.9)
    assert signer.context_at(101.0) is not signer.context_at(100.9)


def test_context_is_not_reused_with_new_credentials() -> None:
    known = [Credentials("a", "b", "t1").get_frozen_credentials()]
    signer = Signer("dynamodb", "us-east-1", lambda: known[-1], {"host": "h"})
    before = signer.context_at(100)
    known.append(Credentials("a", "b", "t2").get_frozen_credentials())
    assert b"t1" in before.header_lines
    assert b"t2" in signer.context_at(100).header_lines
