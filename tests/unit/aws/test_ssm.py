"""Reading a secret parameter, from a peer that responds as Parameter Store does."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from chalicelib.aws.ssm import read_secret
from chalicelib.identity.errors import KeysUnavailable
from tests.support.raw_peer import RawPeer, Say, raw_peer


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawPeer]:
    with raw_peer() as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", peer.url.removesuffix("/dev"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield peer


def say(status: int, content: object) -> Say:
    body = json.dumps(content).encode()
    return Say(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body), then_close=True)


def test_decrypted_value_is_returned(peer: RawPeer) -> None:
    secret = "s" * 64
    peer.script.append(say(200, {"Parameter": {"Name": "/chat/secret", "Value": secret}}))
    assert read_secret("/chat/secret", "us-east-1") == secret
    ((_, _, body),) = peer.requests
    assert json.loads(body) == {"Name": "/chat/secret", "WithDecryption": True}


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, {"__type": "ParameterNotFound", "message": "no such parameter"}),
        (400, {"__type": "AccessDeniedException", "message": "not allowed"}),
        (200, {"Parameter": {"Name": "/chat/secret", "Value": "too short"}}),
    ],
    ids=["missing", "denied", "not a secret"],
)
def test_unusable_parameter_makes_the_keys_unavailable_with_its_cause(
    peer: RawPeer, status: int, content: object
) -> None:
    peer.script.append(say(status, content))
    with pytest.raises(KeysUnavailable, match="cannot be read now") as caught:
        read_secret("/chat/secret", "us-east-1")
    assert caught.value.__cause__ is not None
    assert "too short" not in str(caught.value)
