"""The public keys of an identity provider, fetched from its JWKS URL and kept.

- Keys are kept for `lifetime`, and fetched again before that when a token names one that is not there.
- There is one fetch at a time. Who has nothing to go on waits for it and shares its result; who only finds
  the keys old goes on with them.
- Between the end of a fetch and the start of the next lie at least `min_refresh`, successful or not: tokens
  with invented key ids cannot turn this service into a load on the provider.
- A failed fetch never takes keys away. A token whose key is then not among those known cannot be judged
  (`KeysUnavailable`, worth a retry), which is not the same as being wrong.
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
    """The document at the URL: at most 256 KB within 3 seconds; see `http_fetch`. Raises `OSError`."""
    from chalicelib.identity.http_fetch import get_document

    return get_document(url)


@dataclass(frozen=True, slots=True)
class _CachedKeySet:
    """What the last fetch left behind. Replaced as a whole, so it can be read without a lock."""

    keys: KeySet | None = None
    fetched_at: float = -math.inf
    attempted_at: float = -math.inf
    failed: bool = False


class JwksKeys:
    """The keys behind one JWKS URL; a `KeySource` of the token verifier. Thread-safe; fetches nothing early.

    `fetch` returns the document at a URL or raises `OSError`. `clock`, `lifetime` and `min_refresh` are in
    seconds; the clock need only run forward. Raises `ValueError` for a URL that is not https (plain http is
    allowed to this very machine).
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Callable[[str], bytes] = fetch_over_https,
        clock: Callable[[], float] = time.monotonic,
        lifetime: float = 3600.0,
        min_refresh: float = 10.0,
    ) -> None:
        validate_jwks_url(url)
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._lifetime = lifetime
        self._min_refresh = min_refresh
        self._known = _CachedKeySet()
        self._fetching = threading.Lock()

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of this id made for this algorithm; without an id, the only one made for the algorithm.

        None if the provider has no such key. Raises `KeysUnavailable` if that cannot be said, because there
        are no keys yet, or because the fetch that might have brought it failed.
        """
        known = self._known
        if self._clock() - known.fetched_at >= self._lifetime:
            known = self._refreshed(known, wait=known.keys is None)
        key = known.keys.find(kid, algorithm) if known.keys else None
        if key is None:
            known = self._refreshed(known, wait=True)
            key = known.keys.find(kid, algorithm) if known.keys else None
        if key is None and known.failed:
            raise KeysUnavailable(
                "the keys to verify this token cannot be fetched at the moment",
                retry_after=self._pause(known),
            )
        return key

    def _pause(self, known: _CachedKeySet) -> float:
        """How long no fetch may start yet."""
        return max(0.0, known.attempted_at + self._min_refresh - self._clock())

    def _refreshed(self, seen: _CachedKeySet, *, wait: bool) -> _CachedKeySet:
        """What is known after one fetch more than `seen`; `seen` itself if no fetch may start now."""
        if self._pause(seen) > 0 or not self._fetching.acquire(blocking=wait):
            return seen
        try:
            if self._known is seen:  # else somebody fetched while we waited: theirs is ours
                self._known = self._fetched(seen)
            return self._known
        finally:
            self._fetching.release()

    def _fetched(self, seen: _CachedKeySet) -> _CachedKeySet:
        from chalicelib.identity.jwk_set import parse_key_set

        try:
            keys = parse_key_set(self._fetch(self._url))
        except (OSError, ValueError) as exc:
            _log.warning("fetching the signing keys failed: %s", exc)
            return _CachedKeySet(seen.keys, seen.fetched_at, attempted_at=self._clock(), failed=True)
        now = self._clock()
        return _CachedKeySet(keys, fetched_at=now, attempted_at=now)
