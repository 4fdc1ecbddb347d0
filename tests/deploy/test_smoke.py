"""What the smoke check tells when a stage is not as it should be: each check fails for what it is there for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.deploy.console import Console
from infra.deploy.smoke import Endpoint, SmokeCheck
from infra.errors import InfraError

GOOD: dict[str, tuple[int, Any]] = {
    "/health": (200, {"version": "2"}),
    "/nowhere": (404, {"error": {"code": "NOT_FOUND"}}),
    "/conversations": (401, {"error": {"code": "UNAUTHORIZED"}}),
    "/socket": (401, None),
}


@contextmanager
def a_stage(answers: dict[str, tuple[int, Any]]) -> Iterator[Endpoint]:
    """Answers by path; a handshake is refused with the status of `/socket`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = answers[self.path]
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 — the base class's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            port = server.server_address[1]
            yield Endpoint(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/socket", "2")
        finally:
            server.shutdown()
            thread.join()


def run(answers: dict[str, tuple[int, Any]], said: list[str] | None = None, **more: Any) -> None:
    heard: list[str] = [] if said is None else said
    console = Console(write=heard.append)
    with a_stage(answers) as place:
        SmokeCheck(place, console, **{"patience": 0, **more}).run()


def test_a_stage_as_it_should_be_passes_and_says_what_was_not_tried() -> None:
    said: list[str] = []
    run(GOOD, said)
    assert [line[:6] for line in said] == ["Smoke ", "  ok  ", "  ok  ", "  ok  ", "  ok  ", "  --  "]
    assert "identity provider" in said[-1]


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/health", (200, {"version": "1"}), "200, version 1, not 2"),
        ("/health", (503, {"version": "2"}), "503, version 2"),
        ("/health", (200, None), "version None"),
        ("/nowhere", (403, {"message": "Forbidden"}), "GET /nowhere is 403 None, not 404 NOT_FOUND"),
        ("/nowhere", (404, {"error": "no"}), "404 None"),
        ("/conversations", (200, {"conversations": []}), "GET /conversations is 200 None, not 401 UNAUTHORIZED"),
        ("/socket", (403, None), "403, not 401"),
    ],
)
def test_what_is_not_as_it_should_be_is_told(path: str, answer: tuple[int, Any], told: str) -> None:
    with pytest.raises(InfraError, match="The stage is deployed, but the smoke check failed") as caught:
        run({**GOOD, path: answer})
    assert told in str(caught.value)


def test_a_stage_that_accepts_no_token_of_its_own_secret_fails_and_shows_no_token() -> None:
    refusals = {**GOOD}
    with pytest.raises(InfraError, match="POST /conversations is 401") as caught:
        run(refusals, token=lambda _: "the-token")
    assert "the-token" not in str(caught.value)


def test_it_waits_for_what_takes_a_moment_to_spread() -> None:
    looks = iter([(200, {"version": "1"}), (503, None), (200, {"version": "2"})])

    class Spreading(dict[str, tuple[int, Any]]):
        def __getitem__(self, path: str) -> tuple[int, Any]:
            return next(looks) if path == "/health" else super().__getitem__(path)

    run(Spreading(GOOD), patience=30, pause=0.0)
    assert next(looks, None) is None


def test_a_stage_that_does_not_answer_at_all_is_told() -> None:
    with a_stage(GOOD) as place:
        pass
    with pytest.raises(InfraError, match="GET /health"):
        SmokeCheck(place, Console(write=lambda _: None), timeout=0).run()
