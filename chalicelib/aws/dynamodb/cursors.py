"""Cursors of conversations and endpoints on DynamoDB. Every write of a holder is conditional on its lease."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.publishing_keys import CURSOR_PREFIX, cursor_key, cursor_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.kernel import json_codec
from chalicelib.core.model.notify import Absence, NotifyDecision
from chalicelib.core.model.publishing import Cursor, InFlight

_FAILURE = "#failures, #own_failures, #retry_at, #failing_since, #parked_at"
_LEASE = "#lease, #lease_until"


class DynamoCursors:
    """The `CursorStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        """`table` is the name of the conversations table."""
        self._table = Table(dynamo, table)

    def wake(self, conversation_id: str, endpoint_id: str) -> Cursor:
        """Count a wake-up."""
        pk, sk = cursor_key(conversation_id, endpoint_id)
        was = self._table.update(pk, sk, "ADD #wake_ups :one", one=1) or {"pk": pk, "sk": sk}
        return cursor_from_item({**was, "wake_ups": was.get("wake_ups", 0) + 1})

    def cursor(self, conversation_id: str, endpoint_id: str) -> Cursor | None:
        """Return a cursor."""
        item = self._table.get(*cursor_key(conversation_id, endpoint_id))
        return None if item is None else cursor_from_item(item)

    def cursors(self, conversation_id: str) -> list[Cursor]:
        """Return the cursors of a conversation."""
        return [cursor_from_item(item) for item in self._table.query(cursor_pk(conversation_id))]

    def delete(self, conversation_id: str) -> None:
        """Delete the cursors of a conversation."""
        pk = cursor_pk(conversation_id)
        self._table.batch_delete([(pk, item["sk"]) for item in self._table.query(pk)])

    def forget(self, conversation_id: str, endpoint_id: str) -> None:
        """Delete one cursor."""
        self._table.delete(*cursor_key(conversation_id, endpoint_id))

    # ---- lease -----------------------------------------------------------------------------------------

    def acquire(self, conversation_id: str, endpoint_id: str, lease: str, now: int, until: int) -> Cursor | None:
        """Take or extend the lease."""
        try:
            was = self._table.update(
                *cursor_key(conversation_id, endpoint_id),
                "SET #lease = :lease, #lease_until = :until",
                "attribute_exists(#pk) AND attribute_not_exists(#parked_at)"
                " AND (attribute_not_exists(#retry_at) OR #retry_at <= :now)"
                " AND (attribute_not_exists(#lease) OR #lease_until <= :now OR #lease = :lease)",
                lease=lease,
                until=until,
                now=now,
            )
        except ConditionFailed:
            return None
        return None if was is None else cursor_from_item({**was, "lease": lease, "lease_until": until})

    def release(self, cursor: Cursor) -> bool:
        """Release the lease if there are as many wake-ups as were read."""
        removed = f"{_LEASE}, #is_noted" if cursor.is_noted else _LEASE
        return self._update(cursor, f"REMOVE {removed}", "#wake_ups = :wake_ups", wake_ups=cursor.wake_ups)

    def give_up(self, cursor: Cursor) -> None:
        """Release the lease."""
        self._update(cursor, f"REMOVE {_LEASE}")

    # ---- progress --------------------------------------------------------------------------------------

    def note_in_flight(self, cursor: Cursor, in_flight: InFlight) -> bool:
        """Store the range."""
        return self._update(cursor, "SET #in_flight = :in_flight", in_flight=_in_flight_to_item(in_flight))

    def advance(self, cursor: Cursor, position: int, sent: int) -> bool:
        """Move on from the position that was read.

        A client that gets no response repeats the write, which then finds the cursor moved.
        """
        change = "SET #position = :position, #sent = :sent, #history_id = :history_id"
        is_there = (
            "#position = :was" if cursor.position else "(attribute_not_exists(#position) OR #position = :was)"
        )
        try:
            self._table.update(
                *cursor_key(cursor.conversation_id, cursor.endpoint_id),
                f"{change} REMOVE #in_flight, {_FAILURE}",
                f"#lease = :lease AND {is_there}",
                position=position,
                sent=sent,
                history_id=cursor.history_id,
                was=cursor.position,
                lease=cursor.lease,
            )
        except ConditionFailed as failed:
            present = failed.item or {}
            return (present.get("lease"), present.get("position")) == (cursor.lease, position)
        return True

    def note_failure(self, cursor: Cursor, *, failures: int, retry_at: int, parked_at: int) -> bool:
        """Store the outcome of a failed attempt, and release the lease."""
        values: dict[str, Any] = {
            "failures": failures,
            "own_failures": cursor.own_failures,
            "retry_at": retry_at,
            "failing_since": cursor.failing_since,
            "check_at": cursor.check_at,
            "is_noted": cursor.is_noted,
        }
        if parked_at:
            values["parked_at"] = parked_at
        changes = ", ".join(f"#{name} = :{name}" for name in values)
        return self._update(cursor, f"SET {changes} REMOVE {_LEASE}", **values)

    def note_check(self, conversation_id: str, endpoint_id: str, check_at: int) -> None:
        """Store up to when a message of the queue is under way."""
        self._set(conversation_id, endpoint_id, "check_at", check_at)

    def mark_noted(self, conversation_id: str, endpoint_id: str) -> None:
        """Store that there is a lag note."""
        self._set(conversation_id, endpoint_id, "is_noted", True)

    def resume(self, conversation_id: str, endpoint_id: str) -> None:
        """End the parking, and the wait for the next attempt."""
        key = cursor_key(conversation_id, endpoint_id)
        self._table.try_update(*key, f"REMOVE {_FAILURE}, #check_at", "attribute_exists(#pk)")

    def hasten(self, conversation_id: str, endpoint_id: str) -> None:
        """End the wait for the next attempt."""
        key = cursor_key(conversation_id, endpoint_id)
        not_parked = "attribute_exists(#pk) AND attribute_not_exists(#parked_at)"
        self._table.try_update(*key, "REMOVE #retry_at, #check_at", not_parked)

    def _set(self, conversation_id: str, endpoint_id: str, name: str, value: int | bool) -> None:
        key = cursor_key(conversation_id, endpoint_id)
        self._table.try_update(*key, f"SET #{name} = :value", "attribute_exists(#pk)", value=value)

    def _update(self, cursor: Cursor, change: str, condition: str = "", **values: Any) -> bool:
        """Change a cursor whose lease is held; return False if it was lost, or if the condition failed."""
        held = f"#lease = :lease AND {condition}" if condition else "#lease = :lease"
        key = cursor_key(cursor.conversation_id, cursor.endpoint_id)
        return self._table.try_update(*key, change, held, lease=cursor.lease, **values)


def cursor_from_item(item: Item) -> Cursor:
    """Return a cursor."""
    same = {name: item[name] for name in Cursor._fields if name in item and name != "in_flight"}
    return Cursor(
        conversation_id=item["pk"].removeprefix(CURSOR_PREFIX),
        endpoint_id=item["sk"],
        in_flight=_in_flight_from_item(item["in_flight"]) if "in_flight" in item else None,
        **same,
    )


def _in_flight_to_item(in_flight: InFlight) -> Item:
    """Return a range. The decision is a text, as compact as possible: each write of the cursor pays for it."""
    item = {"first": in_flight.first, "last": in_flight.last, "previous": in_flight.previous}
    if in_flight.notify is None:
        return item
    at, absent = in_flight.notify
    states = [
        [digest, 2 * state.is_connected + state.is_muted, state.read_up_to] for digest, state in absent.items()
    ]
    return {**item, "notify": json_codec.dumps([at, *states])}


def _in_flight_from_item(item: Item) -> InFlight:
    notify = None
    if "notify" in item:
        at, *states = json_codec.parse(item["notify"].encode())
        absent = {digest: Absence(bool(flags & 2), bool(flags & 1), read) for digest, flags, read in states}
        notify = NotifyDecision(at, absent)
    return InFlight(item["first"], item["last"], item["previous"], notify)
