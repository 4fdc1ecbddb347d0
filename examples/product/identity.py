"""The product as an identity provider: an RSA key, its key set, and the tokens that the chat accepts."""

from __future__ import annotations

import secrets
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "chat"
USER_TOKEN_SECONDS = 600
SERVICE_TOKEN_SECONDS = 300
SERVICE_SCOPE, SERVICE_CLIENT = "chat:service", "marketplace"
"""The values of CHAT_SERVICE_SCOPE and CHAT_SERVICE_CLIENTS in the settings of the chat."""


class Identity:
    """Signs tokens. A real product keeps the key in a vault and rotates it; this one makes one at each start.

    Each key has another id: under a known one, the chat would verify with the key that it has in memory.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._key_id = f"product-{secrets.token_hex(4)}"
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    def key_set(self) -> dict[str, Any]:
        """Return the public keys, which the chat fetches from CHAT_JWKS_URL (RFC 7517)."""
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}

    def user_token(self, user_id: str, name: str) -> str:
        """Return a token with which a user's browser talks to the chat."""
        return self._sign({"sub": user_id, "name": name}, USER_TOKEN_SECONDS)

    def service_token(self) -> str:
        """Return a token with which this backend calls the chat, as OAuth's client credentials would."""
        return self._sign(
            {"sub": SERVICE_CLIENT, "azp": SERVICE_CLIENT, "scope": SERVICE_SCOPE}, SERVICE_TOKEN_SECONDS
        )

    def _sign(self, claims: dict[str, Any], lifetime: int) -> str:
        now = int(time.time())
        standard = {"iss": self.issuer, "aud": AUDIENCE, "iat": now, "exp": now + lifetime}
        return jwt.encode({**standard, **claims}, self._key, "RS256", headers={"kid": self._key_id})
