"""A cache of the public keys of an identity provider, fetched from its JWKS URL.

- Keys that are `max_age` old are fetched again before they are used, and earlier if a token names an unknown one.
  So a key that the provider has removed is accepted for `max_age` at most.
- There is one fetch at a time. A caller without keys of that age waits for it and shares its result.
- After each fetch, successful or not, there is a cooldown of `min_refresh`: tokens with invented key ids cannot
  cause load on the provider.
- After a failed fetch, the cached keys are used for `grace` longer. After that, and for a token with an unknown
  key, the token is unverified (`KeysUnavailable`, to be retried) rather than invalid.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.identity.errors import KeysUnavailable
from chalicelib.identity.jwks_url import validate_jwks_url

if TYPE_CHECKING:
    import jwt

    from chalicelib.identity.jwk_set import KeySet

__all__ = ["JwksKeys", "KeysUnavailable", "fetch_over_https"]

_log = logging.getLogger(__name__)


def fetch_over_https(url: str) -> bytes:
    """Return the document at the URL: at most 256 KB within 3 seconds (see `http_fetch`). Raises `OSError`."""
    from chalicelib.identity.http_fetch import get_document

    return get_document(url)


@dataclass(frozen=True, slots=True)
class _CachedKeySet:
    """The result of the last fetch. It is replaced as a whole, so reading it needs no lock."""

    keys: KeySet | None = None
    fetched_at: float = -math.inf
    attempted_at: float = -math.inf
    failed: bool = False


class JwksKeys:
    """The keys of one JWKS URL; a `KeySource` of the token verifier. Thread-safe. Keys are fetched on demand.

    `fetch` returns the document at a URL or raises `OSError`. `clock` and the times are in seconds; it is that of
    the wall, which runs on while a function is frozen. When it is set back, the keys are fetched again.

    Raises `ValueError` if the URL is not https (plain http is allowed for loopback addresses).
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Callable[[str], bytes] = fetch_over_https,
        clock: Callable[[], float] = time.time,
        max_age: float = 3600.0,
        grace: float = 3600.0,
        min_refresh: float = 10.0,
    ) -> None:
        validate_jwks_url(url)
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._max_age = max_age
        self._grace = grace
        self._min_refresh = min_refresh
        self._known = _CachedKeySet()
        self._fetching = threading.Lock()

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the key with this id for this algorithm; without an id, the only key for the algorithm.

        Returns None if the provider has no such key. Raises `KeysUnavailable` if that is unknown, because no
        fetch has succeeded for too long, or because the fetch for this key failed.
        """
        known = self._known
        if not self._is_younger(known, self._max_age):
            known = self._refreshed(known)
        key = self._find(known, kid, algorithm)
        if key is None:
            known = self._refreshed(known)
            key = self._find(known, kid, algorithm)
        if key is None and known.failed:
            raise KeysUnavailable(
                "the keys to verify this token cannot be fetched at the moment",
                retry_after=self._cooldown(known),
            )
        return key

    def _find(self, known: _CachedKeySet, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return a key, if the set is not too old to be used."""
        if known.keys is None or not self._is_younger(known, self._max_age + self._grace):
            return None
        return known.keys.find(kid, algorithm)

    def _is_younger(self, known: _CachedKeySet, age: float) -> bool:
        return 0 <= self._clock() - known.fetched_at < age

    def _cooldown(self, known: _CachedKeySet) -> float:
        """Return the seconds until the next fetch may start."""
        passed = self._clock() - known.attempted_at
        return self._min_refresh - passed if 0 <= passed < self._min_refresh else 0.0

    def _refreshed(self, seen: _CachedKeySet) -> _CachedKeySet:
        """Return the keys of a fetch after `seen`, or `seen` if no fetch may start now."""
        if self._cooldown(seen) > 0:
            return seen
        with self._fetching:
            if self._known is seen:  # otherwise another thread fetched while this one waited
                self._known = self._fetched(seen)
            return self._known

    def _fetched(self, seen: _CachedKeySet) -> _CachedKeySet:
        from chalicelib.identity.jwk_set import parse_key_set

        try:
            keys = parse_key_set(self._fetch(self._url))
        except (OSError, ValueError) as exc:
            _log.warning("fetching the signing keys failed: %s", exc)
            return _CachedKeySet(seen.keys, seen.fetched_at, attempted_at=self._clock(), failed=True)
        now = self._clock()
        return _CachedKeySet(keys, fetched_at=now, attempted_at=now)
