"""Serializers of endpoints; see `serializers.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.model import publishing

if TYPE_CHECKING:
    from chalicelib.core.protocol.endpoint_objects import Endpoint, Lagging


def endpoint(found: publishing.Endpoint) -> Endpoint:
    """Return an endpoint, as services see it."""
    shown: Endpoint = {
        "endpoint_id": found.endpoint_id,
        "kind": found.kind,
        "url": found.url,
        "types": sorted(found.types),
        "thin": found.is_thin,
        "notify": found.notify,
        "start": found.start,
        "description": found.description,
        "configured": found.is_configured,
        "created_at": rfc3339(found.created_at),
        "enabled": found.is_enabled,
        "failures": found.failures,
    }
    if not found.is_enabled:
        shown["disabled_at"] = rfc3339(found.disabled_at)
        shown["disabled_reason"] = found.disabled_reason
    if found.failing_since:
        shown["failing_since"] = rfc3339(found.failing_since)
        shown["next_probe_at"] = rfc3339(found.probe_at)
    if expiring := [secret.expires_at for secret in found.secrets if secret.expires_at]:
        shown["previous_secret_expires_at"] = rfc3339(1000 * max(expiring))
    return shown


def lagging(cursor: publishing.Cursor) -> Lagging:
    """Return a conversation that lags behind."""
    shown: Lagging = {
        "conversation_id": cursor.conversation_id,
        "acknowledged_up_to": cursor.position,
        "failures": cursor.failures,
    }
    if cursor.parked_at:
        shown["parked_at"] = rfc3339(cursor.parked_at)
    elif cursor.retry_at:
        shown["next_attempt_at"] = rfc3339(cursor.retry_at)
    return shown
