"""TODO chalicelib.core.model.moderation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chalicelib.core.model.actors import Role


@dataclass(frozen=True, slots=True)
class Ban:
    """Somebody who must not come in again."""

    conversation_id: str
    participant_id: str
    name: str | None
    """As it was when they were in; None if they were not."""
    banned_by: str
    banned_at: int


@dataclass(frozen=True, slots=True)
class Invite:
    """A right to join for whoever has its secret, which is not kept: `invite_id` is a digest of it."""

    conversation_id: str
    invite_id: str
    created_by: str
    created_at: int
    expires_at: int
    """Epoch seconds."""
    max_uses: int | None
    """None: as often as anybody likes."""
    uses: int


AuditAction = Literal[
    "removed",
    "banned",
    "unbanned",
    "muted",
    "unmuted",
    "role_changed",
    "message_deleted",
    "conversation_updated",
    "invite_created",
    "invite_revoked",
    "invite_used",
]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """That somebody used a right of theirs, and on whom or what: by ids alone, never a text, never a secret."""

    action: AuditAction
    actor_id: str
    """A participant id."""
    participant_id: str | None = None
    """The id of whom it concerns."""
    target: int | None = None
    """The sequence id of the message it concerns."""
    role: Role | None = None
    muted_until: int | None = None
    invite_id: str | None = None
    sequence_id: int = 0
    """The sequence id of the event that says when it was; 0: the last one of its commit."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as it is kept."""

    entry: AuditEntry
    sequence_id: int
    """Of the event that it belongs to; of an act that is no event, the head of that moment."""
    created_at: int
    position: str
    """Where it stands among all entries."""
