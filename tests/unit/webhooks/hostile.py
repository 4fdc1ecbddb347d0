"""Endpoints on real loopback sockets, hostile ones among them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from chalicelib.core.model.publishing import Delivery, Endpoint, Secret
from chalicelib.webhooks.resolving import Address

KEY = bytes(range(32))
NAME = "hooks.example.com"
Answering = Callable[[socket.socket, threading.Event], None]
"""Answers a request that was read; the event is set when the test is over."""


class Receiver:
    """A server that records requests and answers each by `answer`."""

    def __init__(self, answer: Answering, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._context = context
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._speak, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _speak(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            with client:
                request = _read_request(client)
                self.requests.append(request)
                if request:
                    self._answer(client, self._ended)

    def close(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


def _read_request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        received = client.recv(65536)
        if not received:
            return data
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def receiver(answer: Answering, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    server = Receiver(answer, context)
    try:
        yield server
    finally:
        server.close()


def says(data: bytes) -> Answering:
    """Return what sends `data` and closes the connection."""

    def answer(client: socket.socket, ended: threading.Event) -> None:
        client.sendall(data)

    return answer


def status(line: str, *fields: str) -> Answering:
    lines = [f"HTTP/1.1 {line}", *fields, "Content-Length: 0", "", ""]
    return says("\r\n".join(lines).encode())


def is_silent(client: socket.socket, ended: threading.Event) -> None:
    ended.wait(10)


def drips(first: bytes) -> Answering:
    """Return what sends `first`, and then a byte every few milliseconds until the client leaves."""

    def answer(client: socket.socket, ended: threading.Event) -> None:
        client.sendall(first)
        while not ended.wait(0.001):
            client.sendall(b"x")

    return answer


def is_endless(first: bytes) -> Answering:
    """Return what sends `first`, and then more until the client leaves."""

    def answer(client: socket.socket, ended: threading.Event) -> None:
        client.sendall(first)
        while not ended.is_set():
            client.sendall(b"x" * 4096)

    return answer


def at_loopback(port: int) -> Callable[[str, int, float], list[Address]]:
    """Return a resolver by which every name is this machine."""

    def resolve(host: str, asked: int, timeout: float) -> list[Address]:
        return [Address(socket.AF_INET, ("127.0.0.1", port))]

    return resolve


def delivery(url: str, **changes: object) -> Delivery:
    fields: dict[str, object] = {"secrets": (Secret(KEY),), **changes}
    endpoint = Endpoint("ep_1", "webhook", url, 0, **fields)  # type: ignore[arg-type]
    events = [
        {
            "conversation_id": "conv_1",
            "sequence_id": number,
            "type": "message",
            "created_at": f"2026-03-01T09:00:0{number}.000Z",
            "sender": {"participant_id": "alice", "name": "Alice", "type": "human"},
            "message_id": f"msg_{number}",
            "content": "Hello Bob! 🚆",
            "client_message_id": "a secret of the client",
        }
        for number in (4, 5)
    ]
    return Delivery("dlv_x", endpoint, "conv_1", "0.table", 2, events, 1)
