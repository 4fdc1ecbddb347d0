"""JWK sets (RFC 7517 section 5), and the keys in them that can verify tokens.

These are public RSA keys of at least 2,048 bits (RS256) and public keys on the curve P-256 (ES256), unless `use`,
`key_ops` or `alg` names another purpose. All others are ignored: providers publish keys for encryption and of
newer types in the same set. Symmetric keys, and keys with their private part, are ignored too, because anyone can
sign with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import jwt

_ALGORITHM_OF = {"RSA": "RS256", "EC": "ES256"}
_PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))  # RFC 7518 sections 6.2.2 to 6.4
_MIN_RSA_BITS = 2048  # RFC 7518 section 3.3


class KeySet:
    """The usable keys of a set."""

    def __init__(self, keys: Iterable[jwt.PyJWK]) -> None:
        self._keys = tuple(keys)

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the key with this id for this algorithm; without an id, the only key for the algorithm.

        Keys of different types can have the same id (RFC 7517 section 4.5). If several of one type have it, the
        id is ambiguous, and None is returned.
        """
        matching = [
            key for key in self._keys if key.algorithm_name == algorithm and (kid is None or key.key_id == kid)
        ]
        return matching[0] if len(matching) == 1 else None


def parse_key_set(document: bytes) -> KeySet:
    """Return the usable keys of a JWK set, possibly none. Raises `ValueError` if it is not a JWK set."""
    try:
        members = json.loads(document)
    except RecursionError:
        raise ValueError("the key set is nested too deeply") from None
    keys = members.get("keys") if isinstance(members, dict) else None
    if not isinstance(keys, list):
        raise ValueError('the key set must be a JSON object with a list "keys"')
    usable = (_usable(jwk) for jwk in keys if isinstance(jwk, dict))
    return KeySet(key for key in usable if key is not None)


def _usable(jwk: dict[str, object]) -> jwt.PyJWK | None:
    algorithm = _ALGORITHM_OF.get(str(jwk.get("kty")))
    if algorithm is None or not _is_for_verifying(jwk, algorithm) or not _PRIVATE_MEMBERS.isdisjoint(jwk):
        return None
    try:
        key = jwt.PyJWK(jwk, algorithm)
    except jwt.PyJWTError:
        return None
    if algorithm == "RS256":
        return key if key.key.key_size >= _MIN_RSA_BITS else None
    return key if jwk.get("crv") == "P-256" else None


def _is_for_verifying(jwk: dict[str, object], algorithm: str) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )
