"""A receiver of webhooks on loopback: it verifies them and mirrors the logs, and a test lets it fail."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook

TIMEOUT = 60.0


class Receiver:
    """A context manager. A delivery that does not continue the one before is kept in `faults`."""

    def __init__(self) -> None:
        self.status = 204
        """The status of its answers: with 204 it takes a delivery."""
        self.refused = 0
        self.faults: list[str] = []
        self.secret = ""
        self._logs: dict[str, list[int]] = defaultdict(list)
        self._ids: set[str] = set()
        self._changed = threading.Condition()
        self._server = self._listen(0)
        self._port = self._server.server_port

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}/events"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def open(self) -> None:
        """Accept connections again, at the same address."""
        self._server = self._listen(self._port)

    def received(self, conversation_id: str) -> list[int]:
        """Return the sequence ids of a conversation."""
        with self._changed:
            return list(self._logs[conversation_id])

    def wait_until(self, condition: Callable[[], object], seconds: float = TIMEOUT) -> bool:
        """Wait until a condition holds; return whether it does in time."""
        with self._changed:
            return bool(self._changed.wait_for(condition, seconds))

    def _listen(self, port: int) -> ThreadingHTTPServer:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver._take(body, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _take(self, body: bytes, headers: dict[str, str]) -> int:
        with self._changed:
            if self.status >= 300:
                self.refused += 1
            else:
                self._mirror(Webhook(self.secret).verify(body, headers), headers["webhook-id"])
            self._changed.notify_all()
            return self.status

    def _mirror(self, content: Any, delivery_id: str) -> None:
        data = content["data"] if isinstance(content, dict) else json.loads(content)["data"]
        if delivery_id in self._ids:
            return
        self._ids.add(delivery_id)
        log, ids = self._logs[data["conversation_id"]], [event["sequence_id"] for event in data["events"]]
        if data["previous_sequence_id"] != (log[-1] if log else 0):
            self.faults.append(f"{ids} does not continue {log}")
        log += ids
