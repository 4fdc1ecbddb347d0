"""Verification of bearer tokens.

The settings determine the accepted algorithms, and the algorithm determines the key: HS256 uses only the secret,
RS256 and ES256 only public keys of the matching type. A signature is therefore never checked with a key for
another purpose (RFC 8725 sections 2.1 and 3.1). Keys, key URLs and certificates in a token's header are ignored.
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from chalicelib.identity.claims import validate_claims
from chalicelib.identity.errors import InvalidToken, KeysUnavailable, shown
from chalicelib.identity.jws import CompactJws, json_object, parse_jws
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings

if TYPE_CHECKING:
    import jwt

MIN_REFRESH = 10.0
"""Seconds between two attempts to read a secret again that can still be used."""

__all__ = ["InvalidToken", "KeySource", "KeysUnavailable", "TokenVerifier"]


class KeySource(Protocol):
    """A source of public signing keys."""

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the key with this id for RS256 or ES256; without an id, the only key for the algorithm.

        Returns None if there is no such key. Raises `KeysUnavailable` if that is unknown at the moment.
        """


class TokenVerifier:
    """Verifies tokens with the secret, with public keys, or with either. Thread-safe.

    `clock` returns epoch seconds. `read_secret` returns the value of the parameter with the secret, or raises
    `KeysUnavailable`. Raises `ValueError` if the settings name a source that is not passed.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        *,
        keys: KeySource | None,
        clock: Callable[[], float] = time.time,
        read_secret: Callable[[str], str] | None = None,
    ) -> None:
        if keys is None and settings.jwks_url is not None:
            raise ValueError("the settings have a JWKS URL: `keys` is required")
        if read_secret is None and settings.secret_parameter is not None:
            raise ValueError("the settings have a parameter for the secret: `read_secret` is required")
        self._settings = settings
        self._secret = None if settings.secret is None else settings.secret.encode("utf-8")
        self._read_secret = read_secret
        self._keys = keys
        self._clock = clock
        self._read_at = self._attempted_at = -math.inf

    def verify(self, token: str) -> Identity:
        """Return the identity in a token.

        Raises `InvalidToken` if it is not valid, and `KeysUnavailable` if the keys cannot be fetched now.
        """
        jws = parse_jws(token)
        # `crit` lists extensions that must be understood, and none is supported (RFC 7515 section 4.1.11). `b64`
        # changes the signed bytes (RFC 7797); it must be listed in `crit`, but is rejected in any case.
        if "crit" in jws.header or "b64" in jws.header:
            raise InvalidToken("the token uses an extension that is not supported (crit)")
        if not self._is_signed(token, jws):
            raise InvalidToken("the token's signature is not valid")
        return validate_claims(json_object(jws.payload), self._settings, self._clock())

    def _is_signed(self, token: str, jws: CompactJws) -> bool:
        match jws.header.get("alg"):
            case "HS256" if (secret := self._hmac_secret()) is not None:
                return _has_hmac(jws, secret)
            case ("RS256" | "ES256") as algorithm if self._keys is not None:
                return _has_public_signature(token, _key_for(jws, algorithm, self._keys), algorithm)
            case algorithm:
                reason = "the token is signed with an algorithm that is not accepted"
                raise InvalidToken(reason, f"alg: {shown(algorithm)} needs {_key_setting(algorithm)}")

    def _hmac_secret(self) -> bytes | None:
        """Return the secret: that of the parameter is read again when it is `max_age` old, as keys are."""
        name = self._settings.secret_parameter
        if name is None or self._read_secret is None or self._clock() - self._read_at < self._settings.max_age:
            return self._secret
        usable_until = self._read_at + self._settings.max_age + self._settings.grace
        is_usable = self._secret is not None and self._clock() < usable_until
        if is_usable and self._clock() - self._attempted_at < MIN_REFRESH:
            return self._secret
        self._attempted_at = self._clock()
        try:
            self._secret = self._read_secret(name).encode("utf-8")
        except KeysUnavailable:
            if not is_usable:
                raise
        else:
            self._read_at = self._attempted_at
        return self._secret


def _has_hmac(jws: CompactJws, secret: bytes) -> bool:
    # PyJWT would load `cryptography` for this; the standard library is enough.
    return hmac.compare_digest(hmac.digest(secret, jws.signing_input, "sha256"), jws.signature)


def _has_public_signature(token: str, key: jwt.PyJWK, algorithm: str) -> bool:
    from chalicelib.identity.signatures import verify_signature

    return verify_signature(token, key, algorithm)


def _key_for(jws: CompactJws, algorithm: str, keys: KeySource) -> jwt.PyJWK:
    kid = jws.header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise InvalidToken("the token's key id (kid) must be a string")
    key = keys.find(kid, algorithm)
    if key is None:
        problem = "does not have exactly one key" if kid is None else f"lacks a key {shown(kid)}"
        diagnosis = f"kid: the key set {problem} for {algorithm}"
        raise InvalidToken("the token is signed with an unknown key", diagnosis)
    return key


def _key_setting(algorithm: object) -> str:
    """Return, for a diagnosis, the setting without which an algorithm is not accepted."""
    if algorithm == "HS256":
        return "CHAT_JWT_SECRET or CHAT_JWT_SECRET_PARAMETER"
    return "CHAT_JWKS_URL" if algorithm in ("RS256", "ES256") else "to be HS256, RS256 or ES256"
