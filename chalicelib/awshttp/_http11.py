"""Parsing HTTP/1.1 responses from bytes as they arrive (RFC 9112), without any I/O.

The parser is strict where leniency could misplace the end of a response: contradicting lengths, unknown transfer
codings and bytes after the end are errors. Header fields that do not delimit the response are skipped.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from chalicelib.awshttp._errors import ProtocolError

MAX_HEAD = 64 * 1024
MAX_BODY = 32 * 1024 * 1024
"""More than any called service returns: a response of DynamoDB is at most 16 MB."""
_MAX_CHUNK_SIZE_LINE = 1024
_STATUSES_WITHOUT_BODY = (204, 304)
_FRAMING_FIELDS = re.compile(rb"\n(?:connection|content-length|transfer-encoding):[^\n]*", re.IGNORECASE)
"""The header fields that delimit a response, and those that decide whether the connection persists."""
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class Response(NamedTuple):
    """A complete response. Its header fields are not kept: no caller needs them."""

    status: int
    body: bytes
    keep_alive: bool
    """Whether the connection persists."""


class ResponseParser:
    """Parses one response."""

    __slots__ = ("_buffer", "_is_chunked", "_keep_alive", "_parts", "_remaining", "_status", "started")

    # Known with the head, and not set before: a parser is created for every response.
    _keep_alive: bool
    _is_chunked: bool
    _remaining: int | None
    """Bytes of the body still to come; None if the body ends with the connection."""

    def __init__(self) -> None:
        self.started = False
        """Whether anything was received."""
        self._status = 0
        """0 until the head is complete."""
        self._buffer = b""
        """The part of a head or of a chunk that is not yet complete."""
        self._parts: list[bytes] = []
        """The body received so far."""

    def feed(self, data: bytes) -> Response | None:
        """Take received bytes; return the response when it is complete. Raises ProtocolError."""
        self.started = True
        if not self._status:
            body = self._parse_head(self._buffer + data if self._buffer else data)
            if body is None:
                return None
            data = body
        if self._remaining == len(data) and not self._parts:
            if not data:
                return _empty_response(self._status, self._keep_alive)
            return Response(self._status, data, self._keep_alive)
        if self._is_chunked:
            return self._parse_chunks(data)
        self._parts.append(data)
        if self._remaining is None:
            if sum(map(len, self._parts)) > MAX_BODY:
                raise ProtocolError("the body is larger than any expected one")
            return None
        self._remaining -= len(data)
        if self._remaining > 0:
            return None
        if self._remaining < 0:
            raise ProtocolError("there are bytes after the end of the response")
        return self._response()

    def eof(self) -> Response | None:
        """Take the end of the connection; return the response if that is what completes it."""
        if self._status and not self._is_chunked and self._remaining is None:
            self._keep_alive = False
            return self._response()
        return None

    def _response(self) -> Response:
        return Response(self._status, b"".join(self._parts), self._keep_alive)

    def _parse_head(self, data: bytes) -> bytes | None:
        """Parse the head and return the bytes after it, or None if it is incomplete."""
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > MAX_HEAD:
                    raise ProtocolError("the head is larger than any expected one")
                self._buffer = data
                return None
            status, persists = _parse_status(data[:12])
            if status >= 200:
                break
            # An interim response such as 100 (Continue) precedes the final one (RFC 9110 section 15.2).
            data = data[end + 4 :]
        closes, self._is_chunked, self._remaining = _parse_framing(
            tuple(_FRAMING_FIELDS.findall(data, 0, end + 2))
        )
        if status in _STATUSES_WITHOUT_BODY:
            self._is_chunked, self._remaining = False, 0
        self._status = status
        self._keep_alive = persists and not closes
        self._buffer = b""
        return data[end + 4 :]

    def _parse_chunks(self, data: bytes) -> Response | None:
        """Parse chunks (RFC 9112 section 7.1); chunk extensions are ignored."""
        data = self._buffer + data
        while True:
            line_end = data.find(b"\r\n")
            if line_end < 0:
                if len(data) > _MAX_CHUNK_SIZE_LINE:
                    raise ProtocolError("a chunk begins without its size")
                break
            size = _parse_chunk_size(data[:line_end])
            if size == 0:
                return self._parse_trailers(data, line_end)
            end = line_end + 2 + size
            if sum(map(len, self._parts)) + size > MAX_BODY:
                raise ProtocolError("the body is larger than any expected one")
            if len(data) < end + 2:
                break
            if data[end : end + 2] != b"\r\n":
                raise ProtocolError("a chunk is longer than its size")
            self._parts.append(data[line_end + 2 : end])
            data = data[end + 2 :]
        self._buffer = data
        return None

    def _parse_trailers(self, data: bytes, line_end: int) -> Response | None:
        """Skip the trailer fields, if any, up to the empty line that ends the response."""
        end = data.find(b"\r\n\r\n", line_end)
        if end < 0:
            if len(data) > MAX_HEAD:
                raise ProtocolError("the trailers are larger than any expected ones")
            self._buffer = data
            return None
        if end + 4 != len(data):
            raise ProtocolError("there are bytes after the end of the response")
        return self._response()


@lru_cache(64)
def _empty_response(status: int, keep_alive: bool) -> Response:
    """Return a response without a body. A fan-out receives the same one from all connections."""
    return Response(status, b"", keep_alive)


@lru_cache(64)
def _parse_status(status_line: bytes) -> tuple[int, bool]:
    """Return the status and whether the connection persists by default. Raises ProtocolError.

    `status_line` is cut after the status, so that the few different ones stay cached.
    """
    if status_line[:7] != b"HTTP/1." or not status_line[9:12].isdigit():
        raise ProtocolError("there is no status line")
    return int(status_line[9:12]), status_line[7:8] == b"1"


@lru_cache(256)
def _parse_framing(lines: tuple[bytes, ...]) -> tuple[bool, bool, int | None]:
    """Return whether the peer closes, whether the body is chunked, and its length (RFC 9112 section 6.3).

    The length is None if the body is chunked or ends with the connection. Raises ProtocolError.
    """
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.lower().partition(b":")
        if fields.setdefault(name.strip(), value.strip()) != value.strip():
            raise ProtocolError("a header field has two values")
    closes = b"close" in fields.get(b"connection", b"")
    coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if coding is not None:
        if coding != b"chunked":
            raise ProtocolError("the transfer coding is unknown")
        return closes, True, None
    if length is None:
        return closes, False, None
    if not length.isdigit() or len(length) > 12 or int(length) > MAX_BODY:
        raise ProtocolError("the content length is invalid")
    return closes, False, int(length)


def _parse_chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 8 or not set(digits) <= _HEX_DIGITS:
        raise ProtocolError("a chunk begins without its size")
    return int(digits, 16)
