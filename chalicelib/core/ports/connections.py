"""Connections and what belongs to them: subscriptions, feeds, tickets, typing, and pending offline records.

None of it outlives its connection for long. Every read is strongly consistent. `order` is that of a command
(`command_order`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.core.model.actors import ParticipantType
from chalicelib.core.model.connections import Connection, Subscription


class Superseded(Exception):
    """The connection has executed a command with a higher order on the same subscription; nothing was written."""


class ConnectionStore(Protocol):
    """WebSocket connections. A stale one is presumed dead: it is removed from fan-out until it sends a frame."""

    def open(self, connection: Connection) -> None:
        """Save a new connection."""
        ...

    def discard(self, connection: Connection) -> None:
        """Delete a new connection that has no subscriptions yet."""
        ...

    def refuse(self, participant_id: str, until: int) -> None:
        """Let a participant open no connection until a time (ms)."""
        ...

    def opened(self, participant_id: str, now: int) -> tuple[list[str], int]:
        """Return a participant's connections, the oldest first, and until when (ms) none may be opened.

        Connections that are being closed at `now` (ms) are left out.
        """
        ...

    def all_of(self, participant_id: str) -> list[str]:
        """Return all of a participant's connections, also those that never sent a frame or are being closed."""
        ...

    def begin_closing(self, participant_id: str, connection_id: str, now: int, until: int) -> bool:
        """Mark a connection as being closed up to a time (ms). Of concurrent callers, one gets True.

        The caller may crash before it closes the connection: at `until`, the mark has no meaning any more.
        """
        ...

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection."""
        ...

    def get_many(self, connection_ids: Sequence[str]) -> dict[str, Connection]:
        """Return those of these connections that exist, by their ids."""
        ...

    def touch(self, connection: Connection, last_seen: int) -> None:
        """Record that a connection sent a frame at `last_seen` (ms)."""
        ...

    def activate(self, connection: Connection, *, generation: int) -> bool:
        """Make a connection reachable for its participant, and no longer stale.

        Returns False if it does not exist or has a later generation.
        """
        ...

    def revive(self, connection_id: str, generation: int) -> bool:
        """Begin a new generation of a stale connection; `activate` completes it.

        Returns False if it does not exist, has a later generation, or is no longer stale.
        """
        ...

    def mark_stale(
        self, connection_id: str, generation: int, participant_id: str = ""
    ) -> list[Subscription] | None:
        """Mark a connection as stale and end its subscriptions; return these.

        Of one that is marked already, returns those that another call has not ended, as after a crash.
        Returns None if it has sent a frame since that generation. `participant_id`, if known, helps to clean up
        after a connection that no longer exists.
        """
        ...

    def close(self, connection_id: str, participant_id: str = "") -> tuple[Connection | None, list[Subscription]]:
        """Delete a connection and its subscriptions; return both. `participant_id` is as in `mark_stale`."""
        ...

    def refresh_token(
        self, connection: Connection, token_expires_at: int, name: str | None, participant_type: ParticipantType
    ) -> bool:
        """Save a new token's expiry with a connection and its subscriptions, and its name, if any, and type.

        Return whether the connection exists.
        """
        ...

    def active_connections_of(self, participant_id: str) -> list[Subscription]:
        """Return a participant's reachable connections, as subscriptions with an empty `conversation_id`."""
        ...


class SubscriptionStore(Protocol):
    """Which connection is subscribed to which conversation."""

    def subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        """Save a subscription.

        Preconditions: the participant is a member since that epoch, the connection has that generation, and it is
        stale exactly if it is being revived; then the subscription must still be there. Returns False if one of
        them fails.

        Raises:
            Superseded: all of them hold, but its order is too low.
            WriteConflict: nothing was written.
        """
        ...

    def unsubscribe(self, connection: Connection, conversation_id: str, order: int) -> None:
        """Replace a subscription by a tombstone that keeps the order until the connection expires.

        Without a subscription there is a tombstone as well: a `subscribe` with a lower order can still come.

        Raises:
            Superseded: the order is too low.
            WriteConflict: nothing was written.
        """
        ...

    def subscription(self, connection_id: str, conversation_id: str) -> Subscription | None:
        """Return a subscription, even if the connection is stale."""
        ...

    def subscriptions_of_connection(self, connection_id: str) -> list[Subscription]:
        """Return what a connection has subscribed to, even if it is stale."""
        ...

    def subscribers(self, conversation_id: str) -> list[Subscription]:
        """Return the subscriptions to a conversation."""
        ...

    def unsubscribe_participant(self, conversation_id: str, participant_id: str, before: int) -> None:
        """Delete a participant's subscriptions under memberships that began before this event."""
        ...

    def unsubscribe_all(self, conversation_id: str) -> None:
        """Delete all subscriptions to a conversation."""
        ...


class FeedStore(Protocol):
    """The directory: which connections of a participant receive the activity of all their conversations."""

    def add(self, connection: Connection, *, reviving: bool = False) -> bool:
        """Add a connection; beyond the limit on connections, the oldest is removed.

        Preconditions: the connection has that generation, and is stale exactly if it is being revived. Returns
        False if they fail. Raises WriteConflict.
        """
        ...

    def remove(self, participant_id: str, connection_id: str, generation: int | None = None) -> None:
        """Remove a connection, unless it has a later generation."""
        ...

    def renew(self, connection: Connection, token_expires_at: int) -> None:
        """Save the expiry of a new token with a connection, if it is there."""
        ...

    def connections(self, participant_ids: Sequence[str]) -> list[Subscription]:
        """Return the connections of these participants, as subscriptions with an empty `conversation_id`."""
        ...


class TicketStore(Protocol):
    """Single-use tickets, by the digest of each."""

    def save_ticket(self, key: str, connection: Connection, expires_at: int) -> None:
        """Save whose ticket it is: participant, name and token expiry of `connection`."""
        ...

    def redeem_ticket(self, key: str, now: int) -> Connection | None:
        """Delete a ticket and return whose it was. At most one caller gets it."""
        ...


class TypingStore(Protocol):
    """The typing of a connection in a conversation: the order of the last command, and when it was last pushed."""

    def start_typing(
        self, connection_id: str, conversation_id: str, order: int, now: int, *, interval: int
    ) -> bool:
        """Record a start; return whether a push is due: not superseded, and none in the last `interval` ms."""
        ...

    def stop_typing(self, connection_id: str, conversation_id: str, order: int, now: int) -> bool:
        """Record a stop; return whether a push is due: not superseded, and the last push was a start."""
        ...


class PendingOfflineStore(Protocol):
    """Members without a connection, until that is announced or they are back."""

    def record_pending_offline(
        self, conversation_id: str, participant_id: str, disconnect_id: str, now: int
    ) -> None:
        """Record that the last connection of a member closed at `now` (ms), in place of an earlier record."""
        ...

    def cancel_pending_offline(self, conversation_id: str, participant_id: str) -> int | None:
        """Delete the record of a member; return when (ms) it was made, None if there is none."""
        ...

    def pending_offline(self, conversation_id: str, disconnect_id: str) -> list[str]:
        """Return the members that have a record of a disconnect."""
        ...

    def claim_pending_offline(self, conversation_id: str, participant_id: str, disconnect_id: str) -> bool:
        """Delete the record of a member if it is that of a disconnect. Of concurrent callers, one gets True."""
        ...
