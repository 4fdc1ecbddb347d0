"""The steps of an append for moderation: bans, the use of an invite, and the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.append_steps import Precondition, Step
from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.keys import ban_key, invite_key, past_membership_key
from chalicelib.aws.dynamodb.membership_items import footprint_to_item
from chalicelib.aws.dynamodb.moderation_items import (
    audit_entry_to_item,
    ban_to_item,
    invite_use_to_item,
    position_in_commit,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.ports.commits import Commit

if TYPE_CHECKING:
    from chalicelib.core.model.moderation import Invite


def moderation_steps(table: Table, commit: Commit) -> Iterator[Step]:
    """Return the steps for bans, the use of an invite, and audit entries. All but the invite change only here."""
    conversation_id = commit.new.conversation_id
    leaving = {member.participant_id for member in commit.leaving}
    for ban in commit.banning:
        yield Step(table.put_op(ban_to_item(ban)))
        if ban.participant_id not in leaving:
            # An erasure finds mentions of a participant who never was a member only by these two items.
            key = past_membership_key(conversation_id, ban.participant_id)
            yield Step(table.update_op(*key, "SET #banned_at = :at", at=ban.banned_at))
            yield Step(table.put_op(footprint_to_item(conversation_id, ban.participant_id)))
    for ban in commit.unbanning:
        yield Step(table.delete_op(*ban_key(conversation_id, ban.participant_id)))
    if commit.invite is not None:
        yield Step(_use_invite_op(table, commit.invite, commit.new.updated_at), Precondition.INVITE)
        for member in commit.joining:
            yield Step(table.put_op(invite_use_to_item(commit.invite, member.participant_id)))
    for number, entry in enumerate(commit.audit):
        sequence_id = entry.sequence_id or commit.new.sequence_id
        item = audit_entry_to_item(
            conversation_id, sequence_id, position_in_commit(number), commit.new.updated_at, entry
        )
        yield Step(table.put_op(item))


def _use_invite_op(table: Table, invite: Invite, now: int) -> Operation:
    """Count one use of an invite, if at `now` (ms) it has neither expired nor been used up."""
    condition = "attribute_exists(#pk) AND #expires_at > :now"
    values: dict[str, Any] = {"now": now // 1000}
    if invite.max_uses is not None:
        condition += " AND #uses < :max_uses"
        values["max_uses"] = invite.max_uses
    key = invite_key(invite.conversation_id, invite.invite_id)
    return table.update_op(*key, "SET #uses = #uses + :one", condition, one=1, **values)
