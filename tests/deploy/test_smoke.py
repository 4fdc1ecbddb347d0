"""The smoke check of a broken stage: every check fails for its own reason."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.deploy.console import Console
from infra.deploy.refusals import REFUSALS, Refusal
from infra.deploy.smoke import Endpoint, SmokeCheck
from infra.errors import InfraError

GOOD: dict[str, tuple[int, Any]] = {
    "/health": (200, {"version": "2"}),
    "/nowhere": (404, {"error": {"code": "NOT_FOUND"}}),
    "/health/x": (404, {"error": {"code": "NOT_FOUND"}}),
    "/conversations": (401, {"error": {"code": "UNAUTHORIZED"}}),
    "PUT /conversations": (405, {"error": {"code": "METHOD_NOT_ALLOWED"}}),
    "/socket": (401, None),
}


@contextmanager
def a_stage(answers: dict[str, tuple[int, Any]], allow: str = "GET, POST") -> Iterator[Endpoint]:
    """A stage with these responses by path, or by method and path; `/socket` is for handshakes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            named = f"{self.command} {self.path}"
            status, body = answers[named if named in answers else self.path]
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if status == 405:
                self.send_header("Allow", allow)
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PUT = do_GET  # noqa: N815 — the base class's names

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


def run(answers: dict[str, tuple[int, Any]], output: list[str] | None = None, **more: Any) -> None:
    written: list[str] = [] if output is None else output
    console = Console(write=written.append)
    with a_stage(answers) as place:
        SmokeCheck(place, console, **{"timeout": 0, **more}).run()


def test_healthy_stage_passes_and_reports_skipped_checks() -> None:
    output: list[str] = []
    run(GOOD, output)
    refusals = [f"  ok  {refusal.description}" for refusal in REFUSALS]
    assert output[2 : 2 + len(refusals)] == refusals
    assert [line[:6] for line in output] == ["Smoke ", *["  ok  "] * (len(refusals) + 3), "  --  "]
    assert "identity provider" in output[-1]


@pytest.mark.parametrize(
    ("path", "answer", "message"),
    [
        ("/health", (200, {"version": "1"}), "200, version 1 instead of 2"),
        ("/health", (503, {"version": "2"}), "503, version 2"),
        ("/health", (200, None), "version None"),
        ("/nowhere", (403, {"message": "Forbidden"}), "GET /nowhere is 403 None, not 404 NOT_FOUND"),
        ("/nowhere", (404, {"error": "no"}), "404 None"),
        ("/conversations", (200, {"conversations": []}), "GET /conversations is 200 None, not 401 UNAUTHORIZED"),
        ("/health/x", (403, {"message": "Forbidden"}), "POST /health/x is 403 None, not 404 NOT_FOUND"),
        # AWS reads a bearer token as a signature if no method matches.
        (
            "PUT /conversations",
            (401, {"error": {"code": "UNAUTHORIZED"}}),
            "PUT /conversations is 401 UNAUTHORIZED",
        ),
        ("/socket", (403, None), "403, not 401"),
    ],
)
def test_wrong_response_fails_its_check(path: str, answer: tuple[int, Any], message: str) -> None:
    with pytest.raises(InfraError, match="The stage is deployed, but the smoke check failed") as caught:
        run({**GOOD, path: answer})
    assert message in str(caught.value)


def test_wrong_method_without_the_header_allow_fails_the_check() -> None:
    with (
        a_stage(GOOD, allow="") as place,
        pytest.raises(InfraError, match="PUT /conversations has no header Allow"),
    ):
        SmokeCheck(place, Console(write=lambda _: None), timeout=0).run()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.description)
def test_token_of_a_refused_request_is_not_shown(refusal: Refusal) -> None:
    output: list[str] = []
    answers = {**GOOD, refusal.path: (200, {}), f"{refusal.method} {refusal.path}": (200, {})}
    with pytest.raises(InfraError) as caught:
        run(answers, output)
    assert "not-a-token" not in f"{output} {caught.value}"


def test_rejected_token_fails_the_check_without_showing_the_token() -> None:
    refusals = {**GOOD, "/conversations/conv_x": GOOD["/conversations"]}
    with pytest.raises(InfraError, match="GET /conversations/conv_x is 401") as caught:
        run(refusals, token=lambda _: "the-token")
    assert "the-token" not in str(caught.value)


def test_check_is_repeated_until_changes_have_propagated() -> None:
    looks = iter([(200, {"version": "1"}), (503, None), (200, {"version": "2"})])

    class Spreading(dict[str, tuple[int, Any]]):
        def __getitem__(self, path: str) -> tuple[int, Any]:
            return next(looks) if path == "/health" else super().__getitem__(path)

    run(Spreading(GOOD), timeout=30, retry_interval=0.0)
    assert next(looks, None) is None


def test_unreachable_stage_fails_the_check() -> None:
    with a_stage(GOOD) as place:
        pass
    with pytest.raises(InfraError, match="GET /health"):
        SmokeCheck(place, Console(write=lambda _: None), timeout=0).run()
