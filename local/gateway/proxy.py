"""The result of a Lambda proxy integration: its validation, and the response that API Gateway makes of it.

Source: "Output format of a Lambda function for proxy integration" in the API Gateway developer guide. Any other
shape is a malformed response, which becomes a 502 (or an error frame on a WebSocket).
"""

from dataclasses import dataclass
from typing import Any

_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}

# "Amazon API Gateway important notes": the response headers that API Gateway reserves.
_REMAPPED = {
    "authorization", "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards",
    "proxy-authenticate", "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via",
    "warn", "www-authenticate",
}  # fmt: skip


class MalformedResult(ValueError):
    """The function's result is not a proxy response; the text explains why and contains no data."""


@dataclass(frozen=True)
class ProxyResult:
    """A well-formed proxy response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    is_base64: bool

    def header(self, name: str) -> str | None:
        """Return the last value of a header, ignoring case, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[-1] if values else None

    def client_headers(self) -> list[tuple[str, str]]:
        """Return the headers that a client of the REST API receives, with reserved ones renamed."""
        return [
            (f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, value)
            for name, value in self.headers
        ]


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise MalformedResult("statusCode must be an integer from 200 to 599")
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise MalformedResult("a header's value must be a string, a number or a boolean")


def _headers(result: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    single = result.get("headers") or {}
    multi = result.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multi, dict):
        raise MalformedResult("headers and multiValueHeaders must be objects")
    if not all(isinstance(values, list) for values in multi.values()):
        raise MalformedResult("each of multiValueHeaders must be a list")
    repeated = {name.lower() for name in multi}  # multiValueHeaders take precedence
    pairs = [(name, _text(value)) for name, value in single.items() if name.lower() not in repeated]
    pairs += [(name, _text(value)) for name, values in multi.items() for value in values]
    return tuple(pairs)


def parse_result(result: Any) -> ProxyResult:
    """Parse a function's result as a proxy response.

    Raises:
        MalformedResult: It is not one.
    """
    if not isinstance(result, dict):
        raise MalformedResult("the result must be an object")
    unknown = result.keys() - _KEYS
    if unknown:
        raise MalformedResult(f"the result has unknown keys ({len(unknown)} of them)")
    body = result.get("body")
    encoded = result.get("isBase64Encoded", False)
    if body is not None and not isinstance(body, str):
        raise MalformedResult("body must be a string")
    if not isinstance(encoded, bool):
        raise MalformedResult("isBase64Encoded must be a boolean")
    return ProxyResult(_status(result.get("statusCode")), _headers(result), body or "", encoded)
