"""The items of retention: checks and progress; with the operations that refer to them."""

from __future__ import annotations

from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import parse_due_sk, retention_check_key, retention_progress_key
from chalicelib.core.model.privacy import RetentionCheck, RetentionProgress


def check_from_item(item: Item) -> RetentionCheck:
    """Return a check."""
    due_at, conversation_id = parse_due_sk(item["sk"])
    return RetentionCheck(conversation_id, due_at)


def progress_from_item(item: Item | None) -> RetentionProgress:
    """Return the progress of a conversation; without an item, that of one that was never checked."""
    attributes = item or {}
    return RetentionProgress(attributes.get("due_at", 0), attributes.get("cleared_up_to", 0))


# ---- operations of transactions --------------------------------------------------------------------------


def put_check_op(table: Table, check: RetentionCheck) -> Operation:
    """Schedule a check."""
    pk, sk = retention_check_key(check)
    return table.put_op({"pk": pk, "sk": sk})


def set_next_check_op(table: Table, check: RetentionCheck) -> Operation:
    """Make a check the next one of its conversation: any other is void."""
    key = retention_progress_key(check.conversation_id)
    return table.update_op(*key, "SET #due_at = :due_at", due_at=check.due_at)
