"""Bans, invites and audit logs on DynamoDB. Appends write to them by `append_moderation.py`."""

from __future__ import annotations

import functools
from typing import Any

from chalicelib.aws.dynamodb.append_steps import require_member_op
from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.keys import (
    BAN_PREFIX,
    INVITE_PREFIX,
    audit_sk,
    audit_sk_after,
    ban_key,
    conversation_pk,
    head_key,
    invite_key,
    invite_use_key,
    sk_up_to,
)
from chalicelib.aws.dynamodb.moderation_items import (
    audit_entry_to_item,
    audit_record_from_item,
    ban_from_item,
    invite_from_item,
    invite_to_item,
    newest_positions,
    position_outside_commits,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.moderation import AuditEntry, AuditRecord, Ban, Invite


class DynamoModeration:
    """The `ModerationStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._gather = gather

    def ban(self, conversation_id: str, participant_id: str) -> Ban | None:
        """Return the ban of a participant."""
        item = self._table.get(*ban_key(conversation_id, participant_id))
        return None if item is None else ban_from_item(item)

    def bans(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Ban], str | None]:
        """Return a page of the bans."""
        items, next_after = self._table.page(conversation_pk(conversation_id), BAN_PREFIX, after, limit)
        return [ban_from_item(item) for item in items], next_after

    def invite(self, conversation_id: str, invite_id: str) -> Invite | None:
        """Return an invite that has not expired."""
        item = self._table.get(*invite_key(conversation_id, invite_id))
        return None if item is None else invite_from_item(item)

    def has_used_invite(self, conversation_id: str, invite_id: str, participant_id: str) -> bool:
        """Return whether the participant has joined with this invite before."""
        return self._table.get(*invite_use_key(conversation_id, invite_id, participant_id)) is not None

    def invites(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Invite], str | None]:
        """Return a page of the invites, without those that have expired."""
        items, next_after = self._table.page(conversation_pk(conversation_id), INVITE_PREFIX, after, limit)
        return [invite_from_item(item) for item in items], next_after

    def save_invite(self, invite: Invite, by: Membership, head: Head, entry: AuditEntry) -> bool:
        """Save a new invite; return False if `by` or the head is not as read."""
        put = self._table.put_op(invite_to_item(invite), "attribute_not_exists(#pk)")
        return self._dynamo.try_transact([put, *self._audited_ops(by, head, invite.created_at, entry)])

    def revoke_invite(self, invite: Invite, by: Membership, head: Head, entry: AuditEntry, now: int) -> bool:
        """Delete an invite; return False if it does not exist, or `by` or the head is not as read."""
        key = invite_key(invite.conversation_id, invite.invite_id)
        delete = self._table.delete_op(*key, "attribute_exists(#pk)")
        return self._dynamo.try_transact([delete, *self._audited_ops(by, head, now, entry)])

    def _audited_ops(self, by: Membership, head: Head, now: int, entry: AuditEntry) -> list[Operation]:
        """Require that the acting member still has the role, and write the audit entry after all that are there.

        As the head must be as read, no append and no other entry is before it that a reader may have seen without
        it. Clocks differ, so its time is later than that of the entry before, whatever the clock says.
        """
        at = max(now, head.audited_at + 1)
        position = position_outside_commits(at)
        item = audit_entry_to_item(head.conversation_id, head.sequence_id, position, at, entry)
        is_first = "attribute_not_exists(#audited_at)"
        values: dict[str, Any] = {} if not head.audited_at else {"was": head.audited_at}
        note = self._table.update_op(
            *head_key(head.conversation_id),
            "SET #audited_at = :at",
            f"#sequence_id = :head AND #state = :live AND {'#audited_at = :was' if values else is_first}",
            at=at,
            head=head.sequence_id,
            live=ConversationState.LIVE.value,
            **values,
        )
        guards = [] if by.is_service else [require_member_op(self._table, by, role=True)]
        return [*guards, note, self._table.put_op(item)]

    def audit(self, head: Head, after: int | str, limit: int) -> list[AuditRecord]:
        """Return audit entries in ascending order.

        A query is only read-committed with respect to transactions: it can miss entries of the newest append.
        GetItem, which is serializable, reads those, in one more round trip at the end of the log. The entry of an
        invite needs no such read: none is after it before its transaction has ended.
        """
        pk, newest = conversation_pk(head.conversation_id), head.sequence_id
        low, high = audit_sk_after(after), sk_up_to(audit_sk(newest, ""))
        if low > high:
            return []
        items = {item["sk"]: item for item in self._table.query(pk, between=(low, high), limit=limit)}
        last = high if len(items) < limit else max(items)
        missing = [sk for sk in newest_positions(newest) if sk not in items and low <= sk < last]
        found = self._gather(*(functools.partial(self._table.get, pk, sk) for sk in missing)) if missing else []
        items |= {item["sk"]: item for item in found if item is not None}
        return [audit_record_from_item(items[sk]) for sk in sorted(items)[:limit]]
