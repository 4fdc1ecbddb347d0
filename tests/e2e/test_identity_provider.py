"""Tokens of an identity provider: public keys at a URL, an issuer, an audience, and no shared secret."""

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
from tests.e2e.concurrency import run_concurrently
from tests.e2e.endpoints import stop_and_check_log
from tests.e2e.targets import Servers
from tests.support.client import ChatEndpoint, HttpClient, Socket
from tests.support.server import PATIENT_SETTINGS, ServerProcess

ISSUER, AUDIENCE = "https://idp.example/", "chat"


class Provider(HTTPServer):
    """An identity provider on this machine: its keys, its tokens, and the number of requests for keys."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keys)
        self.rsa = rsa.generate_private_key(65_537, 2_048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.asked = 0

    @property
    def url(self) -> str:
        """The URL of the key set."""
        return f"http://127.0.0.1:{self.server_port}/.well-known/jwks.json"

    def key_set(self) -> bytes:
        """Return the key set as JSON."""
        keys: list[dict[str, Any]] = [
            {**RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True), "kid": "RS256", "use": "sig"},
            {**ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True), "kid": "ES256", "use": "sig"},
        ]
        return json.dumps({"keys": keys}).encode()

    def token(self, algorithm: str = "RS256", kid: str | None = None, **claims: Any) -> str:
        """Return a valid token, except for `claims`; a claim of None is left out."""
        key = self.rsa if algorithm == "RS256" else self.ec
        return jwt.encode(_claims(**claims), key, algorithm, headers={"kid": kid or algorithm})

    def confused_token(self) -> str:
        """Return a token that is signed with the public key as if it were a shared secret."""
        public = self.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        header = {"alg": "HS256", "typ": "JWT", "kid": "RS256"}
        signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, _claims()))
        return (signed + b"." + _base64(hmac.digest(public, signed, "sha256"))).decode()


class _Keys(BaseHTTPRequestHandler):
    """Serves the key set."""

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
        """Write no log to stderr."""


def _claims(**changes: Any) -> dict[str, Any]:
    claims = {"sub": "auth0|5f", "exp": int(time.time()) + 60, "iss": ISSUER, "aud": AUDIENCE, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Return a running provider."""
    with Provider() as running:
        serving = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield running
        running.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def endpoint(
    provider: Provider, chat_target: str, server: ServerProcess, servers: Servers
) -> Iterator[ChatEndpoint]:
    """Return a server that trusts this provider only."""
    del server  # skips where the tests start no server
    settings = {
        **PATIENT_SETTINGS,
        "CHAT_JWT_SECRET": "",
        "CHAT_JWKS_URL": provider.url,
        "CHAT_JWT_ISSUER": ISSUER,
        "CHAT_JWT_AUDIENCE": AUDIENCE,
    }
    started = servers.start_sibling(chat_target, "provider", settings)
    yield started.endpoint
    stop_and_check_log(started)


def test_provider_tokens_are_accepted_and_keys_are_cached(
    chat_target: str, provider: Provider, endpoint: ChatEndpoint, http: HttpClient
) -> None:
    tokens = [provider.token(), provider.token("ES256"), provider.token(aud=["other", AUDIENCE])]
    run_concurrently(*[lambda: http.request("GET", "/conversations", token=provider.token()).expect(200)] * 4)
    for token in tokens:
        http.request("GET", "/conversations", token=token).expect(200)
        for options in (
            {"headers": {"Authorization": f"Bearer {token}"}},
            {"offers": ["chat.v1", f"bearer.{token}"]},
        ):
            socket = Socket(endpoint.ws_url, **options)
            assert socket.request("hello")["participant"]["participant_id"] == "auth0|5f"
            assert socket.request("auth", token=provider.token())["type"] == "auth_ok"
            socket.close()
    # Once for the authorizers and once for `auth`; with separate processes, once for each process of the three
    # functions that verify tokens.
    assert 2 <= provider.asked <= (2 if chat_target == "development" else 3 * DEFAULT_ENVIRONMENTS)
    asked = provider.asked
    http.request("GET", "/conversations", token=tokens[0]).expect(200)
    assert provider.asked == asked


def test_token_not_signed_by_the_provider_is_rejected(
    provider: Provider, endpoint: ChatEndpoint, http: HttpClient
) -> None:
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
            Socket(endpoint.ws_url, headers={"Authorization": f"Bearer {token}"}).close()
        assert refused.value.response.status_code == 401, what


def test_every_route_rejects_an_invalid_credential(
    provider: Provider, endpoint: ChatEndpoint, http: HttpClient
) -> None:
    bad = {
        "none": None,
        "expired": provider.token(exp=int(time.time()) - 31),
        "for another audience": provider.token(aud="chat2"),
        "of another issuer": provider.token(iss="https://idp.example"),
        "signed with no key": jwt.encode(_claims(), "", "none"),
        "signed with a public key as a secret": provider.confused_token(),
    }
    sent = set()
    for path, methods in app.routes.items():
        resource = re.sub(r"\{\w+\}", "conv_AAAAAAAAAAAAAAAAAAAAAA", path)
        for method, entry in methods.items():
            for what, token in bad.items():
                if entry.authorizer is not None:
                    answer = http.request(method, resource, {} if method != "GET" else None, token=token)
                    answer.expect(401, "UNAUTHORIZED")
                    sent.add((token is None, str(answer.body["error"])))
                    assert "retry-after" not in answer.headers, f"{method} {path}: {what}"
    assert len(sent) == 2, "one answer if it is missing and one if it is bad, whatever was asked for"
    http.request("GET", "/me/erasure", token=provider.token()).expect(404, "NOT_FOUND")
    http.request("GET", "/conversations", token=provider.token()).expect(200)
    socket = Socket(endpoint.ws_url, headers={"Authorization": f"Bearer {provider.token()}"})
    for what, token in bad.items():
        if token is not None:
            assert socket.request("auth", token=token)["code"] == "UNAUTHORIZED", what
            for options in (
                {"headers": {"Authorization": f"Bearer {token}"}},
                {"offers": ["chat.v1", f"bearer.{token}"]},
            ):
                with pytest.raises(InvalidStatus) as refused:
                    Socket(endpoint.ws_url, **options).close()
                assert refused.value.response.status_code == 401, what
    socket.close()


@pytest.fixture
def http(endpoint: ChatEndpoint) -> Iterator[HttpClient]:
    """Return an HTTP client of that server."""
    client = HttpClient(endpoint.http_url)
    yield client
    client.close()
