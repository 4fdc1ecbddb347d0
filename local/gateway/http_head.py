"""The head of an HTTP/1.1 request, for the few forms that the callback API's clients use.

The parser is strict: a form that it does not know or that RFC 9112 does not allow is `Unsupported`, and a general
server handles it. No request is understood in two ways.
"""

import re
from typing import NamedTuple

MAX_HEAD = 65_536
_METHODS = (b"POST", b"GET", b"DELETE")
_TARGET = re.compile(rb"/[!-~]*")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f-\xff]")  # in a line, after the split at CRLF
_LENGTH = re.compile(rb"[0-9]{1,9}")


class Unsupported(Exception):
    """The request is malformed or has a form that only a general server understands."""


class Head(NamedTuple):
    """The parts of a request's head that matter to the callback API."""

    method: str
    target: str
    authorization: str | None
    content_length: int


def parse_head(data: bytes) -> Head:
    """Parse a head without the empty line that ends it. Raises Unsupported."""
    request_line, *lines = data.split(b"\r\n")
    parts = request_line.split(b" ")
    if len(parts) != 3 or parts[0] not in _METHODS or parts[2] != b"HTTP/1.1" or not _TARGET.fullmatch(parts[1]):
        raise Unsupported
    authorization: str | None = None
    length, hosts = None, 0
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or _FORBIDDEN.search(value):
            raise Unsupported
        match name.lower():
            case b"authorization":
                if authorization is not None:
                    raise Unsupported
                authorization = value.strip(b" \t").decode("ascii")
            case b"content-length":
                if length is not None or not _LENGTH.fullmatch(digits := value.strip(b" \t")):
                    raise Unsupported
                length = int(digits)
            case b"host":
                hosts += 1
            case b"connection" if value.strip(b" \t").lower() != b"keep-alive":
                raise Unsupported
            case b"transfer-encoding" | b"expect" | b"upgrade" | b"trailer" | b"te":
                raise Unsupported
    if hosts != 1:
        raise Unsupported
    return Head(parts[0].decode(), parts[1].decode(), authorization, length or 0)
