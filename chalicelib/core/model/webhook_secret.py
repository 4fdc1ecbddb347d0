"""Secrets of webhooks, as Standard Webhooks writes them."""

from __future__ import annotations

import base64
import secrets

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
