"""The head of an HTTP/1.1 request, for the few forms that the callback API's clients use.

The parser is strict: a form that it does not know or that RFC 9112 does not allow is `Unsupported`, and a general
server handles it. No request is understood in two ways.
"""

import re
from typing import NamedTuple

MAX_HEAD = 65_536
_HEAD = re.compile(rb"(POST|GET|DELETE) (/[!-~]*) HTTP/1\.1(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ -~\t]*)*")
"""Request line and fields: a name of token characters, a colon, and a value of visible ASCII and spaces."""
_MEANINGFUL = re.compile(
    rb"\n(authorization|content-length|host|connection|transfer-encoding|expect|upgrade|trailer|te):"
    rb"[ \t]*([^\r]*)",
    re.IGNORECASE,
)
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
    match = _HEAD.fullmatch(data)
    if match is None:
        raise Unsupported
    fields: dict[bytes, bytes] = {}
    for name, value in _MEANINGFUL.findall(data):
        key = name.lower()
        if key in fields:
            raise Unsupported
        fields[key] = value.rstrip(b" \t")
    length = fields.pop(b"content-length", b"0")
    authorization = fields.pop(b"authorization", None)
    if not _LENGTH.fullmatch(length) or fields.pop(b"host", None) is None:
        raise Unsupported
    if fields.pop(b"connection", b"keep-alive").lower() != b"keep-alive" or fields:
        raise Unsupported
    method, target = match.groups()
    return Head(
        method.decode(), target.decode(), None if authorization is None else authorization.decode(), int(length)
    )
