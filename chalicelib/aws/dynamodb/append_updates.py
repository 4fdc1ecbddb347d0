"""The steps of an append for messages in the log: new states, redactions, and reactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.aws.dynamodb.append_steps import Precondition, Step
from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.keys import event_key, reaction_key
from chalicelib.aws.dynamodb.log_items import message_state_text, reaction_to_item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.events import Event, MessageState
from chalicelib.core.ports.commits import Commit

_EXISTS, _IS_ABSENT = "attribute_exists(#pk)", "attribute_not_exists(#pk)"


def update_steps(table: Table, commit: Commit) -> Iterator[Step]:
    """Return the steps for updated messages. They change only in appends, so the head is their precondition."""
    conversation_id = commit.new.conversation_id
    for sequence_id, state in commit.message_states.items():
        yield Step(_set_state_op(table, conversation_id, sequence_id, state), Precondition.HEAD)
    for event, deleted_by in commit.redacted:
        yield Step(_redact_op(table, conversation_id, event, deleted_by), Precondition.HEAD)
    for reaction in commit.reactions_added:
        item = reaction_to_item(conversation_id, reaction)
        yield Step(table.put_op(item, _IS_ABSENT), Precondition.HEAD)
    for reaction in commit.reactions_removed:
        key = reaction_key(conversation_id, reaction.target, reaction.participant_id, reaction.emoji)
        yield Step(table.delete_op(*key, _EXISTS), Precondition.HEAD)


def _set_state_op(table: Table, conversation_id: str, sequence_id: int, state: MessageState) -> Operation:
    key = event_key(conversation_id, sequence_id)
    return table.update_op(*key, "SET #state = :state", _EXISTS, state=message_state_text(state))


def _redact_op(table: Table, conversation_id: str, event: Event, deleted_by: int) -> Operation:
    values: dict[str, Any] = {"event": json_codec.dumps(event)}
    change = "SET #event = :event"
    if deleted_by:
        change += ", #deleted_by = :deleted_by"
        values["deleted_by"] = deleted_by
    key = event_key(conversation_id, event["sequence_id"])
    return table.update_op(*key, f"{change} REMOVE #state", _EXISTS, **values)
