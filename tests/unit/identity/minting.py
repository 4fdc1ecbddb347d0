"""Tokens, honest and forged, and key sets for the tests. Nothing here is runtime code.

`jwt.encode` makes the honest ones; `forge` puts together whatever bytes an attacker likes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

SECRET = "a-development-secret-of-32-bytes-or-more"
NOW = 1_800_000_000
Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Keys:
    """A key of each type that the tests need, generated once a session."""

    rsa: RSAPrivateKey
    other_rsa: RSAPrivateKey
    weak_rsa: RSAPrivateKey
    p256: EllipticCurvePrivateKey
    p384: EllipticCurvePrivateKey


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; a change to None leaves the claim out."""
    found = {"sub": "alice", "name": "Alice", "exp": NOW + 3600} | changes
    return {claim: value for claim, value in found.items() if value is not None}


def hs256(payload: Claims, secret: str = SECRET, **header: Any) -> str:
    return jwt.encode(dict(payload), secret, algorithm="HS256", headers=header)


def rs256(payload: Claims, key: RSAPrivateKey, **header: Any) -> str:
    return jwt.encode(dict(payload), key, algorithm="RS256", headers=header)


def es256(payload: Claims, key: EllipticCurvePrivateKey, **header: Any) -> str:
    return jwt.encode(dict(payload), key, algorithm="ES256", headers=header)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest()


def forge(
    header: object,
    payload: object,
    sign: Callable[[bytes], bytes] = hmac_with(SECRET.encode()),  # noqa: B008 - a pure function
) -> str:
    """A compact token of any header and payload; bytes are taken as they are, the rest becomes JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def rsa_jwk(key: RSAPrivateKey, **members: Any) -> dict[str, Any]:
    """The public part of a key as a member of a JWK set; a member of None is left out."""
    return _members(RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), members)


def ec_jwk(key: EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    return _members(ECAlgorithm.to_jwk(key.public_key(), as_dict=True), members)


def private_rsa_jwk(key: RSAPrivateKey, **members: Any) -> dict[str, Any]:
    return _members(RSAAlgorithm.to_jwk(key, as_dict=True), members)


def jwk_set(*keys: object) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def _members(jwk: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**jwk, **members}.items() if value is not None}
