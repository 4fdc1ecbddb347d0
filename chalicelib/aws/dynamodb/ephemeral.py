"""Records that live for minutes or hours, on DynamoDB: tickets, typing and pending offline.

Each decision that only one caller may win is one conditional write or one delete.
"""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.connection_items import NOT_SUPERSEDED, connection_expiry
from chalicelib.aws.dynamodb.connection_keys import (
    PENDING_OFFLINE_PREFIX,
    pending_offline_key,
    ticket_key,
    ticket_owner_key,
    typing_key,
)
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.keys import Key, conversation_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.connections import Connection

TYPING_TTL = 600
"""Seconds, far longer than a record matters."""


class DynamoTickets:
    """The `TicketStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

    def save_ticket(self, key: str, connection: Connection, expires_at: int) -> None:
        """Save whose ticket it is. The item by which an erasure finds it is written first."""
        owner_pk, owner_sk = ticket_owner_key(connection.participant_id, key)
        self._table.put({"pk": owner_pk, "sk": owner_sk, "expires_at": expires_at})
        pk, sk = ticket_key(key)
        self._table.put(
            {
                "pk": pk,
                "sk": sk,
                "participant_id": connection.participant_id,
                "name": connection.name,
                "type": connection.type,
                "token_expires_at": connection.token_expires_at,
                "token_issued_at": connection.token_issued_at,
                "expires_at": expires_at,
            }
        )

    def redeem_ticket(self, key: str, now: int) -> Connection | None:
        """Delete a ticket and return whose it was: exactly one caller gets the deleted item."""
        item = self._table.delete(*ticket_key(key))
        if item is None or item["expires_at"] <= now:
            return None
        return Connection(
            "",
            item["participant_id"],
            item.get("name"),
            item["token_expires_at"],
            0,
            0,
            token_issued_at=item["token_issued_at"],
            type=item.get("type", "human"),
        )


class DynamoTyping:
    """The `TypingStore` port: a record for each connection and conversation, written by one conditional update.

    The record is the connection's, as an order is comparable with others of the same connection only. It has no
    participant and is in the connection's partition, so it is deleted with the connection. Only a repeat that
    comes too soon for a push needs a second update, for its order: a stop that it overtook must have no effect.
    """

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

    def start_typing(
        self, connection_id: str, conversation_id: str, order: int, now: int, *, interval: int
    ) -> bool:
        """Record a start; return whether a push is due: not superseded, and none in the last `interval` ms."""
        key = typing_key(connection_id, conversation_id)
        try:
            self._table.update(
                *key,
                "SET #order = :order, #is_pushed = :yes, #pushed_at = :now, #expires_at = :expires_at",
                f"{NOT_SUPERSEDED} AND (attribute_not_exists(#pushed_at) OR #pushed_at <= :due)",
                order=order,
                now=now,
                due=now - interval,
                yes=True,
                expires_at=now // 1000 + TYPING_TTL,
            )
        except ConditionFailed as failed:
            if failed.item is not None and failed.item["order"] < order:
                self._update(key, "SET #order = :order", order=order)
            return False
        return True

    def stop_typing(self, connection_id: str, conversation_id: str, order: int, now: int) -> bool:
        """Record a stop; return whether a push is due: not superseded, and the last push was a start."""
        old = self._update(
            typing_key(connection_id, conversation_id),
            "SET #order = :order, #is_pushed = :no, #expires_at = :expires_at",
            order=order,
            no=False,
            expires_at=now // 1000 + TYPING_TTL,
        )
        return old is not None and bool(old.get("is_pushed"))

    def _update(self, key: Key, change: str, **values: Any) -> Item | None:
        """Change a record unless the command is superseded; return the record as it was, or None."""
        try:
            return self._table.update(*key, change, NOT_SUPERSEDED, **values)
        except ConditionFailed:
            return None


class DynamoPendingOffline:
    """The `PendingOfflineStore` port."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._table = Table(dynamo, table)

    def record_pending_offline(
        self, conversation_id: str, participant_id: str, disconnect_id: str, now: int
    ) -> None:
        """Record that a member's last connection closed; kept as long as a connection of then can last."""
        self._table.update(
            *pending_offline_key(conversation_id, participant_id),
            "SET #participant_id = :participant, #disconnect_id = :disconnect, #left_at = :now,"
            " #expires_at = :expires_at",
            participant=participant_id,
            disconnect=disconnect_id,
            now=now,
            expires_at=connection_expiry(now),
        )

    def cancel_pending_offline(self, conversation_id: str, participant_id: str) -> int | None:
        """Delete the record of a member; return when (ms) it was made: one caller gets the deleted item."""
        item = self._table.delete(*pending_offline_key(conversation_id, participant_id))
        return None if item is None else int(item["left_at"])

    def pending_offline(self, conversation_id: str, disconnect_id: str) -> list[str]:
        """Return the members that have a record of a disconnect. A later disconnect has other records."""
        items = self._table.query(conversation_pk(conversation_id), prefix=PENDING_OFFLINE_PREFIX)
        return [item["participant_id"] for item in items if item["disconnect_id"] == disconnect_id]

    def claim_pending_offline(self, conversation_id: str, participant_id: str, disconnect_id: str) -> bool:
        """Delete the record of a member, if it is still that of a disconnect."""
        key = pending_offline_key(conversation_id, participant_id)
        return self._table.try_delete(*key, "#disconnect_id = :disconnect", disconnect=disconnect_id)
