"""Signature Version 4 (IAM user guide, "AWS Signature Version 4 for API requests").

For requests with a body in memory, no query string, and a path in normal form: no empty or dot segments. The part
that all requests of a second have in common (key, scope, header fields) is computed once a second, and a body that
many requests share is hashed once. The tests compare the signatures with those of botocore.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
"""Translation tables that XOR every byte with ipad and with opad (RFC 2104)."""
_BLOCK_SIZE = 64


class Credentials(Protocol):
    """Immutable credentials. The credentials of a role have a session token."""

    @property
    def access_key(self) -> str | None:
        """Return the access key id, which is public."""
        ...

    @property
    def secret_key(self) -> str | None:
        """Return the secret access key."""
        ...

    @property
    def token(self) -> str | None:
        """Return the session token, or None."""
        ...


class Hmac:
    """HMAC-SHA256 with one key (RFC 2104), whose padded blocks are hashed once instead of for each message."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (sha256(key).digest() if len(key) > _BLOCK_SIZE else key).ljust(_BLOCK_SIZE, b"\0")
        self._inner = sha256(block.translate(_INNER_PAD))
        self._outer = sha256(block.translate(_OUTER_PAD))

    def with_prefix(self, prefix: str) -> Hmac:
        """Return the HMAC of messages that begin with `prefix`: it is hashed once, and not passed again."""
        prefixed = copy.copy(self)
        prefixed._inner = self._inner.copy()
        prefixed._inner.update(prefix.encode())
        return prefixed

    def digest(self, message: str) -> bytes:
        """Return the HMAC of `message`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message.encode())
        outer.update(inner.digest())
        return outer.digest()

    def hexdigest(self, message: str) -> str:
        """Return the HMAC of `message` in hexadecimal."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


class SigningContext:
    """Signs the requests of one second, with one set of credentials."""

    __slots__ = ("_authorization_prefix", "_canonical_headers", "_key", "header_lines")

    def __init__(self, key: Hmac, access_key: str, scope: str, date: str, headers: Mapping[str, str]) -> None:
        # Names in lower case sort as the canonical request requires.
        names = sorted(headers)
        signed_headers = ";".join(names)
        self.header_lines = "".join(f"{name.title()}: {headers[name]}\r\n" for name in names).encode()
        """The signed header fields, as they must be sent, each with its line break."""
        self._canonical_headers = "".join(f"{name}:{headers[name]}\n" for name in names) + f"\n{signed_headers}\n"
        self._authorization_prefix = (
            f"{_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed_headers}, Signature="
        )
        self._key = key.with_prefix(f"{_ALGORITHM}\n{date}\n{scope}\n")

    def authorization(self, method: str, path: str, payload_hash: str) -> str:
        """Return the value of the `Authorization` field. `path` must be a `canonical_path`."""
        canonical_request = f"{method}\n{path}\n\n{self._canonical_headers}{payload_hash}"
        return self._authorization_prefix + self._key.hexdigest(sha256(canonical_request.encode()).hexdigest())

    def post(self, path: str, body: bytes) -> bytes:
        """Return a POST request, head and body."""
        authorization = self.authorization("POST", _canonical_path(path), body_hash(body))
        line = f"POST {path} HTTP/1.1\r\nAuthorization: {authorization}\r\n"
        return b"".join((line.encode(), self.header_lines, f"Content-Length: {len(body)}\r\n\r\n".encode(), body))


class Signer:
    """Signs requests to one service that have the same header fields. Safe to use from any thread."""

    def __init__(
        self, service: str, region: str, credentials: Callable[[], Credentials], headers: Mapping[str, str]
    ) -> None:
        """Sign `headers` (names in lower case, values without surrounding spaces), which must contain `host`.

        `credentials` returns the current ones; it is called for each request.
        """
        self._service = service
        self._region = region
        self._credentials = credentials
        self._headers = headers
        self._latest: tuple[int, Credentials, SigningContext] | None = None

    def context_at(self, now: float) -> SigningContext:
        """Return what signs at `now` (epoch seconds) with the current credentials."""
        credentials, second, latest = self._credentials(), int(now), self._latest
        if latest is not None and latest[0] == second and (latest[1] is credentials or latest[1] == credentials):
            return latest[2]
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        scope = f"{date[:8]}/{self._region}/{self._service}/aws4_request"
        token = {} if not credentials.token else {"x-amz-security-token": credentials.token}
        headers = {**self._headers, "x-amz-date": date, **token}
        key = _signing_key(credentials.secret_key or "", date[:8], self._region, self._service)
        context = SigningContext(key, credentials.access_key or "", scope, date, headers)
        self._latest = second, credentials, context
        return context


@functools.lru_cache(16)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> Hmac:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = Hmac(key).digest(part)
    return Hmac(key)


def canonical_path(path: str) -> str:
    """Return a percent-encoded path encoded once more, as all services but S3 require it in a signature."""
    return quote(path, safe="/-_.~")


_canonical_path = functools.lru_cache(64)(canonical_path)
"""The clients of services with one path, or one for each function, ask for it with each request."""


def body_hash(body: bytes) -> str:
    """Return the hash of a body, as it is signed."""
    return sha256(body).hexdigest()
