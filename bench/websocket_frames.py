"""Frames of a WebSocket (RFC 6455), written and read without a library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .chat_clients import ClientFailed
from .harness import CONTENT

_TEXT, _CLOSE = 1, 8


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
    payload = json.dumps(command).encode()
    # A masking key of zeros leaves the payload as it is.
    size = bytes((128 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload
