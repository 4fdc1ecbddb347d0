"""The verification of tokens as a process builds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from chalicelib.bootstrap.verification import token_verifier
from chalicelib.core.kernel.errors import Unauthorized
from chalicelib.settings import Settings
from tests.support.app_harness import ENVIRONMENT
from tests.support.fakes import FakeClock

KEY = ec.generate_private_key(ec.SECP256R1())
MAX_AGE = 60


class KeyServer(HTTPServer):
    """Serves a key set."""

    keys: list[dict[str, Any]]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, KeyServer)
            body = json.dumps({"keys": self.server.keys}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.keys = [{**json.loads(ECAlgorithm.to_jwk(KEY.public_key())), "kid": "k"}]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_key_that_was_removed_is_refused_after_a_freeze_of_the_maximum_age(key_server: KeyServer) -> None:
    clock = FakeClock()
    added = {"CHAT_JWKS_URL": key_server.url, "CHAT_JWKS_MAX_AGE": str(MAX_AGE)}
    verify = token_verifier(Settings.from_environment({**ENVIRONMENT, **added}), clock)
    token = jwt.encode({"sub": "alice", "exp": int(clock.now()) + 3600}, KEY, "ES256", headers={"kid": "k"})
    assert verify(token).participant_id == "alice"
    key_server.keys = []
    clock.freeze(MAX_AGE - 1)
    assert verify(token).participant_id == "alice"
    clock.freeze(1)
    with pytest.raises(Unauthorized):
        verify(token)
