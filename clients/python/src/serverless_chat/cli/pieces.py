"""Input of any length and content as the texts of messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_CHARACTERS = 10_000
MAX_BYTES = 24_000
"""The limits of a message; longer input becomes several messages."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def pieces(text: str) -> Iterator[str]:
    """Split a text at its lines, and within long ones, into messages within the limits.

    Colors and other escape sequences of a terminal, and the control characters that the server rejects, are left
    out, and so are messages without a visible character.
    """
    piece = ""
    for line in _printable(text).split("\n"):
        for part in _parts(line + "\n"):
            if len(piece) + len(part) > MAX_CHARACTERS or len((piece + part).encode()) > MAX_BYTES:
                if piece.strip():
                    yield piece.rstrip("\n")
                piece = ""
            piece += part
    if piece.strip():
        yield piece.rstrip("\n")


def _printable(text: str) -> str:
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    return _CONTROLS.sub("", text)


def _parts(line: str) -> Iterator[str]:
    size = MAX_BYTES // 4
    return (line[first : first + size] for first in range(0, len(line), size))
