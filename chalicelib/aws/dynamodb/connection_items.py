"""The items of connections: connections themselves, active ones by participant, and subscriptions."""

from __future__ import annotations

from chalicelib.aws.dynamodb.connection_keys import (
    active_connection_key,
    connection_key,
    opened_connection_key,
    subscription_keys,
)
from chalicelib.aws.dynamodb.values import Item
from chalicelib.core.model.connections import Connection, Subscription

NOT_SUPERSEDED = "(attribute_not_exists(#order) OR #order <= :order)"
"""The condition under which a command with an order may change an item."""
IS_SUBSCRIBED = "attribute_exists(#pk) AND attribute_not_exists(#is_tombstone)"
"""The condition that the item of a connection is a subscription."""
MAX_CONNECTION_SECONDS = 2 * 3600 + 600
"""API Gateway closes a connection after two hours (quotas for WebSocket APIs); ten minutes more for clock skew."""


def connection_expiry(opened_at: int) -> int:
    """Return when (epoch seconds) the items of a connection expire that was opened at `opened_at` (ms)."""
    return opened_at // 1000 + MAX_CONNECTION_SECONDS


def connection_to_item(connection: Connection) -> Item:
    """Return the item of a connection."""
    pk, sk = connection_key(connection.connection_id)
    return {
        "pk": pk,
        "sk": sk,
        "connection_id": connection.connection_id,
        "participant_id": connection.participant_id,
        "name": connection.name,
        "type": connection.type,
        "token_expires_at": connection.token_expires_at,
        "connected_at": connection.connected_at,
        "last_seen": connection.last_seen,
        "generation": connection.generation,
        "is_active": connection.is_active,
        "is_stale": connection.is_stale,
        "has_feed": connection.has_feed or None,
        "expires_at": connection_expiry(connection.connected_at),
    }


def opened_connection_to_item(connection: Connection) -> Item:
    """Return the item by which an erasure, and the limit on connections, finds a connection."""
    pk, sk = opened_connection_key(connection.participant_id, connection.connection_id)
    return {
        "pk": pk,
        "sk": sk,
        "connected_at": connection.connected_at,
        "expires_at": connection_expiry(connection.connected_at),
    }


def connection_from_item(item: Item) -> Connection:
    """Return a connection."""
    return Connection(
        connection_id=item["connection_id"],
        participant_id=item["participant_id"],
        name=item.get("name"),
        token_expires_at=item["token_expires_at"],
        connected_at=item["connected_at"],
        last_seen=item["last_seen"],
        generation=item["generation"],
        is_active=item["is_active"],
        is_stale=item["is_stale"],
        type=item.get("type", "human"),
        has_feed="has_feed" in item,
    )


def active_connection_to_item(connection: Connection, generation: int) -> Item:
    """Return the item by which an active connection is found."""
    pk, sk = active_connection_key(connection.participant_id, connection.connection_id)
    return {
        "pk": pk,
        "sk": sk,
        "connection_id": connection.connection_id,
        "participant_id": connection.participant_id,
        "generation": generation,
        "token_expires_at": connection.token_expires_at,
        "subscribed_at": connection.connected_at,
        "expires_at": connection_expiry(connection.connected_at),
    }


def subscription_to_items(subscription: Subscription) -> list[Item]:
    """Return the two items of a subscription, with the same attributes."""
    attributes = {
        "conversation_id": subscription.conversation_id,
        "connection_id": subscription.connection_id,
        "participant_id": subscription.participant_id,
        "epoch": subscription.epoch,
        "generation": subscription.generation,
        "token_expires_at": subscription.token_expires_at,
        "subscribed_at": subscription.subscribed_at,
        "order": subscription.order,
        "expires_at": connection_expiry(subscription.subscribed_at),
    }
    keys = subscription_keys(subscription.connection_id, subscription.conversation_id)
    return [{"pk": pk, "sk": sk} | attributes for pk, sk in keys]


def tombstone_to_item(connection: Connection, conversation_id: str, order: int) -> Item:
    """Return the item that replaces a subscription below its connection."""
    (pk, sk), _ = subscription_keys(connection.connection_id, conversation_id)
    return {
        "pk": pk,
        "sk": sk,
        "is_tombstone": True,
        "order": order,
        "expires_at": connection_expiry(connection.connected_at),
    }


def is_tombstone(item: Item) -> bool:
    """Return whether an item replaces a subscription that has ended."""
    return "is_tombstone" in item


def subscription_from_item(item: Item) -> Subscription:
    """Return a subscription. That of an active connection's item has no conversation."""
    return Subscription(
        conversation_id=item.get("conversation_id", ""),
        connection_id=item["connection_id"],
        participant_id=item["participant_id"],
        epoch=item.get("epoch", 0),
        generation=item["generation"],
        token_expires_at=item["token_expires_at"],
        subscribed_at=item["subscribed_at"],
        order=item.get("order", 0),
    )
