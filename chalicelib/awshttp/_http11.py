"""Reading answers of HTTP/1.1 as their bytes come in (RFC 9112), as far as a client of AWS needs that."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_HEAD = 64 * 1024
MAX_BODY = 32 * 1024 * 1024
"""Above what any service that is asked may answer: DynamoDB's limit is 16 MB."""
_MAX_CHUNK_LINE = 1024
_WITHOUT_BODY = (204, 304)
_FRAMING_FIELDS = re.compile(rb"\n(?:connection|content-length|transfer-encoding):[^\n]*", re.IGNORECASE)
"""The lines of a head that say where the answer ends, and whether the connection does."""


class ProtocolError(Exception):
    """What came in is no answer."""


class Response(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes
    keep_alive: bool
    """Whether the connection may be used for another request."""


class ResponseParser:
    """Reads one answer."""

    __slots__ = ("_buffer", "_chunked", "_keeps_alive", "_left", "_parts", "_status", "begun")

    def __init__(self) -> None:
        self.begun = False
        """Whether anything has come in."""
        self._buffer = b""
        self._status = 0
        self._keeps_alive = True
        self._chunked = False
        self._left: int | None = None
        """Bytes of the body that are missing; None: it ends with the connection."""
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Response | None:
        """Take what came in; the answer when it is whole. Raises ProtocolError."""
        self.begun = True
        if not self._status:
            found = self._head(self._buffer + data if self._buffer else data)
            if found is None:
                return None
            data = found
        if self._left == len(data) and not self._parts:
            return Response(self._status, data, self._keeps_alive)
        if self._chunked:
            return self._chunks(data)
        self._parts.append(data)
        if self._left is None:
            if sum(map(len, self._parts)) > MAX_BODY:
                raise ProtocolError("an answer without end")
            return None
        self._left -= len(data)
        if self._left > 0:
            return None
        if self._left < 0:
            raise ProtocolError("more came in than was announced")
        return self._whole()

    def eof(self) -> Response | None:
        """The connection was closed: the answer, if that is how it ends."""
        if self._status and not self._chunked and self._left is None:
            self._keeps_alive = False
            return self._whole()
        return None

    def _whole(self) -> Response:
        return Response(self._status, b"".join(self._parts), self._keeps_alive)

    def _head(self, data: bytes) -> bytes | None:
        """Read the head; what follows it, None if it is not whole yet."""
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > MAX_HEAD:
                    raise ProtocolError("a head without end")
                self._buffer = data
                return None
            status, keeps_alive = _status(data[:12])
            if status >= 200:
                break
            # "100 Continue" and its like announce the answer (RFC 9110, 15.2).
            data = data[end + 4 :]
        closes, self._chunked, self._left = _framing(tuple(_FRAMING_FIELDS.findall(data, 0, end + 2)))
        if status in _WITHOUT_BODY:
            self._chunked, self._left = False, 0
        self._status = status
        self._keeps_alive = keeps_alive and not closes
        self._buffer = b""
        return data[end + 4 :]

    def _chunks(self, data: bytes) -> Response | None:
        """Chunks (RFC 9112, 7.1); trailers are not looked at."""
        data = self._buffer + data
        while True:
            line_end = data.find(b"\r\n")
            if line_end < 0:
                if len(data) > _MAX_CHUNK_LINE:
                    raise ProtocolError("no size of a chunk")
                break
            digits = data[:line_end].partition(b";")[0].strip()
            if not digits or len(digits) > 8 or not set(digits) <= set(b"0123456789abcdefABCDEF"):
                raise ProtocolError("no size of a chunk")
            size = int(digits, 16)
            if size == 0:
                return self._last_chunk(data, line_end)
            end = line_end + 2 + size
            if size > MAX_BODY or sum(map(len, self._parts)) + size > MAX_BODY:
                raise ProtocolError("an answer without end")
            if len(data) < end + 2:
                break
            if data[end : end + 2] != b"\r\n":
                raise ProtocolError("a chunk that is longer than announced")
            self._parts.append(data[line_end + 2 : end])
            data = data[end + 2 :]
        self._buffer = data
        return None

    def _last_chunk(self, data: bytes, line_end: int) -> Response | None:
        # Trailers, if any, and an empty line.
        end = data.find(b"\r\n\r\n", line_end)
        if end < 0:
            if len(data) > MAX_HEAD:
                raise ProtocolError("trailers without end")
            self._buffer = data
            return None
        if end + 4 != len(data):
            raise ProtocolError("more came in than was announced")
        return self._whole()


@lru_cache(64)
def _status(beginning: bytes) -> tuple[int, bool]:
    """The status, and whether the connection is kept unless the peer says otherwise. Raises ProtocolError."""
    if beginning[:7] != b"HTTP/1." or not beginning[9:12].isdigit():
        raise ProtocolError("no status line")
    return int(beginning[9:12]), beginning[7:8] == b"1"


@lru_cache(256)
def _framing(lines: tuple[bytes, ...]) -> tuple[bool, bool, int | None]:
    """How the body is delimited (RFC 9112, 6.3): whether the peer closes then, chunks or not, and the length.

    There are few different ones, so they are kept. Raises ProtocolError.
    """
    said: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.lower().partition(b":")
        if said.setdefault(name.strip(), value.strip()) != value.strip():
            raise ProtocolError("a header that contradicts itself")
    closes = b"close" in said.get(b"connection", b"")
    coding, length = said.get(b"transfer-encoding"), said.get(b"content-length")
    if coding is not None:
        if coding != b"chunked":
            raise ProtocolError("an unknown transfer coding")
        return closes, True, None
    if length is None:
        return closes, False, None
    if not length.isdigit() or len(length) > 12 or int(length) > MAX_BODY:
        raise ProtocolError("a length that cannot be")
    return closes, False, int(length)
