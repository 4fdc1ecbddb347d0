"""Connections on DynamoDB.

The law: a connection has a generation. Marking it as stale (API Gateway answered 410, which can be wrong) applies
to the generation that was read, and ends it; when the connection sends another frame, a new generation begins. So
removals for the old generation cannot harm the new one, however late they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.aws.dynamodb.connection_items import (
    active_connection_to_item,
    connection_from_item,
    connection_to_item,
    opened_connection_to_item,
    subscription_from_item,
)
from chalicelib.aws.dynamodb.connection_keys import (
    CONNECTION_PREFIX,
    OPENED_OR_REFUSED_PREFIX,
    OPENED_PREFIX,
    REFUSED,
    active_connection_key,
    connection_key,
    connection_pk,
    opened_connection_key,
    refusal_key,
    subscription_keys,
)
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.feeds import DynamoFeeds
from chalicelib.aws.dynamodb.keys import participant_pk
from chalicelib.aws.dynamodb.subscriptions import DynamoSubscriptions, subscriptions_from_items
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.actors import ParticipantType
from chalicelib.core.model.connections import Connection, Subscription


class DynamoConnections:
    """The `ConnectionStore` port. A connection's items include those of its subscriptions."""

    def __init__(self, dynamo: Dynamo, table: str, subscriptions: DynamoSubscriptions, feeds: DynamoFeeds) -> None:
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._subscriptions = subscriptions
        self._feeds = feeds

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

    def refuse(self, participant_id: str, until: int) -> None:
        """Let a participant open no connection until a time (ms)."""
        pk, sk = refusal_key(participant_id)
        self._table.put({"pk": pk, "sk": sk, "until": until, "expires_at": until // 1000 + 1})

    def opened(self, participant_id: str, now: int) -> tuple[list[str], int]:
        """Return the connections that are not being closed, oldest first, and until when none may be opened."""
        items = list(self._table.query(participant_pk(participant_id), prefix=OPENED_OR_REFUSED_PREFIX))
        refused_until = max((item["until"] for item in items if item["sk"] == REFUSED), default=0)
        found = [item for item in items if item["sk"] != REFUSED and item.get("closing_until", 0) <= now]
        found.sort(key=lambda item: (item.get("connected_at", 0), item["sk"]))
        return [item["sk"].removeprefix(OPENED_PREFIX) for item in found], refused_until

    def all_of(self, participant_id: str) -> list[str]:
        """Return all connections of a participant."""
        items = self._table.query(participant_pk(participant_id), prefix=OPENED_PREFIX)
        return [item["sk"].removeprefix(OPENED_PREFIX) for item in items]

    def begin_closing(self, participant_id: str, connection_id: str, now: int, until: int) -> bool:
        """Mark a connection as being closed; return False if another caller did, or if it is closed."""
        return self._table.try_update(
            *opened_connection_key(participant_id, connection_id),
            "SET #closing_until = :until",
            "attribute_exists(#pk) AND (attribute_not_exists(#closing_until) OR #closing_until <= :now)",
            now=now,
            until=until,
        )

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
        self._table.try_update(
            *connection_key(connection.connection_id),
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
        return self._table.try_update(
            *connection_key(connection_id),
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
            connection = connection_from_item(failed.item)
            ended = self._end_generation(connection, generation)
            return [each for each, was_there in ended if was_there] if connection.is_stale else None
        if old is None:
            return []
        return [each for each, _ in self._end_generation(connection_from_item(old), generation)]

    def _end_generation(self, connection: Connection, generation: int) -> list[tuple[Subscription, bool]]:
        """Remove a generation from the fan-out and the directory.

        Returns what it was subscribed to, each with whether this has removed it from the fan-out.
        """
        connection_id, owner = connection.connection_id, connection.participant_id
        if connection.has_feed:
            self._feeds.remove(owner, connection_id, generation)
        subscriptions = self._subscriptions.subscriptions_of_connection(connection_id)
        keys = [subscription_keys(connection_id, each.conversation_id)[1] for each in subscriptions]
        removed = [
            self._table.try_delete(*key, "#generation <= :generation", generation=generation)
            for key in (active_connection_key(owner, connection_id), *keys)
        ]
        return list(zip(subscriptions, removed[1:], strict=True))

    def close(self, connection_id: str, participant_id: str = "") -> tuple[Connection | None, list[Subscription]]:
        """Delete a connection, first of all, so that no subscription can be added, and then its subscriptions."""
        item = self._table.delete(*connection_key(connection_id))
        connection = None if item is None else connection_from_item(item)
        if connection is None:
            return None, self._delete_rest(connection_id, participant_id)
        return connection, self._delete_rest(
            connection_id, connection.participant_id, has_feed=connection.has_feed
        )

    def _delete_rest(self, connection_id: str, owner: str, *, has_feed: bool = True) -> list[Subscription]:
        """Delete all items of a connection but its own; return what it was subscribed to."""
        if owner and has_feed:
            self._feeds.remove(owner, connection_id)
        items = list(self._table.query(connection_pk(connection_id)))
        subscriptions = subscriptions_from_items(items)
        keys = [key for each in subscriptions for key in subscription_keys(connection_id, each.conversation_id)]
        keys += [(item["pk"], item["sk"]) for item in items]
        owners = {owner, *(each.participant_id for each in subscriptions)} - {""}
        for participant_id in owners:
            keys.append(active_connection_key(participant_id, connection_id))
            keys.append(opened_connection_key(participant_id, connection_id))
        self._table.batch_delete(keys)
        return subscriptions

    def refresh_token(
        self, connection: Connection, token_expires_at: int, name: str | None, participant_type: ParticipantType
    ) -> bool:
        """Save the expiry of a new token, with the connection first: later subscriptions take it from there."""
        connection_id = connection.connection_id
        change, condition = "SET #token_expires_at = :until", "attribute_exists(#pk)"
        set_actor = ", #type = :type" if name is None else ", #type = :type, #name = :name"
        actor = {"type": participant_type} | ({} if name is None else {"name": name})
        key = connection_key(connection_id)
        if not self._table.try_update(*key, change + set_actor, condition, until=token_expires_at, **actor):
            return False
        keys = [active_connection_key(connection.participant_id, connection_id)]
        for subscription in self._subscriptions.subscriptions_of_connection(connection_id):
            keys += subscription_keys(connection_id, subscription.conversation_id)
        for key in keys:
            self._table.try_update(*key, change, condition, until=token_expires_at)
        if connection.has_feed:
            self._feeds.renew(connection, token_expires_at)
        return True

    def active_connections_of(self, participant_id: str) -> list[Subscription]:
        """Return a participant's active connections."""
        items = self._table.query(participant_pk(participant_id), prefix=CONNECTION_PREFIX)
        return [subscription_from_item(item) for item in items]
