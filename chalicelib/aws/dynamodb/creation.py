"""Creating a conversation, in one transaction if it fits, or else in several.

In several, every item carries the same `expires_at`, and the head comes last but one step: as long as the head
expires, the conversation is provisional. `finalize` removes the expiry from all items, that of the head last. So
whatever a crash leaves expires as a whole, except for what `finalize` reached: for that, a purge is scheduled with
the head.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.aws.dynamodb.append_steps import put_purge_op, standing_error
from chalicelib.aws.dynamodb.consent_keys import DIRECT_PREFIX
from chalicelib.aws.dynamodb.conversation_items import details_to_item
from chalicelib.aws.dynamodb.dynamo import MAX_TRANSACTION, Dynamo, Operation
from chalicelib.aws.dynamodb.errors import TransactionCancelled
from chalicelib.aws.dynamodb.keys import (
    CREATION_PREFIX,
    PARTICIPANT_PREFIX,
    ROSTER_PREFIX,
    Key,
    conversation_pk,
    details_key,
    event_key,
    head_key,
    membership_key,
)
from chalicelib.aws.dynamodb.log_items import event_to_item, head_to_item
from chalicelib.aws.dynamodb.membership_items import membership_to_items
from chalicelib.aws.dynamodb.retention_items import put_check_op
from chalicelib.aws.dynamodb.standings import change_standing_op, count_own_op
from chalicelib.aws.dynamodb.table import Table, chunks
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import creation_key, purge_key
from chalicelib.core.model.privacy import RetentionCheck
from chalicelib.core.ports.commits import NewConversation, PreconditionFailed, Purge, WriteConflict

PROVISIONAL_TTL = 24 * 3600
"""Seconds until a creation expires that is not finalized, and from then until the rest of it is purged."""
_OPERATIONS_PER_PERSON = 3
"""Of a member as of a pending one: the standing, and two items."""


def create(dynamo: Dynamo, table: Table, new: NewConversation) -> bool:
    """Create a conversation; return whether that is complete. Raises WriteConflict, PreconditionFailed."""
    core = [event_to_item(new.event, 0, None), details_to_item(new.details), head_to_item(new.head)]
    beside = [
        put_check_op(table, RetentionCheck(new.head.conversation_id, new.retention_check_at)),
        put_in_index_op(table, new.head.conversation_id),
        *_unique_ops(dynamo, table, new),
    ]
    people = len(new.members) + len(new.pending)
    if _OPERATIONS_PER_PERSON * people + len(core) + len(beside) <= MAX_TRANSACTION:
        operations = [operation for person in _people_ops(table, new) for operation in person]
        _write(dynamo, [*operations, *(table.put_op(item) for item in core), *beside])
        return True
    expires_at = dynamo.now + PROVISIONAL_TTL
    expiry = {"expires_at": expires_at}
    for batch in chunks(_people_ops(table, new, expiry), MAX_TRANSACTION // _OPERATIONS_PER_PERSON):
        _write(dynamo, [operation for person in batch for operation in person])
    purge = put_purge_op(table, new.head.conversation_id, expires_at + PROVISIONAL_TTL)
    _write(dynamo, [*(table.put_op(item | expiry) for item in core), purge, *beside])
    return False


def put_in_index_op(table: Table, conversation_id: str) -> Operation:
    """Note a conversation in the index by creation. If it is never finalized, the purge deletes the item."""
    pk, sk = creation_key(conversation_id)
    return table.put_op({"pk": pk, "sk": sk})


def _people_ops(table: Table, new: NewConversation, expiry: Item | None = None) -> list[list[Operation]]:
    """Return the operations for each member and for each pending member; first for the creator, if a member."""
    people = [
        [
            change_standing_op(table, new.standings[member.participant_id], "added")
            if member.is_added
            else count_own_op(table, member, new.conversations_cap)
        ]
        for member in new.members
    ]
    for operations, member in zip(people, new.members, strict=True):
        operations += [table.put_op(item | (expiry or {})) for item in membership_to_items(member)]
    if not new.pending:
        return people
    from chalicelib.aws.dynamodb.pending_items import pending_to_items

    for entry, is_visible in new.pending:
        items = pending_to_items(entry, is_visible=is_visible)
        counter = change_standing_op(table, new.standings[entry.participant_id], "pending", by=int(is_visible))
        people.append([counter, *map(table.put_op, items)])
    return people


def _unique_ops(dynamo: Dynamo, table: Table, new: NewConversation) -> list[Operation]:
    """Return the operations by which there is one conversation for an idempotency key, or for a pair."""
    if new.pair is not None:
        from chalicelib.aws.dynamodb.directs import pair_ops

        return pair_ops(table, new.pair, new.head.conversation_id)
    if new.record is None:
        return []
    from chalicelib.aws.dynamodb.creation_records import put_record_op

    return [put_record_op(dynamo, table, new.details.created_by, new.record)]


def _write(dynamo: Dynamo, operations: Sequence[Operation]) -> None:
    """Write one transaction of a creation. Raises WriteConflict, PreconditionFailed."""
    try:
        dynamo.transact(operations)
    except TransactionCancelled as cancelled:
        if cancelled.is_conflict:
            raise WriteConflict from cancelled
        raise _precondition_failed(operations, cancelled) from cancelled


def _precondition_failed(operations: Sequence[Operation], cancelled: TransactionCancelled) -> PreconditionFailed:
    """Return the error for a repeat, or for a standing that is not as expected: first of all, the creator's."""
    if any(_is_unique(operation) and cancelled.failed(index) for index, operation in enumerate(operations)):
        return PreconditionFailed(is_repeat=True)
    # Of all standings, only that of the creator is returned.
    if "ReturnValuesOnConditionCheckFailure" not in operations[0].get("Update", {}) or not cancelled.failed(0):
        return PreconditionFailed()
    key = operations[0]["Update"]["Key"]["pk"]["S"]
    return standing_error(key.removeprefix(PARTICIPANT_PREFIX), cancelled.reasons[0][1])


def _is_unique(operation: Operation) -> bool:
    return "Put" in operation and operation["Put"]["Item"]["sk"]["S"].startswith((CREATION_PREFIX, DIRECT_PREFIX))


def finalize(dynamo: Dynamo, table: Table, conversation_id: str) -> None:
    """Complete a creation in several steps; no-op if it is complete. Raises WriteConflict.

    A failed condition means that another process has removed the expiry, or that the items have expired.
    """
    head = table.get(*head_key(conversation_id))
    if head is None or "expires_at" not in head:
        return
    roster = table.query(conversation_pk(conversation_id), prefix=ROSTER_PREFIX)
    keys: list[Key] = []
    for item in roster:
        if "expires_at" in item:
            keys += [membership_key(conversation_id, item["participant_id"]), (item["pk"], item["sk"])]
    for batch in chunks(keys, MAX_TRANSACTION):
        dynamo.try_transact(_remove_expiry_ops(table, batch))
    core = [event_key(conversation_id, 1), details_key(conversation_id), head_key(conversation_id)]
    purge = Purge(conversation_id, head["expires_at"] + PROVISIONAL_TTL)
    dynamo.try_transact([*_remove_expiry_ops(table, core), table.delete_op(*purge_key(purge))])


def _remove_expiry_ops(table: Table, keys: Sequence[Key]) -> list[Operation]:
    return [table.update_op(*key, "REMOVE #expires_at", "attribute_exists(#pk)") for key in keys]
