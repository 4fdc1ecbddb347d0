"""The steps of an append: the operations of its transaction, each with the precondition that it checks."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.errors import TransactionCancelled
from chalicelib.aws.dynamodb.keys import membership_key
from chalicelib.aws.dynamodb.log_items import head_from_item, idempotency_record_from_item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.aws.dynamodb.work_keys import purge_key
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.messages import IdempotencyRecord
from chalicelib.core.ports.commits import HeadConflict, PreconditionFailed, Purge, WriteConflict


class Precondition(enum.Enum):
    """The precondition that a condition checks."""

    NONE = enum.auto()
    """The operation has no condition."""
    HEAD = enum.auto()
    """The log is as it was read. Only the condition of the head itself can fail alone: it comes first."""
    NOT_DUPLICATE = enum.auto()
    """The message (the subject is its index) is not in the log yet."""
    QUEUED = enum.auto()
    """The message (the subject is its index) is still in the queue."""
    MEMBERSHIP = enum.auto()
    """The membership of a participant (the subject) is as it was read."""
    INVITE = enum.auto()
    """The invite can still be used."""
    ERASURE = enum.auto()
    """The expected erasure of a participant (the subject) is running."""
    STANDING = enum.auto()
    """The participant who joins (the subject) is neither being erased nor suspended, and below the cap."""
    CONSENT = enum.auto()
    """The standing of an added participant or of a new owner, or a pending membership, is as it was read."""


class Step(NamedTuple):
    """One operation of an append."""

    operation: Operation
    precondition: Precondition = Precondition.NONE
    subject: int | str = ""


def to_error(steps: Sequence[Step], cancelled: TransactionCancelled) -> Exception:
    """Return the error of the port for a transaction that was cancelled."""
    failed = [(index, step) for index, step in enumerate(steps) if cancelled.failed(index)]
    subjects = {kind: [step.subject for _, step in failed if step.precondition is kind] for kind in Precondition}
    if erasing := subjects[Precondition.ERASURE]:
        return PreconditionFailed(erasing=[str(participant_id) for participant_id in erasing])
    for index, step in failed:
        if step.precondition is Precondition.STANDING:
            return standing_error(str(step.subject), cancelled.reasons[index][1])
    duplicates: dict[int, IdempotencyRecord] = {
        int(step.subject): idempotency_record_from_item(cancelled.reasons[index][1] or {})
        for index, step in failed
        if step.precondition is Precondition.NOT_DUPLICATE
    }
    stale_memberships = [str(participant_id) for participant_id in subjects[Precondition.MEMBERSHIP]]
    others = (Precondition.QUEUED, Precondition.INVITE, Precondition.CONSENT)
    if duplicates or stale_memberships or any(subjects[kind] for kind in others):
        return PreconditionFailed(duplicates, stale_memberships)
    if failed and failed[0][0] == 0:
        item = cancelled.reasons[0][1]
        return HeadConflict(None if item is None else head_from_item(item))
    return WriteConflict()


def standing_error(participant_id: str, item: Item | None) -> PreconditionFailed:
    """Return the error for a participant whose standing did not allow another own conversation."""
    if item is not None and "suspended" in item:
        return PreconditionFailed(is_suspended=True)
    if item is not None and "erasing" in item:
        return PreconditionFailed(erasing=[participant_id])
    return PreconditionFailed(at_cap=True)


def require_member_op(table: Table, member: Membership, *, role: bool = False) -> Operation:
    """Require that a membership is still the same one, and if `role`, that its role is."""
    condition, values = "#epoch = :epoch", {"epoch": member.epoch}
    return table.condition_op(
        *membership_key(member.conversation_id, member.participant_id),
        condition + " AND #role = :role" if role else condition,
        **(values | {"role": member.role} if role else values),
    )


def put_purge_op(table: Table, conversation_id: str, due_at: int) -> Operation:
    """Schedule the purge of a conversation."""
    pk, sk = purge_key(Purge(conversation_id, due_at))
    return table.put_op({"pk": pk, "sk": sk})
