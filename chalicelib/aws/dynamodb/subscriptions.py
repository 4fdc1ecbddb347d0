"""Subscriptions on DynamoDB.

A subscription is two items: below its connection, to be found when that is closed or revived, and below its
conversation, for the fan-out. While a connection is stale, only the first one is kept. The first one also decides
which of two commands wins: it has the order of the last one, and `unsubscribe` leaves it as a tombstone. Readers
of a conversation never meet tombstones.
"""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.aws.dynamodb.connection_items import (
    IS_SUBSCRIBED,
    NOT_SUPERSEDED,
    is_tombstone,
    subscription_from_item,
    subscription_to_items,
    tombstone_to_item,
)
from chalicelib.aws.dynamodb.connection_keys import (
    SUBSCRIPTION_PREFIX,
    connection_key,
    connection_pk,
    subscription_keys,
)
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import TransactionCancelled
from chalicelib.aws.dynamodb.keys import conversation_pk, membership_key
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.ports.commits import WriteConflict
from chalicelib.core.ports.connections import Superseded


class DynamoSubscriptions:
    """The `SubscriptionStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, conversations_table: str) -> None:
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._conversations = Table(dynamo, conversations_table)

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
        return subscriptions_from_items(
            self._table.query(connection_pk(connection_id), prefix=SUBSCRIPTION_PREFIX)
        )

    def subscribers(self, conversation_id: str) -> list[Subscription]:
        """Return the subscriptions to a conversation."""
        items = self._table.query(conversation_pk(conversation_id), prefix=SUBSCRIPTION_PREFIX)
        return [subscription_from_item(item) for item in items]

    def unsubscribe_participant(self, conversation_id: str, participant_id: str, before: int) -> None:
        """Delete a participant's subscriptions under memberships that began before this event."""
        for subscription in self.subscribers(conversation_id):
            if subscription.participant_id == participant_id:
                for key in subscription_keys(subscription.connection_id, conversation_id):
                    self._table.try_delete(*key, "#epoch < :before", before=before)

    def unsubscribe_all(self, conversation_id: str) -> None:
        """Delete all subscriptions to a conversation."""
        subscribers = self.subscribers(conversation_id)
        self._table.batch_delete(
            [key for each in subscribers for key in subscription_keys(each.connection_id, conversation_id)]
        )


def subscriptions_from_items(items: Iterable[Item]) -> list[Subscription]:
    """Return the subscriptions among the items of a connection."""
    return [
        subscription_from_item(item)
        for item in items
        if item["sk"].startswith(SUBSCRIPTION_PREFIX) and not is_tombstone(item)
    ]
