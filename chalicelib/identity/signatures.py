"""Verification of public-key signatures with PyJWT. It is imported when a token needs it, because it loads slowly.

PyJWT parses the token again, and checks the signature, that the algorithm is both the requested one and the key's,
that an RSA key has at least 2,048 bits, and that an EC key is on the algorithm's curve. The other checks are in
`tokens` and `claims`.
"""

from __future__ import annotations

import jwt

_JWS = jwt.PyJWS(
    algorithms=["RS256", "ES256"],
    options={"verify_signature": True, "enforce_minimum_key_length": True},
)


def verify_signature(token: str, key: jwt.PyJWK, algorithm: str) -> bool:
    """Return whether the token has a valid signature of this key and algorithm."""
    try:
        _JWS.decode(token, key=key, algorithms=[algorithm])
    except jwt.PyJWTError:
        return False
    return True
