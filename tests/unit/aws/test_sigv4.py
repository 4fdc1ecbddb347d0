"""Our signatures are botocore's, over a thousand requests of all kinds."""

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

from chalicelib.awshttp._sigv4 import Hmac, Signer, body_hash, canonical_path

REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")
LETTERS = "abcXYZ019-_.~+/=@ %äß€"


def test_a_thousand_random_requests_are_signed_as_botocore_signs_them(monkeypatch: pytest.MonkeyPatch) -> None:
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
        path = "/dev/@connections/c" + quote("".join(chance.choices(LETTERS, k=chance.randrange(1, 20))), safe="")

        request = AWSRequest(method, f"https://{host}{path}", data=body, headers=headers)
        theirs = _by_botocore(monkeypatch, now, SigV4Auth(credentials, service, region), request)
        signer = Signer(service, region, credentials.get_frozen_credentials, {"host": host, **headers})
        moment = signer.context_at(now)

        assert moment.authorization(method, canonical_path(path), body_hash(body)) == theirs["Authorization"]
        lines = moment.lines.decode()
        assert f"X-Amz-Date: {theirs['X-Amz-Date']}\r\n" in lines
        if credentials.token:
            assert f"X-Amz-Security-Token: {theirs['X-Amz-Security-Token']}\r\n" in lines
        else:
            assert "Token" not in lines


def _by_botocore(
    monkeypatch: pytest.MonkeyPatch,
    now: float,
    signer: SigV4Auth,
    request: AWSRequest,
) -> dict[str, Any]:
    moment = datetime.datetime.fromtimestamp(int(now), datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: moment)
    signer.add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 200])
def test_hmac_is_that_of_the_standard_library(length: int) -> None:
    key = random.Random(length).randbytes(length)
    assert Hmac(key).hexdigest("a message") == hmac.new(key, b"a message", hashlib.sha256).hexdigest()
    assert Hmac(key).digest("a message").hex() == Hmac(key).hexdigest("a message")


def test_hmac_of_messages_that_begin_alike_is_that_of_the_whole() -> None:
    key = Hmac(b"key")
    begun = key.with_prefix("every message begins " * 10)
    for rest in ("so", "and ends otherwise", ""):
        assert begun.hexdigest(rest) == key.hexdigest("every message begins " * 10 + rest)
    assert begun.digest("so") != key.digest("so")


def test_a_second_is_signed_with_what_was_worked_out_once_and_the_next_one_is_not() -> None:
    credentials = Credentials("a", "b").get_frozen_credentials()
    signer = Signer("dynamodb", "us-east-1", lambda: credentials, {"host": "h"})
    assert signer.context_at(100.2) is signer.context_at(100.9)
    assert signer.context_at(101.0) is not signer.context_at(100.9)


def test_new_credentials_sign_at_once() -> None:
    known = [Credentials("a", "b", "t1").get_frozen_credentials()]
    signer = Signer("dynamodb", "us-east-1", lambda: known[-1], {"host": "h"})
    before = signer.context_at(100)
    known.append(Credentials("a", "b", "t2").get_frozen_credentials())
    assert b"t1" in before.lines
    assert b"t2" in signer.context_at(100).lines
