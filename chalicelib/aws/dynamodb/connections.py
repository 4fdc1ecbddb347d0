"""Connections and subscriptions on DynamoDB.

The law: a connection has a generation. Marking it as stale (API Gateway answered 410, which can be wrong) applies
to the generation that was read, and ends it; when the connection sends another frame, a new generation begins. So
removals for the old generation cannot harm the new one, however late they are.

A subscription is two items: below its connection, to be found when that is closed or revived, and below its
conversation, for the fan-out. While a connection is stale, only the first one is kept. The first one also decides
which of two commands wins: it has the order of the last one, and `unsubscribe` leaves it as a tombstone. Readers
of a conversation never meet tombstones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.aws.dynamodb.connection_items import (
    IS_SUBSCRIBED,
    NOT_SUPERSEDED,
    active_connection_to_item,
    connection_from_item,
    connection_to_item,
    is_tombstone,
    opened_connection_to_item,
    subscription_from_item,
    subscription_to_items,
    tombstone_to_item,
)
from chalicelib.aws.dynamodb.connection_keys import (
    CONNECTION_PREFIX,
    SUBSCRIPTION_PREFIX,
    active_connection_key,
    connection_key,
    connection_pk,
    opened_connection_key,
    subscription_keys,
)
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed, TransactionCancelled
from chalicelib.aws.dynamodb.keys import Key, conversation_pk, membership_key, participant_pk
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.ports.commits import WriteConflict
from chalicelib.core.ports.connections import Superseded


class DynamoConnections:
    """The `ConnectionStore` and `SubscriptionStore` ports: each writes items of the other."""

    def __init__(self, dynamo: Dynamo, table: str, conversations_table: str) -> None:
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._conversations = Table(dynamo, conversations_table)

    # ---- connections -----------------------------------------------------------------------------------

    def open(self, connection: Connection) -> None:
        """Save a new connection. The item by which an erasure finds it is written first."""
        self._table.put(opened_connection_to_item(connection))
        self._table.put(connection_to_item(connection))

    def discard(self, connection: Connection) -> None:
        """Delete a connection that was opened just now."""
        for key in (
            connection_key(connection.connection_id),
            opened_connection_key(connection.participant_id, connection.connection_id),
        ):
            self._table.delete(*key)

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection."""
        item = self._table.get(*connection_key(connection_id))
        return None if item is None else connection_from_item(item)

    def get_many(self, connection_ids: Sequence[str]) -> dict[str, Connection]:
        """Return those of these connections that exist."""
        items = self._table.batch_get([connection_key(connection_id) for connection_id in connection_ids])
        return {item["connection_id"]: connection_from_item(item) for item in items}

    def touch(self, connection: Connection, last_seen: int) -> None:
        """Record that a connection sent a frame; no-op if it does not exist."""
        self._try_update(
            connection_key(connection.connection_id),
            "SET #last_seen = :last_seen",
            "attribute_exists(#pk)",
            last_seen=last_seen,
        )

    def activate(self, connection: Connection, *, generation: int) -> bool:
        """Make a connection reachable for its participant, and no longer stale."""
        update = self._table.update_op(
            *connection_key(connection.connection_id),
            "SET #is_active = :yes, #is_stale = :no, #generation = :generation, #last_seen = :last_seen",
            "#generation <= :generation",
            yes=True,
            no=False,
            generation=generation,
            last_seen=connection.last_seen,
        )
        put = self._table.put_op(active_connection_to_item(connection, generation))
        return self._dynamo.try_transact([update, put])

    def revive(self, connection_id: str, generation: int) -> bool:
        """Begin a new generation of a stale connection, which stays stale until `activate`."""
        return self._try_update(
            connection_key(connection_id),
            "SET #generation = :generation",
            "#generation <= :generation AND #is_stale = :yes",
            generation=generation,
            yes=True,
        )

    def mark_stale(
        self, connection_id: str, generation: int, participant_id: str = ""
    ) -> list[Subscription] | None:
        """Mark a connection as stale and end its subscriptions; return these.

        This ends the generation, too, so that a revival in progress cannot complete.
        """
        try:
            old = self._table.update(
                *connection_key(connection_id),
                "SET #is_stale = :yes, #generation = #generation + :one",
                "#generation = :generation",
                yes=True,
                one=1,
                generation=generation,
            )
        except ConditionFailed as failed:
            if failed.item is None:
                # Closing was interrupted: nothing else would remove the rest before it expires.
                return self._delete_rest(connection_id, participant_id)
            # It sent a frame since; or it was marked as stale already, which may have been interrupted.
            self._end_generation(connection_id, failed.item["participant_id"], generation)
            return None
        owner = participant_id if old is None else old["participant_id"]
        return self._end_generation(connection_id, owner, generation)

    def _end_generation(self, connection_id: str, owner: str, generation: int) -> list[Subscription]:
        """Remove a generation from the fan-out; return what it was subscribed to."""
        subscriptions = self.subscriptions_of_connection(connection_id)
        keys = [active_connection_key(owner, connection_id)]
        keys += [subscription_keys(connection_id, each.conversation_id)[1] for each in subscriptions]
        for key in keys:
            self._try_delete(key, "#generation <= :generation", generation=generation)
        return subscriptions

    def close(self, connection_id: str) -> tuple[Connection | None, list[Subscription]]:
        """Delete a connection, first of all, so that no subscription can be added, and then its subscriptions."""
        item = self._table.delete(*connection_key(connection_id))
        connection = None if item is None else connection_from_item(item)
        owner = "" if connection is None else connection.participant_id
        return connection, self._delete_rest(connection_id, owner)

    def _delete_rest(self, connection_id: str, owner: str) -> list[Subscription]:
        """Delete all items of a connection but its own; return what it was subscribed to."""
        items = list(self._table.query(connection_pk(connection_id)))
        subscriptions = _subscriptions(items)
        keys = [key for each in subscriptions for key in subscription_keys(connection_id, each.conversation_id)]
        keys += [(item["pk"], item["sk"]) for item in items]
        owners = {owner, *(each.participant_id for each in subscriptions)} - {""}
        for participant_id in owners:
            keys.append(active_connection_key(participant_id, connection_id))
            keys.append(opened_connection_key(participant_id, connection_id))
        self._table.batch_delete(keys)
        return subscriptions

    def refresh_token(self, connection: Connection, token_expires_at: int, name: str | None) -> bool:
        """Save the expiry of a new token, with the connection first: later subscriptions take it from there."""
        connection_id = connection.connection_id
        change, condition = "SET #token_expires_at = :until", "attribute_exists(#pk)"
        set_name = "" if name is None else ", #name = :name"
        named = {} if name is None else {"name": name}
        key = connection_key(connection_id)
        if not self._try_update(key, change + set_name, condition, until=token_expires_at, **named):
            return False
        keys = [active_connection_key(connection.participant_id, connection_id)]
        for subscription in self.subscriptions_of_connection(connection_id):
            keys += subscription_keys(connection_id, subscription.conversation_id)
        for key in keys:
            self._try_update(key, change, condition, until=token_expires_at)
        return True

    def active_connections_of(self, participant_id: str) -> list[Subscription]:
        """Return a participant's active connections."""
        items = self._table.query(participant_pk(participant_id), prefix=CONNECTION_PREFIX)
        return [subscription_from_item(item) for item in items]

    # ---- subscriptions ---------------------------------------------------------------------------------

    def subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        """Save a subscription, in one transaction with its preconditions."""
        is_member = self._conversations.condition_op(
            *membership_key(subscription.conversation_id, subscription.participant_id),
            "#epoch = :epoch",
            epoch=subscription.epoch,
        )
        is_open = self._table.condition_op(
            *connection_key(subscription.connection_id),
            "#generation = :generation AND #is_stale = :is_stale",
            generation=subscription.generation,
            is_stale=reviving,
        )
        of_connection, of_conversation = subscription_to_items(subscription)
        condition, values = (IS_SUBSCRIBED, {}) if reviving else (NOT_SUPERSEDED, {"order": subscription.order})
        puts = [self._table.put_op(of_connection, condition, **values), self._table.put_op(of_conversation)]
        try:
            self._dynamo.transact([is_member, is_open, *puts])
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            if reviving or cancelled.failed(0) or cancelled.failed(1):
                return False
            raise Superseded from cancelled
        return True

    def unsubscribe(self, connection: Connection, conversation_id: str, order: int) -> None:
        """Replace a subscription by a tombstone and end its fan-out, in one transaction."""
        _, of_conversation = subscription_keys(connection.connection_id, conversation_id)
        tombstone = tombstone_to_item(connection, conversation_id, order)
        put = self._table.put_op(tombstone, NOT_SUPERSEDED, order=order)
        if not self._dynamo.try_transact([put, self._table.delete_op(*of_conversation)]):
            raise Superseded

    def subscription(self, connection_id: str, conversation_id: str) -> Subscription | None:
        """Return a subscription, even if the connection is stale."""
        of_connection, _ = subscription_keys(connection_id, conversation_id)
        item = self._table.get(*of_connection)
        return None if item is None or is_tombstone(item) else subscription_from_item(item)

    def subscriptions_of_connection(self, connection_id: str) -> list[Subscription]:
        """Return what a connection has subscribed to, even if it is stale."""
        return _subscriptions(self._table.query(connection_pk(connection_id), prefix=SUBSCRIPTION_PREFIX))

    def subscribers(self, conversation_id: str) -> list[Subscription]:
        """Return the subscriptions to a conversation."""
        items = self._table.query(conversation_pk(conversation_id), prefix=SUBSCRIPTION_PREFIX)
        return [subscription_from_item(item) for item in items]

    def unsubscribe_participant(self, conversation_id: str, participant_id: str, before: int) -> None:
        """Delete a participant's subscriptions under memberships that began before this event."""
        for subscription in self.subscribers(conversation_id):
            if subscription.participant_id == participant_id:
                for key in subscription_keys(subscription.connection_id, conversation_id):
                    self._try_delete(key, "#epoch < :before", before=before)

    def unsubscribe_all(self, conversation_id: str) -> None:
        """Delete all subscriptions to a conversation."""
        subscribers = self.subscribers(conversation_id)
        self._table.batch_delete(
            [key for each in subscribers for key in subscription_keys(each.connection_id, conversation_id)]
        )

    # ---- single items ----------------------------------------------------------------------------------

    def _try_update(self, key: Key, change: str, condition: str, **values: Any) -> bool:
        """Change an item; return whether its condition held."""
        try:
            self._table.update(*key, change, condition, **values)
        except ConditionFailed:
            return False
        return True

    def _try_delete(self, key: Key, condition: str, **values: Any) -> None:
        """Delete an item if its condition holds."""
        try:
            self._table.delete(*key, condition, **values)
        except ConditionFailed:
            return


def _subscriptions(items: Iterable[Item]) -> list[Subscription]:
    """Return the subscriptions among the items of a connection."""
    return [
        subscription_from_item(item)
        for item in items
        if item["sk"].startswith(SUBSCRIPTION_PREFIX) and not is_tombstone(item)
    ]
