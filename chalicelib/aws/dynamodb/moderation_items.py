"""The items of moderation: bans, invites and audit entries."""

from __future__ import annotations

from chalicelib.aws.dynamodb.keys import (
    AUDIT_PREFIX,
    audit_sk,
    ban_key,
    conversation_pk,
    invite_key,
    invite_use_key,
)
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.moderation import AuditEntry, AuditRecord, Ban, Invite


def ban_to_item(ban: Ban) -> Item:
    """Return the item of a ban."""
    pk, sk = ban_key(ban.conversation_id, ban.participant_id)
    return {
        "pk": pk,
        "sk": sk,
        "conversation_id": ban.conversation_id,
        "participant_id": ban.participant_id,
        "name": ban.name,
        "banned_by": ban.banned_by,
        "banned_at": ban.banned_at,
    }


def ban_from_item(item: Item) -> Ban:
    """Return a ban."""
    return Ban(
        item["conversation_id"],
        item["participant_id"],
        item.get("name"),
        item["banned_by"],
        item["banned_at"],
    )


def invite_to_item(invite: Invite) -> Item:
    """Return the item of an invite."""
    pk, sk = invite_key(invite.conversation_id, invite.invite_id)
    return {
        "pk": pk,
        "sk": sk,
        "conversation_id": invite.conversation_id,
        "invite_id": invite.invite_id,
        "created_by": invite.created_by,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
        "max_uses": invite.max_uses,
        "uses": invite.uses,
        "created_at_head": invite.created_at_head,
    }


def invite_from_item(item: Item) -> Invite:
    """Return an invite."""
    return Invite(
        item["conversation_id"],
        item["invite_id"],
        item["created_by"],
        item["created_at"],
        item["expires_at"],
        item.get("max_uses"),
        item["uses"],
        item["created_at_head"],
    )


def invite_use_to_item(invite: Invite, participant_id: str) -> Item:
    """Return the item of a participant's use of an invite, which expires with the invite."""
    pk, sk = invite_use_key(invite.conversation_id, invite.invite_id, participant_id)
    return {"pk": pk, "sk": sk, "expires_at": invite.expires_at}


def position_in_commit(number: int) -> str:
    """Return the position of a commit's entry among those at its sequence id: before all that are of no commit."""
    return f"{number:02d}"


def newest_positions(head: int) -> list[str]:
    """Return the sort keys that entries of the append which moved the head can have: it has two at most.

    The first one can be that of an event before the last, the succession of an owner.
    """
    first, second = position_in_commit(0), position_in_commit(1)
    return [audit_sk(head - 1, first), audit_sk(head, first), audit_sk(head, second)]


def position_outside_commits(audited_at: int) -> str:
    """Return the position of an entry of no commit, by its time (ms), which is later than that of the one before.

    Earlier versions appended eight random characters: they let two entries have the same time.
    """
    return f"at{audited_at:015d}"


def audit_entry_to_item(
    conversation_id: str, sequence_id: int, position: str, created_at: int, entry: AuditEntry
) -> Item:
    """Return the item of an audit entry."""
    return {
        "pk": conversation_pk(conversation_id),
        "sk": audit_sk(sequence_id, position),
        "sequence_id": sequence_id,
        "created_at": created_at,
        "action": entry.action,
        "actor_id": entry.actor_id,
        "participant_id": entry.participant_id,
        "target": entry.target,
        "role": entry.role,
        "muted_until": entry.muted_until,
        "invite_id": entry.invite_id,
        "service": entry.service,
    }


def audit_record_from_item(item: Item) -> AuditRecord:
    """Return an audit entry with its place in the audit log."""
    entry = AuditEntry(
        item["action"],
        item["actor_id"],
        item.get("participant_id"),
        item.get("target"),
        item.get("role"),
        item.get("muted_until"),
        item.get("invite_id"),
        service=item.get("service"),
    )
    return AuditRecord(entry, item["sequence_id"], item["created_at"], item["sk"].removeprefix(AUDIT_PREFIX))
