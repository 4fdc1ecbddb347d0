"""Signatures of webhooks (Standard Webhooks 1.0, "Signature scheme")."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from chalicelib.core.model.publishing import Secret


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
