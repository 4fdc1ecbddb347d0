"""The items about bans, invites and the audit, and back. Their keys stand in `conversation_items.py`."""

from __future__ import annotations

import hashlib
import secrets

from chalicelib.aws.dynamodb.conversation_items import conversation_pk
from chalicelib.aws.dynamodb.table import Item
from chalicelib.core.model.moderation import AuditEntry, AuditRecord, Ban, Invite


def ban_sk(participant_id: str) -> str:
    """Where a ban lies. The id stands hashed: a ban holds on when the rest of it has been erased."""
    return f"B#{hashlib.sha256(participant_id.encode()).hexdigest()}"


def ban_item(ban: Ban) -> Item:
    """A ban."""
    return {
        "pk": conversation_pk(ban.conversation_id),
        "sk": ban_sk(ban.participant_id),
        "conversation_id": ban.conversation_id,
        "participant_id": ban.participant_id,
        "name": ban.name,
        "banned_by": ban.banned_by,
        "banned_at": ban.banned_at,
    }


def ban(item: Item) -> Ban:
    """A ban."""
    return Ban(
        item["conversation_id"],
        item["participant_id"],
        item.get("name"),
        item["banned_by"],
        item["banned_at"],
    )


def invite_sk(invite_id: str) -> str:
    """Where an invite lies."""
    return f"I#{invite_id}"


def invite_item(invite: Invite) -> Item:
    """An invite."""
    return {
        "pk": conversation_pk(invite.conversation_id),
        "sk": invite_sk(invite.invite_id),
        "conversation_id": invite.conversation_id,
        "invite_id": invite.invite_id,
        "created_by": invite.created_by,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
        "max_uses": invite.max_uses,
        "uses": invite.uses,
    }


def invite(item: Item) -> Invite:
    """An invite."""
    return Invite(
        item["conversation_id"],
        item["invite_id"],
        item["created_by"],
        item["created_at"],
        item["expires_at"],
        item.get("max_uses"),
        item["uses"],
    )


def audit_sk_after(after: int | str) -> str:
    """The lowest key beyond a sequence id or a position: whatever follows one of its number is below its `~`."""
    return f"A#{after:016d}#~" if isinstance(after, int) else f"A#{after} "


def position_in_commit(number: int) -> str:
    """The place of the entries of one commit among those at the same sequence id: they come first."""
    return f"{number:02d}"


def position_outside_commits(now: int) -> str:
    """The place of an entry about what is no event: by time, and never the same twice."""
    return f"at{now:015d}{secrets.token_hex(4)}"


def audit_item(conversation_id: str, sequence_id: int, place: str, created_at: int, entry: AuditEntry) -> Item:
    """An entry of the audit."""
    return {
        "pk": conversation_pk(conversation_id),
        "sk": f"A#{sequence_id:016d}#{place}",
        "sequence_id": sequence_id,
        "created_at": created_at,
        "action": entry.action,
        "actor_id": entry.actor_id,
        "participant_id": entry.participant_id,
        "target": entry.target,
        "role": entry.role,
        "muted_until": entry.muted_until,
        "invite_id": entry.invite_id,
    }


def audit_record(item: Item) -> AuditRecord:
    """An entry of the audit."""
    entry = AuditEntry(
        item["action"],
        item["actor_id"],
        item.get("participant_id"),
        item.get("target"),
        item.get("role"),
        item.get("muted_until"),
        item.get("invite_id"),
    )
    return AuditRecord(entry, item["sequence_id"], item["created_at"], item["sk"].removeprefix("A#"))
