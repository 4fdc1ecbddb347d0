"""Bans, invites and the audit log of a conversation."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.moderation import AuditEntry, AuditRecord, Ban, Invite


class ModerationStore(Protocol):
    """Bans, invites and audit logs. Every read is strongly consistent. Bans are created and removed by commits."""

    def ban(self, conversation_id: str, participant_id: str) -> Ban | None:
        """Return the ban of a participant."""
        ...

    def bans(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Ban], str | None]:
        """Return a page of up to `limit` bans, in no meaningful order, and the key for `after` of the next one."""
        ...

    def invite(self, conversation_id: str, invite_id: str) -> Invite | None:
        """Return an invite that has not expired; it may be used up."""
        ...

    def has_used_invite(self, conversation_id: str, invite_id: str, participant_id: str) -> bool:
        """Return whether the participant has joined with this invite before."""
        ...

    def invites(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Invite], str | None]:
        """Return a page of invites that have not expired, as `bans` does."""
        ...

    def save_invite(self, invite: Invite, by: Membership, head: Head, entry: AuditEntry) -> bool:
        """Save a new invite with its audit entry at this head; return False if `by` or the head is not as read.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def revoke_invite(self, invite: Invite, by: Membership, head: Head, entry: AuditEntry, now: int) -> bool:
        """Delete an invite, with an audit entry.

        Returns False if it does not exist, or `by` or the head is not as read.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def audit(self, head: Head, after: int | str, limit: int) -> list[AuditRecord]:
        """Return up to `limit` entries in ascending order, after a sequence id or after a position.

        They are those up to the head, and of its append all: a reader who continues after them has missed none.
        """
        ...
