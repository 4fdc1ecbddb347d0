"""The directory on DynamoDB: one item for each participant, with the connections that have a feed.

The item is read, changed and written as a whole, on the condition that it is as read; its `version` is random.
So it never has more connections than a participant may have, and each write prunes those that have expired.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.aws.dynamodb.connection_items import connection_expiry
from chalicelib.aws.dynamodb.connection_keys import connection_key, feed_key
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed, TransactionCancelled
from chalicelib.aws.dynamodb.table import Table, parallel_batch_get
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.ports.commits import WriteConflict

REMOVAL_ATTEMPTS = 5
"""How often a removal competes with other writes. An entry that stays is removed by the next post, or expires."""

_Entries = Mapping[str, Item]
"""By connection id: generation, expiry of the token, expiry of the entry."""


class _Row(NamedTuple):
    """The item of a participant as read."""

    participant_id: str
    entries: _Entries
    """Without those that have expired."""
    version: str | None
    """None if there is no item."""


class DynamoFeeds:
    """The `FeedStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, gather: Gather, most: int) -> None:
        """`most` is how many connections a participant may have."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._gather = gather
        self._most = most

    def add(self, connection: Connection, *, reviving: bool = False) -> bool:
        """Add a connection, in one transaction with its own item, which records that it has a feed."""
        row = self._read(connection.participant_id)
        entry = _entry(connection)
        if not reviving and row.entries.get(connection.connection_id) == entry:
            return True
        entries = self._newest({**row.entries, connection.connection_id: entry})
        mark = self._table.update_op(
            *connection_key(connection.connection_id),
            "SET #has_feed = :yes",
            "#generation = :generation AND #is_stale = :is_stale",
            yes=True,
            generation=connection.generation,
            is_stale=reviving,
        )
        condition, values = self._as_read(row)
        put = self._table.put_op(_to_item(row.participant_id, entries), condition, **values)
        try:
            self._dynamo.transact([mark, put])
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict or not cancelled.failed(0):
                raise WriteConflict from cancelled
            return False
        return True

    def remove(self, participant_id: str, connection_id: str, generation: int | None = None) -> None:
        """Remove a connection, unless it has a later generation."""

        def without(entries: _Entries) -> _Entries:
            entry = entries.get(connection_id)
            if entry is None or (generation is not None and entry["generation"] > generation):
                return entries
            return {other: entry for other, entry in entries.items() if other != connection_id}

        self._change(participant_id, without)

    def renew(self, connection: Connection, token_expires_at: int) -> None:
        """Save the expiry of a new token."""

        def renewed(entries: _Entries) -> _Entries:
            entry = entries.get(connection.connection_id)
            if entry is None:
                return entries
            return {**entries, connection.connection_id: {**entry, "token_expires_at": token_expires_at}}

        self._change(connection.participant_id, renewed)

    def connections(self, participant_ids: Sequence[str]) -> list[Subscription]:
        """Return the connections of these participants."""
        keys = [feed_key(participant_id) for participant_id in participant_ids]
        return [
            Subscription(
                "",
                connection_id,
                item["participant_id"],
                0,
                entry["generation"],
                entry["token_expires_at"],
                0,
            )
            for item in parallel_batch_get(self._table, self._gather, keys)
            for connection_id, entry in self._current(item).items()
        ]

    # ---- the item --------------------------------------------------------------------------------------

    def _read(self, participant_id: str) -> _Row:
        item = self._table.get(*feed_key(participant_id))
        if item is None:
            return _Row(participant_id, {}, None)
        return _Row(participant_id, self._current(item), item["version"])

    def _current(self, item: Item) -> _Entries:
        entries: _Entries = item["connections"]
        return {name: entry for name, entry in entries.items() if not self._dynamo.is_expired(entry)}

    def _newest(self, entries: _Entries) -> _Entries:
        ordered = sorted(entries.items(), key=lambda named: (named[1]["expires_at"], named[0]))
        return dict(ordered[-self._most :])

    def _as_read(self, row: _Row) -> tuple[str, dict[str, Any]]:
        """Return the condition that the item is as read. One that has expired counts as absent."""
        if row.version is None:
            return "attribute_not_exists(#pk) OR #expires_at <= :now", {"now": self._dynamo.now}
        return "#version = :version", {"version": row.version}

    def _change(self, participant_id: str, change: Callable[[_Entries], _Entries]) -> None:
        for _ in range(REMOVAL_ATTEMPTS):
            row = self._read(participant_id)
            entries = change(row.entries)
            if entries == row.entries:
                return
            condition, values = self._as_read(row)
            try:
                if entries:
                    # An update, as the function of $disconnect may put nothing.
                    self._table.update(
                        *feed_key(participant_id),
                        "SET #connections = :connections, #version = :new_version",
                        condition,
                        connections=dict(entries),
                        new_version=secrets.token_hex(8),
                        **values,
                    )
                else:
                    self._table.delete(*feed_key(participant_id), condition, **values)
            except ConditionFailed:
                continue
            return


def _entry(connection: Connection) -> Item:
    return {
        "generation": connection.generation,
        "token_expires_at": connection.token_expires_at,
        "expires_at": connection_expiry(connection.connected_at),
    }


def _to_item(participant_id: str, entries: _Entries) -> Item:
    pk, sk = feed_key(participant_id)
    return {
        "pk": pk,
        "sk": sk,
        "participant_id": participant_id,
        "connections": dict(entries),
        "version": secrets.token_hex(8),
        "expires_at": max(entry["expires_at"] for entry in entries.values()),
    }
