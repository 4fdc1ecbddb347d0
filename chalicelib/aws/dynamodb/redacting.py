"""The operations that rewrite the items of a conversation for the erasure of a participant.

Every operation has the condition that the item is as read. One kind of item can be rewritten without it: nothing
but an erasure changes the ids in details, invites, bans and audit entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.aws.dynamodb.consent_keys import INVITED_PREFIX
from chalicelib.aws.dynamodb.dynamo import Operation
from chalicelib.aws.dynamodb.keys import (
    AUDIT_PREFIX,
    BAN_PREFIX,
    DETAILS,
    EVENT_PREFIX,
    INVITE_PREFIX,
    REACTION_PREFIX,
)
from chalicelib.aws.dynamodb.log_items import (
    event_from_item,
    message_state_text,
    reaction_from_item,
    reaction_to_item,
)
from chalicelib.aws.dynamodb.pending_items import keys_of, pending_from_item
from chalicelib.aws.dynamodb.report_items import copy_key_of, index_key_of, is_report
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.events import StoredEvent
from chalicelib.core.model.redaction import Redaction

_ID_ATTRIBUTES = {
    DETAILS: ("created_by",),
    INVITE_PREFIX: ("created_by",),
    BAN_PREFIX: ("participant_id", "banned_by"),
    AUDIT_PREFIX: ("actor_id", "participant_id"),
}
"""The attributes that contain ids of participants, by the prefix of the sort key."""


def redact_ops(table: Table, conversation_id: str, item: Item, redaction: Redaction) -> Iterator[Operation]:
    """Return the operations for one item; none if it holds no data of the participant."""
    sk: str = item["sk"]
    if sk.startswith(EVENT_PREFIX):
        yield from _event_ops(table, item, redaction)
    elif sk.startswith(REACTION_PREFIX):
        yield from _reaction_ops(table, conversation_id, item, redaction)
    elif sk.startswith(INVITED_PREFIX):
        yield from _pending_ops(table, item, redaction)
    elif is_report(sk):
        yield from _report_ops(table, item, redaction)
    else:
        for prefix, names in _ID_ATTRIBUTES.items():
            if sk.startswith(prefix):
                yield from _pseudonymize_ops(table, item, names, redaction)


def replace_event_op(table: Table, item: Item, redacted: StoredEvent) -> Operation:
    """Replace an event and the state of its message, on the condition that both are as read."""
    values: dict[str, Any] = {"event": json_codec.dumps(redacted.event), "was": item["event"]}
    change, condition = "SET #event = :event", "#event = :was"
    if redacted.deleted_by:
        change += ", #deleted_by = :deleted_by"
        values["deleted_by"] = redacted.deleted_by
    if "state" in item:
        condition += " AND #state = :state_was"
        values["state_was"] = item["state"]
    else:
        condition += " AND attribute_not_exists(#state)"
    if redacted.state is not None:
        change += ", #state = :state"
        values["state"] = message_state_text(redacted.state)
    elif "state" in item:
        change += " REMOVE #state"
    return table.update_op(item["pk"], item["sk"], change, condition, **values)


def _event_ops(table: Table, item: Item, redaction: Redaction) -> Iterator[Operation]:
    stored = event_from_item(item)
    redacted = redaction.apply(stored)
    if redacted != stored:
        yield replace_event_op(table, item, redacted)


def _reaction_ops(table: Table, conversation_id: str, item: Item, redaction: Redaction) -> Iterator[Operation]:
    reaction = reaction_from_item(item)
    if reaction.participant_id == redaction.participant_id:
        pseudonymous = replace(reaction, participant_id=redaction.pseudonym)
        yield table.delete_op(item["pk"], item["sk"], "attribute_exists(#pk)")
        yield table.put_op(reaction_to_item(conversation_id, pseudonymous))


def _pending_ops(table: Table, item: Item, redaction: Redaction) -> Iterator[Operation]:
    """Delete a pending membership: it is void, as the participant who made the addition has left."""
    entry = pending_from_item(item)
    if redaction.participant_id in (entry.adder_id, entry.participant_id):
        yield from (table.delete_op(*key) for key in keys_of(entry))


def _report_ops(table: Table, item: Item, redaction: Redaction) -> Iterator[Operation]:
    """Delete a report with its copy if the participant made it; else replace the ids of author and moderator."""
    if item["reporter_id"] == redaction.participant_id:
        yield table.delete_op(item["pk"], item["sk"])
        yield table.delete_op(*copy_key_of(item))
        yield table.delete_op(*index_key_of(item))
    else:
        yield from _pseudonymize_ops(table, item, ("author_id", "closed_by"), redaction)


def _pseudonymize_ops(table: Table, item: Item, names: Sequence[str], redaction: Redaction) -> Iterator[Operation]:
    """Replace the participant's id, and remove the name of a ban with it."""
    matching = [name for name in names if item.get(name) == redaction.participant_id]
    if not matching:
        return
    change = "SET " + ", ".join(f"#{name} = :pseudonym" for name in matching)
    if "participant_id" in matching and "name" in item:
        change += " REMOVE #name"
    pseudonym = redaction.pseudonym
    yield table.update_op(item["pk"], item["sk"], change, "attribute_exists(#pk)", pseudonym=pseudonym)
