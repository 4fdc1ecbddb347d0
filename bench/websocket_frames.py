"""Handshake and frames of a WebSocket (RFC 6455), written and read without a library."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .chat_clients import ClientFailed
from .harness import CONTENT

_TEXT, _CLOSE = 1, 8


class HandshakeRefused(ClientFailed):
    """The handshake was answered with a status other than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the handshake answers {status}")
        self.status = status


def open_websocket(ws_url: str, token: str, timeout: float) -> tuple[socket.socket, bytearray]:
    """Connect; return the socket, which waits for at most `timeout` seconds, and the bytes after the handshake.

    Raises ClientFailed, HandshakeRefused, OSError.
    """
    address = urlsplit(ws_url)
    sock = socket.create_connection((address.hostname or "", address.port or 80), timeout=timeout)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(sock.close)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(
            f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        received = _read_head(sock)
        on_failure.pop_all()
    return sock, received


def _read_head(sock: socket.socket) -> bytearray:
    """Read the response of the handshake; return the bytes after it."""
    head = bytearray()
    while b"\r\n\r\n" not in head:
        chunk = sock.recv(4_096)
        if not chunk:
            raise ClientFailed("the server closed a connection during its handshake")
        head += chunk
    if not head.startswith(b"HTTP/1.1 101 "):
        raise HandshakeRefused(int(head[9:12]) if head[9:12].isdigit() else 0)
    del head[: head.index(b"\r\n\r\n") + 4]
    return head


def take_payloads(received: bytearray) -> list[bytes]:
    """Take the complete frames from the received bytes; return their payloads, empty unless they are texts."""
    payloads, start = [], 0
    while len(received) >= start + 2:
        opcode, length, at = received[start] & 15, received[start + 1] & 127, start + 2
        if length == 126:
            length, at = int.from_bytes(received[at : at + 2], "big"), at + 2
        elif length == 127:
            length, at = int.from_bytes(received[at : at + 8], "big"), at + 8
        if len(received) < at + length:
            break
        if opcode == _CLOSE:
            raise ClientFailed("the server closed a connection")
        payloads.append(bytes(received[at : at + length]) if opcode == _TEXT else b"")
        start = at + length
    del received[:start]
    return payloads


def message_frame(conversation_id: str, client_message_id: str) -> bytes:
    """Return a WebSocket frame that sends a message."""
    return command_frame(
        {
            "type": "message",
            "conversation_id": conversation_id,
            "client_message_id": client_message_id,
            "content": CONTENT,
        }
    )


def command_frame(command: Mapping[str, Any]) -> bytes:
    """Return a masked text frame with a command."""
    return text_frame(json.dumps(command).encode())


def text_frame(payload: bytes) -> bytes:
    """Return a masked text frame of at most 65,535 bytes."""
    # A masking key of zeros leaves the payload as it is.
    size = bytes((128 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload
