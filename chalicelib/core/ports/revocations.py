"""Revoked tokens."""

from __future__ import annotations

from typing import Protocol


class RevocationStore(Protocol):
    """Since when the tokens of a participant count, by a digest of the id. Every read is strongly consistent."""

    def revoked_at(self, participant_id: str) -> int:
        """Return the time (ms) before which issued tokens are refused; 0 if there is none."""
        ...

    def revoke(self, participant_id: str, revoked_at: int, expires_at: int) -> None:
        """Refuse the tokens that were issued before `revoked_at` (ms), until `expires_at` (epoch seconds)."""
        ...
