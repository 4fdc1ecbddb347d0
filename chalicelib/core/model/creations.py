"""Creations of conversations that a client can repeat, by its idempotency key."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.core.kernel.ids import digest

CREATION_TTL = 24 * 3600
"""Seconds for which a repeat of a creation is recognised."""


class CreationKey(NamedTuple):
    """An idempotency key of a creation, with a digest of the request."""

    participant_id: str
    key: str
    """As the client sent it. Only a digest of it is stored."""
    fingerprint: str
    """A digest of the request: the key of another request is refused."""

    @property
    def hashed(self) -> str:
        """The digest by which the record is found below the participant."""
        return digest(self.key)


class CreationRecord(NamedTuple):
    """The conversation that was created with an idempotency key."""

    hashed_key: str
    fingerprint: str
    conversation_id: str
    created_at: int
    """Milliseconds since the epoch."""
    participant_count: int
    """At the creation."""
    expires_at: int
    """Epoch seconds."""
