"""Baseline of a fan-out: signed requests, prepared in advance, sent and received by a bare loop over epoll."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Sequence

PARALLELISM = 32


class RawPosts:
    """Connections to a peer that send requests in parallel."""

    def __init__(self, port: int, context: ssl.SSLContext | None, connections: int = PARALLELISM) -> None:
        self._poller = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
            sock.setblocking(False)
            self._sockets[sock.fileno()] = sock
            self._poller.register(sock.fileno(), select.EPOLLIN)

    def send(self, requests: Sequence[bytes]) -> None:
        """Send all requests and wait for the responses."""
        waiting = iter(requests)
        remaining = len(requests)
        for sock, request in zip(self._sockets.values(), waiting, strict=False):
            sock.send(request)
        while remaining:
            for fd, _ in self._poller.poll():
                sock = self._sockets[fd]
                try:
                    data = sock.recv(1 << 16)
                except ssl.SSLWantReadError:
                    continue
                if data[9:12] != b"200" or not data.endswith(b"\r\n\r\n"):
                    raise ConnectionError("the sink did not answer as expected")
                remaining -= 1
                following = next(waiting, None)
                if following is not None:
                    sock.send(following)

    def close(self) -> None:
        """Close the connections."""
        self._poller.close()
        for sock in self._sockets.values():
            sock.close()
