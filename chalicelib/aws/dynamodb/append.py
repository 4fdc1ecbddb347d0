"""An append: all writes of a commit in one transaction.

The law: the first operation moves the head from n to n + k on the condition that it is still at n, and all others
are executed with it or not at all. Items that change only in appends need no other condition: if the head is as
read, so are they, when they were read after it. Items that change beside the log have a condition each:
memberships, queued messages, invites and erasures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.aws.dynamodb.append_moderation import moderation_steps
from chalicelib.aws.dynamodb.append_roster import roster_steps
from chalicelib.aws.dynamodb.append_sender import update_sender_op
from chalicelib.aws.dynamodb.append_steps import (
    Precondition,
    Step,
    put_purge_op,
    require_member_op,
    to_error,
)
from chalicelib.aws.dynamodb.append_updates import update_steps
from chalicelib.aws.dynamodb.conversation_items import details_to_item
from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.errors import TransactionCancelled
from chalicelib.aws.dynamodb.keys import departed_key, head_key, idempotency_hash, queue_pk
from chalicelib.aws.dynamodb.log_items import event_to_item, idempotency_record_to_item
from chalicelib.aws.dynamodb.retention_items import put_check_op, set_next_check_op
from chalicelib.aws.dynamodb.table import Table, with_old_image
from chalicelib.core.model.conversations import ConversationState
from chalicelib.core.model.events import Event
from chalicelib.core.ports.commits import Commit, MessageAppend

_IS_ABSENT = "attribute_not_exists(#pk)"
_HEAD_CHANGE = (
    "SET #sequence_id = :new, #message_count = :message_count, #last_message = :last_message,"
    " #updated_at = :updated_at, #active_at = :active_at, #participant_count = :participant_count,"
    " #roster_version = :roster_version, #state = :state, #contended_until = :contended_until,"
    " #event_sizes = :event_sizes"
)


def append(dynamo: Dynamo, table: Table, commit: Commit) -> None:
    """Write a commit.

    Raises:
        HeadConflict, WriteConflict, PreconditionFailed: nothing was written.
    """
    steps = list(_steps(table, commit))
    try:
        dynamo.transact([step.operation for step in steps])
    except TransactionCancelled as cancelled:
        raise to_error(steps, cancelled) from cancelled


def _steps(table: Table, commit: Commit) -> Iterator[Step]:
    yield Step(_move_head_op(table, commit), Precondition.HEAD)
    for event in commit.events:
        yield Step(_put_event_op(table, event, commit.new.message_count), Precondition.HEAD)
    for index, message in enumerate(commit.messages):
        yield from _message_steps(table, commit, index, message)
    for messages in _messages_by_sender(commit.messages):
        if messages[0].member.is_service:
            continue
        participant_id = messages[0].member.participant_id
        yield Step(update_sender_op(table, commit, messages), Precondition.MEMBERSHIP, participant_id)
    if commit.guard is not None and not commit.guard.is_service:
        guard = require_member_op(table, commit.guard, role=True)
        yield Step(guard, Precondition.MEMBERSHIP, commit.guard.participant_id)
    yield from roster_steps(table, commit)
    yield from moderation_steps(table, commit)
    yield from update_steps(table, commit)
    if commit.details is not None:
        yield Step(table.put_op(details_to_item(commit.details)))
    if commit.purge_at is not None:
        yield Step(put_purge_op(table, commit.new.conversation_id, commit.purge_at))
    if commit.retention_check_at is not None:
        from chalicelib.core.model.privacy import RetentionCheck

        check = RetentionCheck(commit.new.conversation_id, commit.retention_check_at)
        yield Step(put_check_op(table, check))
        yield Step(set_next_check_op(table, check))


def _move_head_op(table: Table, commit: Commit) -> Operation:
    old, new = commit.old, commit.new
    change, condition = _HEAD_CHANGE, "#sequence_id = :old AND #state = :live"
    values: dict[str, Any] = {}
    departures = [entry for entry in new.departed.items() if old.departed.get(entry[0]) != entry[1]]
    for index, (participant_id, event) in enumerate(departures):
        change += f", #departed.#{departed_key(participant_id)} = :departed{index}"
        values[f"departed{index}"] = {"participant_id": participant_id, "event": event}
    if new.expired_up_to != old.expired_up_to:
        change += ", #expired_up_to = :expired_up_to"
        values["expired_up_to"] = new.expired_up_to
    if new.direct != old.direct:
        change += ", #direct = :direct"
        values["direct"] = new.direct
    if new.opener_messages != old.opener_messages:
        change += ", #opener_messages = :opener_messages"
        values["opener_messages"] = new.opener_messages
    if old.revision:
        condition += " AND #revision = :revision"
        values["revision"] = old.revision
    else:
        condition += " AND attribute_not_exists(#revision)"
    return with_old_image(
        table.update_op(
            *head_key(new.conversation_id),
            change,
            condition,
            old=old.sequence_id,
            live=ConversationState.LIVE.value,
            new=new.sequence_id,
            message_count=new.message_count,
            last_message=new.last_message,
            updated_at=new.updated_at,
            active_at=new.active_at,
            participant_count=new.participant_count,
            roster_version=new.roster_version,
            state=new.state.value,
            contended_until=new.contended_until,
            event_sizes=new.event_sizes,
            **values,
        )
    )


def _put_event_op(table: Table, event: Event, message_count: int, hashed_key: str | None = None) -> Operation:
    return table.put_op(event_to_item(event, message_count, hashed_key), _IS_ABSENT)


def _message_steps(table: Table, commit: Commit, index: int, message: MessageAppend) -> Iterator[Step]:
    """Append a message, save its idempotency record, and take it out of the queue."""
    message_count = commit.old.message_count + index + 1
    hashed_key = None if message.key is None else idempotency_hash(message.key)
    yield Step(_put_event_op(table, message.event, message_count, hashed_key), Precondition.HEAD)
    if hashed_key is not None:
        record = idempotency_record_to_item(hashed_key, message.event)
        yield Step(with_old_image(table.put_op(record, _IS_ABSENT)), Precondition.NOT_DUPLICATE, index)
    if message.queued_as is not None:
        key = queue_pk(commit.new.conversation_id), message.queued_as
        yield Step(table.delete_op(*key, "attribute_exists(#pk)"), Precondition.QUEUED, index)


def _messages_by_sender(messages: Sequence[MessageAppend]) -> Iterator[Sequence[MessageAppend]]:
    """Return the messages of each sender: a transaction can write a membership only once."""
    by_sender: dict[str, list[MessageAppend]] = {}
    for message in messages:
        by_sender.setdefault(message.member.participant_id, []).append(message)
    yield from by_sender.values()
