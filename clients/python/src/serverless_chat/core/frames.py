"""Frames to the server: their encoding, their ids, and the fields that the state of the client adds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .outputs import JsonObject, Outputs, SendFrame

PROTOCOL = 1
"""The version of the protocol: docs/versioning.md."""
FRAME_BYTES = 32_768
"""The limit of a frame until `welcome` names the deployment's own."""
MAX_DEPTH = 60
"""How many levels of objects and lists a field may have: the server reads 64, and a batch has four of them."""
ABOUT_POSITIONS = {"hello", "subscribe", "sync", "ping", "read"}
"""The commands that name the history of their positions."""
ABOUT_STATE = {"hello", "subscribe", "unsubscribe", "typing"}
"""The commands that carry `n`."""
TRANSIENT_CODES = {
    "UNAUTHORIZED",
    "TOKEN_EXPIRED",
    "RATE_LIMITED",
    "INTERNAL",
    "UNAVAILABLE",
    "CONVERSATION_BUSY",
    "NOT_ATTEMPTED",
}
"""Errors that are about the moment, never about the command."""
ABOUT_LIST = {
    *("welcome", "activity", "read", "read_ack", "personal_state"),
    *("conversation_added", "conversation_removed", "conversation_deleted", "invited"),
    *("events", "subscribed", "sync"),
}
"""Frames that can change the list of the user's conversations."""


def decode(text: str | bytes) -> JsonObject:
    """Return a frame, which is empty for anything else."""
    try:
        frame = json.loads(text)
    except ValueError:
        return {}
    return frame if isinstance(frame, dict) else {}


def ending(frame: JsonObject) -> str | None:
    """Return why a frame ends the connection for good, or None if it does not."""
    if frame.get("type") == "disconnect" and not frame.get("reconnect"):
        return f"the server ended the connection: {frame.get('code')}"
    if frame.get("type") == "welcome" and frame.get("protocol", PROTOCOL) != PROTOCOL:
        return f"the server has protocol {frame['protocol']}, and this version of the client {PROTOCOL}: update it"
    return None


def encode(frame: JsonObject) -> str:
    r"""Return the text of a frame, without `\uXXXX` escapes, which would take three times as many bytes."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def size(frame: JsonObject) -> int:
    """Return the number of bytes of a frame."""
    return len(encode(frame).encode("utf-8"))


def require_text(*texts: str) -> None:
    """Raise UnicodeEncodeError for lone surrogates, which no frame can carry."""
    for text in texts:
        text.encode("utf-8")


def copied(fields: JsonObject) -> JsonObject:
    """Return the fields of a command as JSON has them; later changes of the caller's objects have no effect.

    Raises ValueError for what the server cannot read: its answer would name no command, which is repeated then.
    """
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    require_text(text)
    copy: JsonObject = json.loads(text)
    level: list[Any] = list(copy.values())
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
    if level:
        raise ValueError(f"the fields of a command have more than {MAX_DEPTH} levels")
    return copy


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def is_refusal(error: JsonObject) -> bool:
    """Return whether an error is final for its command."""
    return error.get("retryable") is False and error.get("code") not in TRANSIENT_CODES


def names_field(error: JsonObject, path: str) -> bool:
    """Return whether an error is about a field of the command."""
    return any(detail.get("path") == path for detail in error.get("details") or ())


def is_newer(history_id: str, known: str | None) -> bool:
    """Return whether a history id, `<number>.<name>`, succeeds the known one."""
    return known is None or _number(history_id) > _number(known)


def _number(history_id: str) -> int:
    return int(history_id.partition(".")[0])


class FrameSender:
    """Numbers frames, and adds the history id to those about positions."""

    def __init__(self, outputs: Outputs) -> None:
        self.history_id: str | None = None
        self.frame_bytes = FRAME_BYTES
        self._outputs = outputs
        self._count = 0

    def next_id(self) -> str:
        """Return an id for a frame or request that this client has not used."""
        self._count += 1
        return str(self._count)

    def send(self, kind: str, **fields: Any) -> str:
        """Send a frame, and return its id. Fields that are None are left out."""
        frame_id = self.next_id()
        frame: JsonObject = {"type": kind, "id": frame_id}
        if kind in ABOUT_STATE:
            frame["n"] = self._count
        if kind in ABOUT_POSITIONS:
            frame["history_id"] = self.history_id
        frame |= fields
        self.send_as_is({name: value for name, value in frame.items() if value is not None})
        return frame_id

    def send_as_is(self, frame: JsonObject) -> None:
        """Send a frame that already has its id."""
        self._outputs.append(SendFrame(frame))
