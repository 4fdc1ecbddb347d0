"""The records of creations with an idempotency key, below their participants, whose erasure finds them."""

from __future__ import annotations

from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.keys import CREATION_PREFIX, Key, participant_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.creations import CreationRecord


def creation_record_key(participant_id: str, hashed_key: str) -> Key:
    """Return the key of a record."""
    return participant_pk(participant_id), f"{CREATION_PREFIX}{hashed_key}"


def put_record_op(dynamo: Dynamo, table: Table, participant_id: str, record: CreationRecord) -> Operation:
    """Save a record, on the condition that there is none, or an expired one."""
    pk, sk = creation_record_key(participant_id, record.hashed_key)
    item = {"pk": pk, "sk": sk} | record._asdict()
    return table.put_op(item, "attribute_not_exists(#pk) OR #expires_at <= :now", now=dynamo.now)


def find_record(table: Table, participant_id: str, hashed_key: str) -> CreationRecord | None:
    """Return a record that has not expired."""
    item = table.get(*creation_record_key(participant_id, hashed_key))
    return None if item is None else CreationRecord(**{name: item[name] for name in CreationRecord._fields})


def list_records(table: Table, participant_id: str) -> list[CreationRecord]:
    """Return all records of a participant that have not expired."""
    items = table.query(participant_pk(participant_id), prefix=CREATION_PREFIX)
    return [CreationRecord(**{name: item[name] for name in CreationRecord._fields}) for item in items]


def erase_records(table: Table, participant_id: str) -> None:
    """Delete all records of a participant."""
    items = table.query(participant_pk(participant_id), prefix=CREATION_PREFIX, include_expired=True)
    table.batch_delete([(item["pk"], item["sk"]) for item in items])
