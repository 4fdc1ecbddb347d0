"""Two tabs of a real browser on one storage: one of them sends the outbox, also if the other one is killed."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest

from scripts.browser import MISSING, chromium
from tests.clients.js.node_tests import bundle
from tests.support.client import HttpClient, TestClient
from tests.support.server import PATIENT_SETTINGS, start_server

TIMEOUT = 240.0
PAGE = b'<!doctype html><meta charset="utf-8"><body><script type="module" src="/page.js"></script>'


def browser() -> str:
    """Return a Chromium. Skips the test where there is none."""
    found = chromium()
    if found is None:
        pytest.skip(MISSING)
    return str(found)


@contextmanager
def served(script: bytes) -> Iterator[tuple[str, queue.SimpleQueue[str]]]:
    """Serve a page with a script; yield its address, and a queue with what the script posts."""
    results: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path == "/page.js"
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if is_script else "text/html")
            self.end_headers()
            self.wfile.write(script if is_script else PAGE)

        def do_POST(self) -> None:
            results.put(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", results
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_page(program: str, directory: Path, query: str = "") -> str:
    """Open a page with the script of a directory in a browser; return what it posts."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    profile = f"--user-data-dir={directory / 'profile'}"
    with (
        served((directory / "page.js").read_bytes()) as (address, results),
        subprocess.Popen(
            [program, *options, profile, address + query],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        try:
            return results.get(timeout=TIMEOUT)
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # the program can be a script that starts the browser


def test_database_that_the_browser_closes_loses_nothing_and_a_sign_out_ends_the_other_tabs(tmp_path: Path) -> None:
    program = browser()
    bundle(Path(__file__).with_name("e2e_storage.ts"), tmp_path / "page.js")
    assert run_page(program, tmp_path) == "ok"


def test_tabs_send_each_message_once_and_in_order_also_if_one_is_killed(tmp_path: Path) -> None:
    program = browser()
    bundle(Path(__file__).with_name("e2e_tabs.ts"), tmp_path / "page.js")
    server = start_server(tmp_path / "server.log", PATIENT_SETTINGS)
    http = HttpClient(server.ready["http_url"])
    alice = TestClient(server.endpoint, http, "alice", "Alice")
    conversation = alice.create_conversation("Tabs")
    token = server.token("alice", "Alice", 3600)
    query = urlencode({"token": token, "wsUrl": server.ready["ws_url"], "conversation": conversation})
    result = run_page(program, tmp_path, f"?{query}")
    events = alice.list_events(conversation)
    http.close()
    server.stop()
    assert result == "ok 69"
    texts = [event["content"] for event in events if event["type"] == "message"]
    expected = [
        *(f"from the second tab {n}" for n in range(5)),
        *(f"killed {n}" for n in range(60)),
        "before the end",
        "stored before a kill",
        "last words",
    ]
    assert texts == expected
