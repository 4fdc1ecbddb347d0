"""A server that answers every request with 200 after a delay, with minimal overhead; a separate process.

`python -m bench.sink MILLISECONDS [SERVER.PEM]` prints its port, and exits at the end of standard input.
"""

from __future__ import annotations

import heapq
import itertools
import select
import socket
import ssl
import sys
import time

BUSY_WAIT = 0.0005
"""Seconds before a response that are spent polling instead of sleeping."""
RESPONSE = b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"


class Sink:
    """The server; see the module's docstring."""

    def __init__(self, seconds: float, context: ssl.SSLContext | None) -> None:
        self._seconds = seconds
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._poller = select.epoll()
        self._poller.register(self._listener.fileno(), select.EPOLLIN)
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}
        self._pending: list[tuple[float, int, int, socket.socket, bytes]] = []
        self._numbers = itertools.count()

    def close(self) -> None:
        """Close all sockets."""
        self._poller.close()
        self._listener.close()
        for client, _ in self._clients.values():
            client.close()

    def respond(self, head: bytes, body: bytes) -> tuple[float, bytes]:
        """Return the delay in seconds, and the response."""
        return self._seconds, RESPONSE

    def serve(self) -> None:
        """Serve until the end of standard input."""
        self._poller.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
        while True:
            if self._pending:
                # epoll has a resolution of milliseconds, which is too coarse for the simulated latencies, and
                # wake-ups are late. So the last part is spent polling.
                asleep = self._pending[0][0] - time.monotonic() - BUSY_WAIT
                if asleep > 0:
                    select.select([self._poller], [], [], asleep)
            for fd, _ in self._poller.poll(0 if self._pending else -1):
                if fd == sys.stdin.fileno():
                    return
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._read(fd)
            now = time.monotonic()
            while self._pending and self._pending[0][0] <= now:
                _, _, fd, client, answer = heapq.heappop(self._pending)
                if fd in self._clients:
                    client.send(answer)

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
                # TLS may have buffered more data.
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
            came = time.monotonic()
            seconds, answer = self.respond(bytes(buffer[:end]), bytes(buffer[end + 4 : end + 4 + length]))
            del buffer[: end + 4 + length]
            if seconds:
                heapq.heappush(self._pending, (came + seconds, next(self._numbers), fd, client, answer))
            else:
                client.send(answer)


def server_context(certificate: str | None) -> ssl.SSLContext | None:
    """Return the TLS context, or None without a certificate."""
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def main(milliseconds: str, certificate: str | None = None) -> None:
    """Run the server."""
    sink = Sink(float(milliseconds) / 1000, server_context(certificate))
    print(sink.port, flush=True)
    sink.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
