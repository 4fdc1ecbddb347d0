"""A published set of keys (RFC 7517 section 5): what of it may verify a token, and how a key is found in it.

Only public RSA keys of 2,048 bits or more (for RS256) and public keys on the curve P-256 (for ES256) are
taken, and only where neither `use`, `key_ops` nor `alg` says that they are for something else. All others
are ignored: providers publish keys for encryption and of newer kinds in the same set. A key whose private
part is in the set is ignored too, since everybody can sign with it, and so is a symmetric one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import jwt

_ALGORITHM_OF = {"RSA": "RS256", "EC": "ES256"}
_PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))  # RFC 7518 sections 6.2.2 to 6.4
_MIN_RSA_BITS = 2048  # RFC 7518 section 3.3


class KeySet:
    """The usable keys of one set."""

    def __init__(self, keys: Iterable[jwt.PyJWK]) -> None:
        self._keys = tuple(keys)

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of this id made for this algorithm; without an id, the only one made for the algorithm.

        The same id may stand for keys of different types (RFC 7517 section 4.5). Where it stands for
        several of one type, nobody can say which is meant, and none is found.
        """
        fitting = [
            key for key in self._keys if key.algorithm_name == algorithm and (kid is None or key.key_id == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None


def parse_key_set(document: bytes) -> KeySet:
    """The usable keys of a JWK set; there may be none. Raises `ValueError` where it is no JWK set."""
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
