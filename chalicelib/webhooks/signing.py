"""Signatures of webhooks (Standard Webhooks 1.0, "Signature scheme")."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from chalicelib.core.model.publishing import Secret

PREFIX = "whsec_"
"""The prefix of secrets as text."""
KEY_BYTES = 32
_MIN_KEY_BYTES, _MAX_KEY_BYTES = 24, 64


def new_key() -> bytes:
    """Return a new random key."""
    return secrets.token_bytes(KEY_BYTES)


def secret_text(key: bytes) -> str:
    """Return a key as receivers configure it."""
    return PREFIX + base64.b64encode(key).decode()


def parse_secret(text: str) -> bytes:
    """Return the key of a secret. Raises ValueError, without the secret."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret must begin with {PREFIX}")
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError("a secret must be base64") from None
    if not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        raise ValueError(f"a secret must have {_MIN_KEY_BYTES} to {_MAX_KEY_BYTES} bytes")
    return key


def valid_keys(found: Sequence[Secret], now: float) -> list[bytes]:
    """Return the keys that sign at `now` (epoch seconds), in their order."""
    return [secret.key for secret in found if not secret.expires_at or now < secret.expires_at]


def signature_headers(webhook_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> Mapping[str, str]:
    """Return the header fields of an attempt, with a signature by each key."""
    signed = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
