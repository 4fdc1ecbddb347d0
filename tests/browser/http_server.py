"""HTTP servers of the browser tests, beside the chat: pages of products, pictures, an identity provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Thread

_POLL_SECONDS = 0.02
"""The longest time that a server takes to end; half a second by default."""


class QuietHandler(BaseHTTPRequestHandler):
    """A handler without a log. Its subclasses answer the requests: by default, with 405."""

    def get(self) -> None:
        """Answer a GET request."""
        self.send_error(405)

    def post(self) -> None:
        """Answer a POST request."""
        self.send_error(405)

    def do_GET(self) -> None:
        """Answer a GET request, for the base class."""
        self.get()

    def do_POST(self) -> None:
        """Answer a POST request, for the base class."""
        self.post()

    def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        """Send a whole response."""
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (as in the base class)
        """Log nothing."""


@contextmanager
def served_by(handler: type[BaseHTTPRequestHandler], certificate: SSLContext | None = None) -> Iterator[str]:
    """Serve requests on a port of this machine. Yield the origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if certificate is not None:
            server.socket = certificate.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=[_POLL_SECONDS], daemon=True)
        thread.start()
        try:
            yield f"http{'' if certificate is None else 's'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
