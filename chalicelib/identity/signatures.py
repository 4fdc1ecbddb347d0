"""Signatures by public keys, checked by PyJWT. Imported at the first token that needs it, for it is slow.

What PyJWT does here: it takes the token apart once more, checks that the algorithm is the one asked for
*and* the one that the key was made for, that an RSA key has 2,048 bits or more, that an EC key is on the
curve of the algorithm, and the signature. What it does not do is ours: see `tokens` and `claims`.
"""

from __future__ import annotations

import jwt

_JWS = jwt.PyJWS(
    algorithms=["RS256", "ES256"],
    options={"verify_signature": True, "enforce_minimum_key_length": True},
)


def verify_signature(token: str, key: jwt.PyJWK, algorithm: str) -> bool:
    """Whether this key made the token's signature by this algorithm."""
    try:
        _JWS.decode(token, key=key, algorithms=[algorithm])
    except jwt.PyJWTError:
        return False
    return True
