"""Bans, invites, and the audit log."""

from __future__ import annotations

from typing import Literal, NamedTuple

from chalicelib.core.model.actors import Role


class Ban(NamedTuple):
    """A person who must not join again."""

    conversation_id: str
    participant_id: str
    name: str | None
    """The name as a participant; None if they were not one."""
    banned_by: str
    banned_at: int


class Invite(NamedTuple):
    """Lets anyone join who has its secret. Only a digest of the secret is stored, `invite_id`."""

    conversation_id: str
    invite_id: str
    created_by: str
    created_at: int
    expires_at: int
    """Epoch seconds."""
    max_uses: int | None
    """How many participants may join with it; None: unlimited."""
    uses: int
    created_at_head: int = 0
    """The sequence id of the head that was read before it was created: a participant who was removed later, or at
    the same time, cannot use it."""


AuditAction = Literal[
    "removed",
    "banned",
    "unbanned",
    "muted",
    "unmuted",
    "role_changed",
    "message_deleted",
    "reaction_removed",
    "conversation_updated",
    "invite_created",
    "invite_revoked",
    "invite_used",
]


class AuditEntry(NamedTuple):
    """An action of a participant with a role. It holds ids only, never content or secrets."""

    action: AuditAction
    actor_id: str
    """A participant id."""
    participant_id: str | None = None
    """The id of the participant concerned."""
    target: int | None = None
    """The sequence id of the message concerned."""
    role: Role | None = None
    muted_until: int | None = None
    invite_id: str | None = None
    sequence_id: int = 0
    """The sequence id of the event of the action; 0: the last event of the commit."""
    service: str | None = None
    """The client id of the service that took the action for the participant."""


class AuditRecord(NamedTuple):
    """An entry of the audit log in the store."""

    entry: AuditEntry
    sequence_id: int
    """The sequence id of the action's event. Without an event: the head when the action was taken."""
    created_at: int
    position: str
    """The sort key among all entries."""
