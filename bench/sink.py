"""A peer that answers every request with 200 after a while, as cheaply as Python can; a process of its own.

`python -m bench.sink MILLISECONDS [SERVER.PEM]` prints the port it listens on, and ends when its input does.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
import time
from collections import deque

ANSWER = b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"


class Sink:
    """See the module."""

    def __init__(self, seconds: float, context: ssl.SSLContext | None) -> None:
        self._seconds = seconds
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._poller = select.epoll()
        self._poller.register(self._listener.fileno(), select.EPOLLIN)
        self._poller.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}
        self._due: deque[tuple[float, int, socket.socket]] = deque()

    def serve(self) -> None:
        """Until stdin is closed."""
        while True:
            wait = max(self._due[0][0] - time.monotonic(), 0) if self._due else -1
            for fd, _ in self._poller.poll(wait):
                if fd == sys.stdin.fileno():
                    return
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._read(fd)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                _, fd, client = self._due.popleft()
                if fd in self._clients:
                    client.send(ANSWER)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
            self._clients[client.fileno()] = client, bytearray()
            self._poller.register(client.fileno(), select.EPOLLIN)

    def _read(self, fd: int) -> None:
        client, buffer = self._clients[fd]
        try:
            data = client.recv(1 << 16)
            while data:
                buffer += data
                # As long as TLS has more of what came in already.
                data = client.recv(1 << 16) if self._context is not None else b""
                if self._context is not None and not data:
                    raise ConnectionResetError
            if not buffer:
                raise ConnectionResetError
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            del self._clients[fd]
            client.close()
            return
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start = buffer.find(b"Content-Length: ") + 16
        length = int(buffer[start : buffer.find(b"\r\n", start)]) if start > 15 else 0
        if len(buffer) >= end + 4 + length:
            del buffer[: end + 4 + length]
            if self._seconds:
                self._due.append((time.monotonic() + self._seconds, fd, client))
            else:
                client.send(ANSWER)


def main(milliseconds: str, certificate: str | None = None) -> None:
    """Serve."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    sink = Sink(float(milliseconds) / 1000, context)
    print(sink.port, flush=True)
    sink.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
