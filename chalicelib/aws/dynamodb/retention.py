"""Retention, in the conversations table: which conversation is to be looked at when, and removing contents."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.aws.dynamodb import conversation_items as stored
from chalicelib.aws.dynamodb import erasure_items as items
from chalicelib.aws.dynamodb.table import Dynamo, Item, Operation, TransactionCancelled
from chalicelib.core.kernel import json_codec
from chalicelib.core.model import redaction
from chalicelib.core.model.events import StoredEvent, tombstone
from chalicelib.core.model.privacy import RetentionCheck, RetentionProgress
from chalicelib.core.ports.commits import WriteConflict

SCAN_BATCH = 100
WRITE_BATCH = 20
"""Messages, and edits of one of them, that are rewritten at once; see `erasure.py`."""


class DynamoRetention:
    """`core.data_ports.RetentionStore` on DynamoDB."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._dynamo = dynamo
        self._table = dynamo.table(table)

    def due_checks(self, now: int, limit: int) -> list[RetentionCheck]:
        """Visits that are due by now."""
        due = self._table.query(items.RETENTION, between=("0", f"{now:012d}#~"), limit=limit)
        return [items.check(item) for item in due]

    def progress(self, conversation_id: str) -> RetentionProgress:
        """How far it has got."""
        return items.progress(self._table.get(*items.progress_key(conversation_id)))

    def cancel(self, visit: RetentionCheck) -> None:
        """This one is not to be made."""
        self._table.delete(*items.check_key(visit))

    def reschedule(self, visit: RetentionCheck, due: int) -> None:
        """The next note in the place of this one, unless another has become the next meanwhile."""
        following = RetentionCheck(visit.conversation_id, due)
        condition = "attribute_not_exists(#due_at) OR #due_at = :was"
        moved = self._table.update_op(
            *items.progress_key(visit.conversation_id),
            "SET #due_at = :due_at",
            condition,
            due_at=due,
            was=visit.due_at,
        )
        done = self._table.delete_op(*items.check_key(visit))
        self._transact([moved, done, items.put_check_op(self._table, following)])

    def clear_contents(self, conversation_id: str, kept: RetentionProgress, up_to: int) -> int:
        """Remove the contents of a page of messages."""
        pk = stored.conversation_pk(conversation_id)
        between = (stored.event_sk(kept.cleared_up_to + 1), stored.event_sk(up_to))
        operations: list[Operation] = []
        cleared, reacted = kept.cleared_up_to, []
        for item in self._table.query(pk, between=between, limit=SCAN_BATCH):
            logged = stored.event(item)
            emptying = self._expire_op(pk, item, logged)
            if operations and len(operations) + len(emptying) > WRITE_BATCH:
                break
            operations += emptying
            cleared = logged.event["sequence_id"]
            if logged.state is not None and logged.state.reactions:
                reacted.append(cleared)
        else:
            cleared = max(cleared, min(kept.cleared_up_to + SCAN_BATCH, up_to))
        place = items.progress_key(conversation_id)
        condition = "attribute_not_exists(#cleared_up_to) OR #cleared_up_to = :was"
        moved = self._table.update_op(
            *place, "SET #cleared_up_to = :cleared", condition, cleared=cleared, was=kept.cleared_up_to
        )
        revision = [items.bump_revision_op(self._table, conversation_id)] if operations else []
        if not self._transact([*revision, *operations, moved]):
            return kept.cleared_up_to
        for sequence_id in reacted:
            items.delete_reactions(self._dynamo, self._table, pk, sequence_id)
        return cleared

    def _expire_op(self, pk: str, item: Item, logged: StoredEvent) -> list[Operation]:
        """A message without what it says, and its edits without what they said."""
        if logged.event["type"] != "message" or (left := redaction.expire(logged)) == logged:
            return []
        edits = () if logged.state is None else logged.state.edits
        change, condition = "SET #event = :event", "#event = :was"
        values: dict[str, str] = {}
        if "state" in item:
            change, condition = f"{change} REMOVE #state", f"{condition} AND #state = :state"
            values["state"] = item["state"]
        else:
            condition += " AND attribute_not_exists(#state)"
        event = json_codec.dumps(left.event)
        operations = [
            self._table.update_op(pk, item["sk"], change, condition, event=event, was=item["event"], **values)
        ]
        for sk in map(stored.event_sk, edits):
            edit = self._table.get(pk, sk)
            if edit is not None:
                without = json_codec.dumps(tombstone(stored.event(edit).event))
                operations.append(
                    self._table.update_op(
                        pk, sk, "SET #event = :event", "#event = :was", event=without, was=edit["event"]
                    )
                )
        return operations

    def _transact(self, operations: Sequence[Operation]) -> bool:
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            return False
        return True
