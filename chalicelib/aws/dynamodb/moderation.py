"""Bans, invites and the audit, in the conversations table. What an append writes of them is in `append.py`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from chalicelib.aws.dynamodb import moderation_items as stored
from chalicelib.aws.dynamodb.append import require_member_op
from chalicelib.aws.dynamodb.conversation_items import conversation_pk
from chalicelib.aws.dynamodb.table import Dynamo, Item, Operation, TransactionCancelled
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.moderation import AuditEntry, AuditRecord, Ban, Invite
from chalicelib.core.ports.commits import WriteConflict


class DynamoModeration:
    """`core.ports.ModerationStore` on DynamoDB."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._dynamo = dynamo
        self._table = dynamo.table(table)

    def ban(self, conversation_id: str, participant_id: str) -> Ban | None:
        """The ban of somebody."""
        item = self._table.get(conversation_pk(conversation_id), stored.ban_sk(participant_id))
        return None if item is None else stored.ban(item)

    def bans(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Ban], str | None]:
        """A page of the bans."""
        items, following = self._page(conversation_id, "B#", after, limit)
        return [stored.ban(item) for item in items], following

    def invite(self, conversation_id: str, invite_id: str) -> Invite | None:
        """An invite that has not expired."""
        item = self._table.get(conversation_pk(conversation_id), stored.invite_sk(invite_id))
        return None if item is None else stored.invite(item)

    def invites(self, conversation_id: str, after: str | None, limit: int) -> tuple[list[Invite], str | None]:
        """A page of the invites."""
        items, following = self._page(conversation_id, "I#", after, limit)
        return [stored.invite(item) for item in items], following

    def _page(
        self, conversation_id: str, prefix: str, after: str | None, limit: int
    ) -> tuple[list[Item], str | None]:
        """Items by their keys, and the last one's key without the prefix if there are more."""
        # A blank behind a key is above it and below every other one; ~ is above all that begin like the prefix.
        between = (prefix if after is None else f"{prefix}{after} ", f"{prefix}~")
        # No limit to what is looked at: those that have expired are passed over, and are not the end.
        found = self._table.query(conversation_pk(conversation_id), between=between)
        items = list(itertools.islice(found, limit + 1))
        page = items[:limit]
        return page, page[-1]["sk"].removeprefix(prefix) if len(items) > limit else None

    def save_invite(self, invite: Invite, by: Membership, head: int, entry: AuditEntry) -> bool:
        """Keep a new invite, if its maker still may."""
        put = self._table.put_op(stored.invite_item(invite), "attribute_not_exists(#pk)")
        return self._transact([put, *self._actor_conditions(by, head, invite.created_at, entry)])

    def revoke_invite(self, invite: Invite, by: Membership, head: int, entry: AuditEntry, now: int) -> bool:
        """Remove an invite, if whoever does still may."""
        where = conversation_pk(invite.conversation_id), stored.invite_sk(invite.invite_id)
        delete = self._table.delete_op(*where, "attribute_exists(#pk)")
        return self._transact([delete, *self._actor_conditions(by, head, now, entry)])

    def _actor_conditions(self, by: Membership, head: int, now: int, entry: AuditEntry) -> list[Operation]:
        """That somebody still may, and that they did."""
        place = stored.position_outside_commits(now)
        item = stored.audit_item(by.conversation_id, head, place, now, entry)
        return [require_member_op(self._table, by, role=True), self._table.put_op(item)]

    def _transact(self, operations: Sequence[Operation]) -> bool:
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            return False
        return True

    def audit(self, conversation_id: str, after: int | str, limit: int) -> list[AuditRecord]:
        """Entries in rising order."""
        between = (stored.audit_sk_after(after), "A#~")
        items = self._table.query(conversation_pk(conversation_id), between=between, limit=limit)
        return [stored.audit_record(item) for item in items]
