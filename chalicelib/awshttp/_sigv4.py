"""Signature Version 4 (IAM user guide) for requests with a body in memory and no query string.

What requests of the same second have in common is worked out once: the key, the scope, the headers. The body
comes in as its hash, which is the same for everybody that one frame goes to. Paths are to be in their normal
form, without empty segments and dots. Held to botocore's signer by the tests.
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
_INNER = bytes(each ^ 0x36 for each in range(256))
_OUTER = bytes(each ^ 0x5C for each in range(256))
_BLOCK = 64


class Credentials(Protocol):
    """A key that does not change any more; `token` belongs to keys of a role."""

    @property
    def access_key(self) -> str | None:
        """Its public part."""
        ...

    @property
    def secret_key(self) -> str | None:
        """Its secret part."""
        ...

    @property
    def token(self) -> str | None:
        """The session token."""
        ...


class Hmac:
    """HMAC-SHA256 with one key (RFC 2104): the key's own block is hashed once, not for each message."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = sha256(block.translate(_INNER))
        self._outer = sha256(block.translate(_OUTER))

    def with_prefix(self, beginning: str) -> Hmac:
        """The same key for messages that begin with `beginning`: that is hashed once, and the rest is given."""
        begun = copy.copy(self)
        begun._inner = self._inner.copy()
        begun._inner.update(beginning.encode())
        return begun

    def digest(self, message: str) -> bytes:
        """Of `message`, as bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message.encode())
        outer.update(inner.digest())
        return outer.digest()

    def hexdigest(self, message: str) -> str:
        """Of `message`, in hexadecimal."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


class SigningContext:
    """What signs the requests of one second."""

    __slots__ = ("_before", "_canonical", "_key", "lines")

    def __init__(self, key: Hmac, key_id: str, scope: str, date: str, headers: Mapping[str, str]) -> None:
        # All names are lower case, so that their order is the one that is asked for.
        names = sorted(headers)
        signed = ";".join(names)
        self.lines = "".join(f"{name.title()}: {headers[name]}\r\n" for name in names).encode()
        """The signed headers as they are sent, each with its line break."""
        self._canonical = "".join(f"{name}:{headers[name]}\n" for name in names) + f"\n{signed}\n"
        self._before = f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={signed}, Signature="
        self._key = key.with_prefix(f"{_ALGORITHM}\n{date}\n{scope}\n")

    def authorization(self, method: str, canonical_path: str, body_hash: str) -> str:
        """The value of the header `Authorization`."""
        hashed = sha256(f"{method}\n{canonical_path}\n\n{self._canonical}{body_hash}".encode())
        return self._before + self._key.hexdigest(hashed.hexdigest())


class Signer:
    """Signs what goes to one service with the same headers. Safe to use from any thread."""

    def __init__(
        self, service: str, region: str, credentials: Callable[[], Credentials], headers: Mapping[str, str]
    ) -> None:
        """`headers` (names in lower case, values without spaces at their ends) are to hold `host`."""
        self._service = service
        self._region = region
        self._credentials = credentials
        self._headers = headers
        self._last: tuple[int, Credentials, SigningContext] | None = None

    def context_at(self, now: float) -> SigningContext:
        """What signs now, in seconds since the epoch, with the credentials of now."""
        known, second, last = self._credentials(), int(now), self._last
        if last is not None and last[0] == second and (last[1] is known or last[1] == known):
            return last[2]
        key_id, secret = known.access_key or "", known.secret_key or ""
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        scope = f"{date[:8]}/{self._region}/{self._service}/aws4_request"
        token = {} if not known.token else {"x-amz-security-token": known.token}
        headers = {**self._headers, "x-amz-date": date, **token}
        key = _signing_key(secret, date[:8], self._region, self._service)
        moment = SigningContext(key, key_id, scope, date, headers)
        self._last = second, known, moment
        return moment


@functools.lru_cache(16)
def _signing_key(secret: str, day: str, region: str, service: str) -> Hmac:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = Hmac(key).digest(part)
    return Hmac(key)


def canonical_path(path: str) -> str:
    """A path that is percent-encoded as it is sent, encoded once more: what is signed for all services but S3."""
    return quote(path, safe="/-_.~")


def body_hash(body: bytes) -> str:
    """The hash of a body, as it is signed."""
    return sha256(body).hexdigest()
