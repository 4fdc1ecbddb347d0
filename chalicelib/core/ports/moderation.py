"""TODO chalicelib.core.ports.moderation."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.moderation import AuditEntry, AuditRecord, Ban, Invite


class ModerationStore(Protocol):
    """Bans, invites, and the audit of a conversation. Every read is consistent."""

    def ban(self, conversation_id: str, participant_id: str) -> Ban | None:
        """The ban of somebody."""
        ...

    def bans(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Ban], str | None]:
        """Up to `limit` bans, in no meaningful order; where the next page begins, None if there is none.

        `after`: what an earlier page gave for the next one.
        """
        ...

    def invite(self, conversation_id: str, invite_id: str) -> Invite | None:
        """An invite that has not expired; it may be used up."""
        ...

    def invites(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Invite], str | None]:
        """Up to `limit` invites that have not expired, as `bans`."""
        ...

    def save_invite(self, invite: Invite, by: Membership, head: int, entry: AuditEntry) -> bool:
        """Keep a new invite, with its entry in the audit at this head. False: `by` is not what it was.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def revoke_invite(self, invite: Invite, by: Membership, head: int, entry: AuditEntry, now: int) -> bool:
        """Remove an invite, with an entry in the audit. False: it is not there, or `by` is not what it was.

        Raises:
            WriteConflict: nothing happened.
        """
        ...

    def audit(self, conversation_id: str, after: int | str, limit: int) -> list[AuditRecord]:
        """Up to `limit` entries in rising order: after a sequence id, or after a position."""
        ...
