"""Verification of bearer tokens: from a text that anybody may send to an identity that can be relied on.

The configuration decides which algorithms there are, and the algorithm decides where its key comes from:
HS256 only ever sees the secret, RS256 and ES256 only ever see public keys of their own type. A token can
therefore not have its signature checked with a key that was meant for something else (RFC 8725
sections 2.1 and 3.1). Keys, addresses of keys and certificates inside a token's header are not looked at.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from chalicelib.identity.claims import validate_claims
from chalicelib.identity.errors import InvalidToken, KeysUnavailable
from chalicelib.identity.jws import CompactJws, json_object, parse_jws
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings

if TYPE_CHECKING:
    import jwt

__all__ = ["InvalidToken", "KeySource", "KeysUnavailable", "TokenVerifier"]


class KeySource(Protocol):
    """Where public signing keys come from."""

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of this id for RS256 or ES256; without an id, the only key there is for the algorithm.

        None if there is no such key; `KeysUnavailable` if that cannot be said at the moment.
        """


class TokenVerifier:
    """Verifies tokens by the secret, by public keys, or by both.

    Thread-safe. `clock` gives epoch seconds; `read_secret` the value of the parameter that holds the secret, or
    raises `KeysUnavailable`. Raises `ValueError` where the settings name a source that is not handed in.
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
            raise ValueError("the settings name a JWKS URL: a key source is needed for it")
        if read_secret is None and settings.secret_parameter is not None:
            raise ValueError("the settings name a parameter for the secret: a way to read it is needed")
        self._settings = settings
        self._secret = None if settings.secret is None else settings.secret.encode("utf-8")
        self._read_secret = read_secret
        self._keys = keys
        self._clock = clock

    def verify(self, token: str) -> Identity:
        """The identity that the token proves.

        Raises `InvalidToken` where it proves none, and `KeysUnavailable` where the keys to judge it by
        cannot be had at the moment.
        """
        jws = parse_jws(token)
        # `crit` lists extensions that must be understood, and we have none (RFC 7515 section 4.1.11). `b64`
        # changes what is signed (RFC 7797); it must be listed there and is refused even if it is not.
        if "crit" in jws.header or "b64" in jws.header:
            raise InvalidToken("the token uses an extension that is not supported (crit)")
        if not self._is_signed(token, jws):
            raise InvalidToken("the token's signature does not hold")
        return validate_claims(json_object(jws.payload), self._settings, self._clock())

    def _is_signed(self, token: str, jws: CompactJws) -> bool:
        match jws.header.get("alg"):
            case "HS256" if (secret := self._hmac_secret()) is not None:
                return _has_hmac(jws, secret)
            case ("RS256" | "ES256") as algorithm if self._keys is not None:
                return _has_public_signature(token, _key_for(jws, algorithm, self._keys), algorithm)
            case _:
                raise InvalidToken("the token is signed by an algorithm that is not accepted here")

    def _hmac_secret(self) -> bytes | None:
        """The secret, read when a token first needs it and kept; a failure is not kept."""
        name = self._settings.secret_parameter
        if self._secret is None and name is not None and self._read_secret is not None:
            self._secret = self._read_secret(name).encode("utf-8")
        return self._secret


def _has_hmac(jws: CompactJws, secret: bytes) -> bool:
    # HMAC is in the standard library; PyJWT would load the whole of `cryptography` for these two calls.
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
        raise InvalidToken("the token is signed with an unknown key")
    return key
