"""Helpers of tests that give a client single inputs and look at its outputs."""

from __future__ import annotations

from typing import TypeVar

from serverless_chat.core.client import Client
from serverless_chat.core.outputs import JsonObject, Output, SendFrame

NOW = 1_800_000_000.0
HISTORY = "1.conversations"
SOCKET = 1
Kind = TypeVar("Kind")
WELCOME: JsonObject = {
    "type": "welcome",
    "history_id": HISTORY,
    "participant": {"participant_id": "alice", "name": "Alice", "type": "human"},
    "ping_interval": 240,
    "expires_at": "2027-01-15T09:00:00.000Z",
    "limits": {"frame_bytes": 32_768},
}
"""Its token expires 3,600 seconds after NOW."""


def new_client(stored: dict[str, JsonObject] | None = None, jitter: float = 0.5) -> Client:
    return Client(stored or {}, lambda: jitter)


def take(client: Client, kind: type[Kind]) -> list[Kind]:
    """Take all outputs, and return those of one kind."""
    outputs: list[Output] = list(client.outputs())
    return [output for output in outputs if isinstance(output, kind)]


def frames(client: Client, kind: str | None = None) -> list[JsonObject]:
    """Take all outputs, and return the frames of one type, or all."""
    sent = [output.frame for output in take(client, SendFrame)]
    return [frame for frame in sent if kind in {None, frame["type"]}]


def connect(client: Client, **welcome: object) -> None:
    """Open a connection; nothing of it remains among the outputs."""
    client.start(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET, NOW)
    client.receive(SOCKET, WELCOME | welcome, NOW)


def connected(**welcome: object) -> Client:
    client = new_client()
    connect(client, **welcome)
    list(client.outputs())
    return client


def error(frame: JsonObject, code: str, **fields: object) -> JsonObject:
    return {"type": "error", "id": frame["id"], "code": code, "message": code, **fields}


def event(sequence_id: int, kind: str = "message", **fields: object) -> JsonObject:
    return {
        "sequence_id": sequence_id,
        "type": kind,
        "created_at": f"at {sequence_id}",
        "sender": {"participant_id": "bob", "name": "Bob"},
        **({"content": f"text {sequence_id}"} if kind == "message" else {}),
        **fields,
    }
