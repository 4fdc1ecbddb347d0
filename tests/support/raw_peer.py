"""A peer on a real socket that answers with given bytes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Say:
    """Answers with `data`, at once or byte by byte, and optionally closes the connection."""

    data: bytes
    then_close: bool = False
    byte_by_byte: bool = False


HANG = Say(b"")
CUT = Say(b"", then_close=True)


class RawPeer:
    """Answers requests by `script`, and with 200 when that is used up."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.script: deque[Say] = deque()
        self.requests: list[tuple[int, bytes, bytes]] = []
        """The number of the connection, head and body."""
        self.connections: list[socket.socket] = []
        self.refuses_after_head: bytes | None = None
        """The answer that is sent before the body was read; then the connection is closed."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"{'http' if self._context is None else 'https'}://127.0.0.1:{self.port}/dev"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._speak, args=(client, len(self.connections)), daemon=True)
            self.connections.append(client)
            thread.start()
            self._threads.append(thread)

    def _speak(self, client: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), contextlib.closing(client):
            sock = client
            if self._context is not None:
                sock = self._context.wrap_socket(client, server_side=True)
                self.connections[number] = sock
            with contextlib.closing(sock), sock.makefile("rb") as file:
                while self._answer(sock, file.readline, file.read, number):
                    pass

    def _answer(self, sock: socket.socket, readline: object, read: object, number: int) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = readline()  # type: ignore[operator]
            if not line:
                return False
            head += line
        if self.refuses_after_head is not None:
            sock.sendall(self.refuses_after_head)
            sock.shutdown(socket.SHUT_WR)
            # Reads the rest of the request: closing the connection before that would discard the answer.
            while sock.recv(1 << 16):
                pass
            return False
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.requests.append((number, head, read(length)))  # type: ignore[operator]
        action = self.script.popleft() if self.script else Say(OK)
        if action.byte_by_byte:
            for byte in action.data:
                sock.sendall(bytes([byte]))
        else:
            sock.sendall(action.data)
        return not action.then_close

    def hang_up(self) -> None:
        """Close all connections; returns when the other side can notice."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()


@contextlib.contextmanager
def raw_peer(context: ssl.SSLContext | None = None) -> Iterator[RawPeer]:
    peer = RawPeer(context)
    thread = threading.Thread(target=peer.serve, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        peer.close()
        thread.join(10)
