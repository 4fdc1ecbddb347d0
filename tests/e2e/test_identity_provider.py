"""Tokens of an identity provider: public keys behind a URL, an issuer, an audience, and no secret at all."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from websockets.exceptions import InvalidStatus

from app import app
from local.bundle.emulator import DEFAULT_ENVIRONMENTS
from tests.e2e.kinds import Servers
from tests.e2e.stages import stop_and_look_at_the_log
from tests.e2e.together import at_once
from tests.support.client import Http, Socket, Stage
from tests.support.server import UNHURRIED, Server

ISSUER, AUDIENCE = "https://idp.example/", "chat"


class Provider(HTTPServer):
    """An identity provider on this machine: its keys at a URL, its tokens, and how often it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keys)
        self.rsa = rsa.generate_private_key(65_537, 2_048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.asked = 0

    @property
    def url(self) -> str:
        """Where the keys are."""
        return f"http://127.0.0.1:{self.server_port}/.well-known/jwks.json"

    def key_set(self) -> bytes:
        """The keys."""
        keys: list[dict[str, Any]] = [
            {**RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True), "kid": "RS256", "use": "sig"},
            {**ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True), "kid": "ES256", "use": "sig"},
        ]
        return json.dumps({"keys": keys}).encode()

    def token(self, algorithm: str = "RS256", kid: str | None = None, **claims: Any) -> str:
        """A token that is right unless `claims` say otherwise; a claim of None is left out."""
        key = self.rsa if algorithm == "RS256" else self.ec
        return jwt.encode(_claims(**claims), key, algorithm, headers={"kid": kid or algorithm})

    def confused_token(self) -> str:
        """A token signed with the public key as if that were a shared secret."""
        public = self.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        header = {"alg": "HS256", "typ": "JWT", "kid": "RS256"}
        signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, _claims()))
        return (signed + b"." + _base64(hmac.digest(public, signed, "sha256"))).decode()


class _Keys(BaseHTTPRequestHandler):
    """Answers with the keys."""

    server: Provider

    def do_GET(self) -> None:
        self.server.asked += 1
        body = self.server.key_set()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is told on stderr."""


def _claims(**changes: Any) -> dict[str, Any]:
    claims = {"sub": "auth0|5f", "exp": int(time.time()) + 60, "iss": ISSUER, "aud": AUDIENCE, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Serving its keys."""
    with Provider() as running:
        serving = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield running
        running.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def stage(provider: Provider, chat_kind: str, server: Server, servers: Servers) -> Iterator[Stage]:
    """A server that trusts this provider and nothing else."""
    del server  # skips where there is none
    settings = {
        **UNHURRIED,
        "CHAT_JWT_SECRET": "",
        "CHAT_JWKS_URL": provider.url,
        "CHAT_JWT_ISSUER": ISSUER,
        "CHAT_JWT_AUDIENCE": AUDIENCE,
    }
    started = servers.another(chat_kind, "provider", settings)
    yield started.stage
    stop_and_look_at_the_log(started)


def test_tokens_of_the_provider_are_accepted_everywhere_and_its_keys_are_remembered(
    chat_kind: str, provider: Provider, stage: Stage, http: Http
) -> None:
    tokens = [provider.token(), provider.token("ES256"), provider.token(aud=["other", AUDIENCE])]
    at_once(*[lambda: http.request("GET", "/conversations", token=provider.token()).expect(200)] * 4)
    for token in tokens:
        http.request("GET", "/conversations", token=token).expect(200)
        for options in (
            {"headers": {"Authorization": f"Bearer {token}"}},
            {"offers": ["chat.v1", f"bearer.{token}"]},
        ):
            socket = Socket(stage.ws_url, **options)
            assert socket.asks("hello")["participant"]["participant_id"] == "auth0|5f"
            assert socket.asks("auth", token=provider.token())["type"] == "auth_ok"
            socket.close()
    # Once for whoever authorizes requests and handshakes, once for `auth`; where each function has processes of
    # its own, once for each process of the three that verify tokens.
    assert 2 <= provider.asked <= (2 if chat_kind == "development" else 3 * DEFAULT_ENVIRONMENTS)
    asked = provider.asked
    http.request("GET", "/conversations", token=tokens[0]).expect(200)
    assert provider.asked == asked


def test_what_the_provider_has_not_signed_for_us_is_refused(provider: Provider, stage: Stage, http: Http) -> None:
    header, payload, signature = provider.token().split(".")
    bad = {
        "of another issuer": provider.token(iss="https://idp.example"),
        "of no issuer": provider.token(iss=None),
        "for another audience": provider.token(aud="chat2"),
        "for no audience": provider.token(aud=None),
        "for an audience that ours is a part of": provider.token(aud="chats"),
        "expired": provider.token(exp=int(time.time()) - 31),
        "not yet valid": provider.token(nbf=int(time.time()) + 60),
        "signed with a public key as a secret": provider.confused_token(),
        "of the right key under the name of the other": provider.token("ES256", kid="RS256"),
        "with a bent signature": f"{header}.{payload}.{signature[:-4]}AAAA",
        "of our development secret": jwt.encode(_claims(), "development-secret-for-this-machine-only", "HS256"),
    }
    for what, token in bad.items():
        answer = http.request("GET", "/conversations", token=token)
        assert (answer.status, answer.body["error"]["code"]) == (401, "UNAUTHORIZED"), what
        with pytest.raises(InvalidStatus) as refused:
            Socket(stage.ws_url, headers={"Authorization": f"Bearer {token}"}).close()
        assert refused.value.response.status_code == 401, what


def test_no_route_takes_a_credential_that_does_not_hold(provider: Provider, stage: Stage, http: Http) -> None:
    bad = {
        "none": None,
        "expired": provider.token(exp=int(time.time()) - 31),
        "for another audience": provider.token(aud="chat2"),
        "of another issuer": provider.token(iss="https://idp.example"),
        "signed with no key": jwt.encode(_claims(), "", "none"),
        "signed with a public key as a secret": provider.confused_token(),
    }
    said = set()
    for path, methods in app.routes.items():
        resource = re.sub(r"\{\w+\}", "conv_AAAAAAAAAAAAAAAAAAAAAA", path)
        for method, entry in methods.items():
            for what, token in bad.items():
                if entry.authorizer is not None:
                    answer = http.request(method, resource, {} if method != "GET" else None, token=token)
                    answer.expect(401, "UNAUTHORIZED")
                    said.add((token is None, str(answer.body["error"])))
                    assert "retry-after" not in answer.headers, f"{method} {path}: {what}"
    assert len(said) == 2, "one answer if it is missing and one if it is bad, whatever was asked for"
    http.request("GET", "/me/erasure", token=provider.token()).expect(404, "NOT_FOUND")
    http.request("GET", "/conversations", token=provider.token()).expect(200)
    socket = Socket(stage.ws_url, headers={"Authorization": f"Bearer {provider.token()}"})
    for what, token in bad.items():
        if token is not None:
            assert socket.asks("auth", token=token)["code"] == "UNAUTHORIZED", what
            for options in (
                {"headers": {"Authorization": f"Bearer {token}"}},
                {"offers": ["chat.v1", f"bearer.{token}"]},
            ):
                with pytest.raises(InvalidStatus) as refused:
                    Socket(stage.ws_url, **options).close()
                assert refused.value.response.status_code == 401, what
    socket.close()


@pytest.fixture
def http(stage: Stage) -> Iterator[Http]:
    """HTTP to that server."""
    client = Http(stage.http_url)
    yield client
    client.close()
