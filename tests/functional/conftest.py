"""The app as Lambda sees it: events in, with a real store and a real endpoint to post to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from moto import mock_aws

from chalicelib import bootstrap
from chalicelib.settings import current_settings
from local.tokens import mint
from tests.support.engine import Engine, create_tables, store_engine

__all__ = ["store_engine"]

SECRET = "a-secret-for-the-functional-tests"
TABLES = ("ConversationsTable", "ConnectionsTable")
DEFINITION = json.loads((Path(__file__).parents[2] / "infra" / "tables.json").read_text())


class Callbacks:
    """A fake of API Gateway's callback API: records the posts, and answers 410 for stale connections."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.closed: list[str] = []
        self.stale: set[str] = set()
        self.refused: set[str] = set()
        """The connections for which posts get 403, as without permission."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                connection_id = unquote(self.path.rpartition("/")[2])
                if connection_id in outer.refused:
                    self._done(403)
                elif connection_id in outer.stale:
                    self._done(410)
                else:
                    outer.posted.append((connection_id, json.loads(body)))
                    self._done(200)

            def do_DELETE(self) -> None:
                outer.closed.append(unquote(self.path.rpartition("/")[2]))
                self._done(204)

            def _done(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/dev"

    def posted_to(self, connection_id: str) -> list[dict[str, Any]]:
        """Return the frames that were posted to a connection."""
        return [frame for to, frame in self.posted if to == connection_id]


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    """A callback API on a real socket."""
    callbacks = Callbacks()
    thread = threading.Thread(target=callbacks.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield callbacks
    callbacks.server.shutdown()
    callbacks.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def moto() -> Iterator[None]:
    """moto's AWS, except the store, for one module."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        with mock_aws():
            yield


@pytest.fixture
def chat(moto: None, store_engine: Engine, callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The app module, with empty tables."""
    tables = create_tables(store_engine.client(), {table: DEFINITION[table] for table in TABLES})
    for name, value in {
        "CHAT_CONVERSATIONS_TABLE": tables["ConversationsTable"],
        "CHAT_CONNECTIONS_TABLE": tables["ConnectionsTable"],
        "CHAT_MANAGEMENT_ENDPOINT": callbacks.url,
        "CHAT_JWT_SECRET": SECRET,
        "AWS_ENDPOINT_URL_DYNAMODB": store_engine.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)
    caches = (current_settings, bootstrap.verifier, bootstrap.revocations, bootstrap.application)
    for cache in caches:
        cache.cache_clear()
    import app

    yield app
    for cache in caches:
        cache.cache_clear()


def token(participant_id: str, name: str | None = None, ttl: int = 3600) -> str:
    """Return a token that the app accepts."""
    return mint(participant_id, name, ttl, secret=SECRET)
