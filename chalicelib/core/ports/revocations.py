"""Revoked tokens, suspended participants, and registered agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.core.model.actors import TokenRules


class RevocationStore(Protocol):
    """The rules about the tokens of participants, by a digest of the id. Every read is strongly consistent."""

    def rules(self, participant_id: str) -> TokenRules:
        """Return the rules about the tokens of a participant."""
        ...

    def rules_of(self, participant_ids: Sequence[str]) -> dict[str, TokenRules]:
        """Return the rules about each of these participants, with as many requests whatever they are."""
        ...

    def revoke(self, participant_id: str, revoked_at: int, expires_at: int) -> None:
        """Refuse the tokens that were issued before `revoked_at` (ms), until `expires_at` (epoch seconds).

        A suspension and the registration as an agent are kept.
        """
        ...


class SuspensionStore(Protocol):
    """Suspensions and registrations: the rules that a service sets, and that last until it removes them.

    All of them raise WriteConflict if nothing was written.
    """

    def suspend(self, participant_id: str, suspended_at: int) -> bool:
        """Suspend a participant, who can begin no membership from then on. False: they are suspended."""
        ...

    def lift_suspension(self, participant_id: str, expires_at: int) -> bool:
        """End a suspension; return False if there is none. A revocation is kept until `expires_at`."""
        ...

    def register_agent(self, participant_id: str) -> bool:
        """Register a participant as an agent; return False if they are one."""
        ...

    def unregister_agent(self, participant_id: str, expires_at: int) -> bool:
        """End a registration; return False if there is none. A revocation is kept until `expires_at`."""
        ...
