"""The result of a Lambda proxy integration: what API Gateway accepts as one, and what it makes of it.

Source: "Output format of a Lambda function for proxy integration" in the API Gateway developer guide; what
has another shape is a malformed response and becomes 502 (or an error frame on a socket).
"""

from dataclasses import dataclass
from typing import Any

_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}

# "Amazon API Gateway important notes": headers of a response that API Gateway keeps for itself.
_REMAPPED = {
    "authorization", "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards",
    "proxy-authenticate", "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via",
    "warn", "www-authenticate",
}  # fmt: skip


class MalformedResult(ValueError):
    """The function's result is no proxy response; the text says why and holds no data."""


@dataclass(frozen=True)
class ProxyResult:
    """A well-formed proxy response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    is_base64: bool

    def header(self, name: str) -> str | None:
        """The last value of a header, looked up without case; None when it is absent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[-1] if values else None

    def client_headers(self) -> list[tuple[str, str]]:
        """The headers as a client of the REST API sees them, with the reserved ones renamed."""
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
    repeated = {name.lower() for name in multi}  # where both name a header, the list wins
    pairs = [(name, _text(value)) for name, value in single.items() if name.lower() not in repeated]
    pairs += [(name, _text(value)) for name, values in multi.items() for value in values]
    return tuple(pairs)


def parse_result(result: Any) -> ProxyResult:
    """Read a function's result as a proxy response.

    Raises:
        MalformedResult: It is none.
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
