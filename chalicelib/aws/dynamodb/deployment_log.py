"""The deployment log on DynamoDB: entries that are queued with a change, and the log that they are moved to."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from typing import Any

from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.errors import TransactionCancelled
from chalicelib.aws.dynamodb.keys import EVENT_PREFIX
from chalicelib.aws.dynamodb.publishing_keys import (
    deployment_event_key,
    deployment_head_key,
    queued_pk,
    queued_sk,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.model.events import Event
from chalicelib.core.ports.commits import WriteConflict

PERSONAL_TTL = 30 * 24 * 3600
"""Seconds after which an entry expires that names a participant: an erasure does not look for it."""


def queue_op(dynamo: Dynamo, table: Table, event_type: str, fields: dict[str, str | int]) -> Operation:
    """Return the operation that queues an entry, for the transaction of its change."""
    now = dynamo.milliseconds
    event = {"type": event_type, "created_at": rfc3339(now), **fields}
    item: Item = {
        "pk": queued_pk(),
        "sk": queued_sk(now, secrets.token_urlsafe(9)),
        "event": json_codec.dumps(event),
    }
    if "participant_id" in fields:
        item["expires_at"] = dynamo.now + PERSONAL_TTL
    return table.put_op(item)


class DynamoDeploymentLog:
    """The `DeploymentLogStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)

    def queued(self, limit: int) -> list[tuple[str, Event]]:
        """Return the oldest queued entries that have not expired, however many have."""
        items = itertools.islice(self._table.query(queued_pk(), prefix=EVENT_PREFIX, page=limit), limit)
        return [(item["sk"], json_codec.parse(item["event"])) for item in items]

    def append(self, entries: Sequence[tuple[str, Event]]) -> None:
        """Move entries to the log, on the condition that all of them are still queued."""
        head, table = self.head(), self._table
        operations: list[Operation] = []
        for sequence_id, (key, event) in enumerate(entries, start=head + 1):
            pk, sk = deployment_event_key(sequence_id)
            item: Item = {"pk": pk, "sk": sk, "event": json_codec.dumps({**event, "sequence_id": sequence_id})}
            if "participant_id" in event:
                item["expires_at"] = self._dynamo.now + PERSONAL_TTL
            operations += [table.delete_op(queued_pk(), key, "attribute_exists(#pk)"), table.put_op(item)]
        condition = "#sequence_id = :was" if head else "attribute_not_exists(#pk)"
        values: dict[str, Any] = {"was": head} if head else {}
        change = "SET #sequence_id = :next"
        operations.append(
            table.update_op(*deployment_head_key(), change, condition, next=head + len(entries), **values)
        )
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            raise WriteConflict from cancelled

    def head(self) -> int:
        """Return the newest sequence id."""
        item = self._table.get(*deployment_head_key())
        return 0 if item is None else int(item["sequence_id"])

    def event(self, sequence_id: int) -> Event | None:
        """Return an event that has not expired."""
        item = self._table.get(*deployment_event_key(sequence_id))
        return None if item is None else json_codec.parse(item["event"])

    def events(self, first: int, last: int) -> list[Event]:
        """Return the events from `first` to `last` that have not expired."""
        if first > last:
            return []
        (pk, low), (_, high) = deployment_event_key(first), deployment_event_key(last)
        items = self._table.query(pk, between=(low, high))
        return [json_codec.parse(item["event"]) for item in items]
