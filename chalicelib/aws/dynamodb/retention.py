"""Retention on DynamoDB: when each conversation is checked, and the removal of contents.

The law of `erasure.py` holds here, too: a page of messages loses its contents in one transaction with the progress
that this makes, each message on the condition that it is as read, and the head's revision is increased.
"""

from __future__ import annotations

from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.erasure_items import bump_revision_op
from chalicelib.aws.dynamodb.event_log import delete_all_reactions
from chalicelib.aws.dynamodb.keys import conversation_pk, event_key, event_sk
from chalicelib.aws.dynamodb.log_items import event_from_item
from chalicelib.aws.dynamodb.redacting import replace_event_op
from chalicelib.aws.dynamodb.retention_items import check_from_item, progress_from_item, put_check_op
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import RETENTION_CHECKS, due_by, retention_check_key, retention_progress_key
from chalicelib.core.kernel import json_codec
from chalicelib.core.model import redaction
from chalicelib.core.model.events import StoredEvent, tombstone
from chalicelib.core.model.privacy import RetentionCheck, RetentionProgress

SCAN_BATCH = 100
"""How many events a page has."""
WRITE_BATCH = 20
"""How many messages, with the edits of one of them, a transaction rewrites; see `erasure.py`."""


class DynamoRetention:
    """The `RetentionStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)

    def due_checks(self, now: int, limit: int) -> list[RetentionCheck]:
        """Return checks that are due by `now`, the longest due first."""
        items = self._table.query(RETENTION_CHECKS, between=due_by(now), limit=limit)
        return [check_from_item(item) for item in items]

    def progress(self, conversation_id: str) -> RetentionProgress:
        """Return when the next check is due, and up to where contents were removed."""
        return progress_from_item(self._table.get(*retention_progress_key(conversation_id)))

    def cancel(self, check: RetentionCheck) -> None:
        """Delete a check that is not to be run."""
        self._table.delete(*retention_check_key(check))

    def reschedule(self, check: RetentionCheck, due: int) -> None:
        """Replace a check that was run by the next one, unless another has become the next one."""
        next_check = RetentionCheck(check.conversation_id, due)
        move = self._table.update_op(
            *retention_progress_key(check.conversation_id),
            "SET #due_at = :due_at",
            "attribute_not_exists(#due_at) OR #due_at = :was",
            due_at=due,
            was=check.due_at,
        )
        delete = self._table.delete_op(*retention_check_key(check))
        self._dynamo.try_transact([move, delete, put_check_op(self._table, next_check)])

    def clear_contents(self, conversation_id: str, progress: RetentionProgress, up_to: int) -> int:
        """Remove the contents of a page of messages; return the sequence id that this reaches."""
        operations, targets, cleared = self._expire_ops(conversation_id, progress.cleared_up_to, up_to)
        move = self._table.update_op(
            *retention_progress_key(conversation_id),
            "SET #cleared_up_to = :cleared",
            "attribute_not_exists(#cleared_up_to) OR #cleared_up_to = :was",
            cleared=cleared,
            was=progress.cleared_up_to,
        )
        revision = [bump_revision_op(self._table, conversation_id)] if operations else []
        if not self._dynamo.try_transact([*revision, *operations, move]):
            return progress.cleared_up_to
        for target in targets:
            delete_all_reactions(self._table, conversation_id, target)
        return cleared

    def _expire_ops(
        self, conversation_id: str, cleared_up_to: int, up_to: int
    ) -> tuple[list[Operation], list[int], int]:
        """Return operations for as much of a page as fits, messages that lose reactions, and the last id."""
        between = (event_sk(cleared_up_to + 1), event_sk(up_to))
        operations: list[Operation] = []
        targets: list[int] = []
        cleared = cleared_up_to
        page = self._table.query(conversation_pk(conversation_id), between=between, limit=SCAN_BATCH)
        for item in page:
            stored = event_from_item(item)
            expire = self._expire_message_ops(conversation_id, item, stored)
            if operations and len(operations) + len(expire) > WRITE_BATCH:
                return operations, targets, cleared
            operations += expire
            cleared = stored.event["sequence_id"]
            if stored.state is not None and stored.state.reactions:
                targets.append(cleared)
        return operations, targets, max(cleared, min(cleared_up_to + SCAN_BATCH, up_to))

    def _expire_message_ops(self, conversation_id: str, item: Item, stored: StoredEvent) -> list[Operation]:
        """Return the operations that remove the content of a message, and of its edits."""
        if stored.event["type"] != "message" or (expired := redaction.expire(stored)) == stored:
            return []
        operations = [replace_event_op(self._table, item, expired)]
        for sequence_id in () if stored.state is None else stored.state.edits:
            key = event_key(conversation_id, sequence_id)
            edit = self._table.get(*key)
            if edit is not None:
                event = json_codec.dumps(tombstone(event_from_item(edit).event))
                operations.append(
                    self._table.update_op(
                        *key, "SET #event = :event", "#event = :was", event=event, was=edit["event"]
                    )
                )
        return operations
