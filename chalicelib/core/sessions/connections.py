"""The life of a connection: opened, alive, perhaps stale and revived, closed.

A connection is marked as stale after a post that was answered with 410. That can be wrong. If such a connection
sends a frame, it gets a new *generation*, and its subscriptions are restored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.core.conversations.prices import price
from chalicelib.core.kernel.backoff import retry_after
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ChatError, Forbidden, RateLimited, Unauthorized, Unavailable
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.messaging.budget import Budget
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.ports.connections import ConnectionStore, FeedStore, SubscriptionStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.realtime.outbox import Push
from chalicelib.core.realtime.presence import Presence
from chalicelib.core.sessions.command_context import FrameResult
from chalicelib.identity.model import Identity

if TYPE_CHECKING:
    from chalicelib.core.ports.revocations import RevocationStore


_FEED_ATTEMPTS = 4
MAX_CLOSED_AT_ONCE = 10
"""The most connections that one handshake closes: more are left after the limit was lowered."""
CLOSING_SECONDS = 60.0
"""After how long a handshake closes a connection again that an earlier one was to close, and did not, as after a
crash. A handshake takes 29 seconds at most (API Gateway quotas, "Integration timeout")."""


class Connections:
    """Opens and closes connections, and keeps them alive."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        subscriptions: SubscriptionStore,
        feeds: FeedStore,
        memberships: MembershipStore,
        presence: Presence,
        revocations: RevocationStore,
        verify: Callable[[str], Identity],
        budget: Budget,
        runtime: Runtime,
    ) -> None:
        self._connections = connections
        self._subscriptions = subscriptions
        self._feeds = feeds
        self._memberships = memberships
        self._presence = presence
        self._revocations = revocations
        self._verify = verify
        self._budget = budget
        self._runtime = runtime
        self._clock = runtime.clock

    def open(self, connection_id: str, identity: Identity) -> list[str]:
        """Save whose connection it is; return the participant's oldest ones above the limit, to be closed.

        It is not reachable before its first frame was handled.

        A revocation is read after the connection was written: so either this finds the revocation, or an erasure,
        which revokes first, finds the connection. The same holds for a suspension.

        Raises:
            Unauthorized, Suspended: the token was revoked, or is that of a service, or of a suspended participant.
            RateLimited: the participant has sent too many frames a moment ago, or spent the budget.
        """
        if identity.service is not None:
            raise Unauthorized("A service opens no connection: it creates tickets for participants.")
        self._budget.charge(identity.participant_id, price("connect"))
        now = milliseconds(self._clock)
        connection = Connection(
            connection_id,
            identity.participant_id,
            identity.name,
            identity.expires_at,
            connected_at=now,
            last_seen=now,
            type=identity.type,
        )
        try:
            self._connections.open(connection)
            return self._admit(connection, identity)
        except ChatError:
            # The handshake fails, so `$disconnect` does not come.
            self._connections.discard(connection)
            raise

    def _admit(self, connection: Connection, identity: Identity) -> list[str]:
        """Let a new connection stay; return those to be closed for it. Raises as `open` does."""
        now = connection.connected_at
        rules, (opened, refused_until) = self._runtime.gather(
            lambda: self._revocations.rules(identity.participant_id),
            lambda: self._connections.opened(identity.participant_id, now),
        )
        accepted = identity.under(rules)
        if refused_until > now:
            wait = (refused_until - now) / 1000
            raise RateLimited("Too many frames: connect later.", retry_after=wait)
        if accepted.type != identity.type:
            self._connections.refresh_token(connection, identity.expires_at, None, accepted.type)
        surplus = opened[: max(len(opened) - self._runtime.limits.connections, 0)]
        until = now + round(CLOSING_SECONDS * 1000)
        return [
            other
            for other in surplus[:MAX_CLOSED_AT_ONCE]
            if other != connection.connection_id
            and self._connections.begin_closing(identity.participant_id, other, now, until)
        ]

    def refuse(self, participant_id: str) -> float:
        """Let a participant open no connection for a while; return for how many seconds."""
        seconds = self._runtime.timing.flood_refusal
        self._connections.refuse(participant_id, milliseconds(self._clock) + round(seconds * 1000))
        return seconds

    def close(self, connection_id: str) -> list[Push]:
        """Delete a connection and its subscriptions; return the pushes of presence. No-op if it does not exist."""
        _, ended = self._connections.close(connection_id)
        return self._presence.on_unsubscribed(ended)

    def mark_alive(self, connection: Connection, result: FrameResult) -> Connection:
        """Return a connection after it sent a frame: reachable, and revived if it was stale."""
        alive = replace(
            connection,
            last_seen=milliseconds(self._clock),
            is_active=True,
            is_stale=False,
            generation=connection.generation + connection.is_stale,
        )
        if connection.is_stale and not self._connections.revive(alive.connection_id, alive.generation):
            # Another frame was first; the present generation is not known here.
            return replace(alive, generation=connection.generation)
        result.generation = max(result.generation, alive.generation)
        if connection.is_active and not connection.is_stale:
            return alive
        if connection.is_stale:
            self._restore_subscriptions(alive, result)
        retry_on_conflict(self._runtime, lambda: self._connections.activate(alive, generation=alive.generation))
        return alive

    def _restore_subscriptions(self, connection: Connection, result: FrameResult) -> None:
        """Restore the subscriptions of a connection.

        It stays stale until this is complete: if this process crashes, the next frame of the connection repeats
        it.
        """
        if connection.has_feed:
            self._add_feed(connection, reviving=True)
        for subscription in self._subscriptions.subscriptions_of_connection(connection.connection_id):
            restored = replace(subscription, generation=connection.generation)
            member = self._memberships.membership(subscription.conversation_id, connection.participant_id)
            if member is not None and self.subscribe(restored, reviving=True):
                actor = connection.principal.as_actor(member)
                result.revived.append((restored, actor))

    def subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        """Save a subscription; return False if a precondition failed. Raises Superseded, ConversationBusy."""
        return retry_on_conflict(
            self._runtime, lambda: self._subscriptions.subscribe(subscription, reviving=reviving)
        )

    def start_feed(self, connection: Connection, result: FrameResult) -> None:
        """Let a connection receive the activity of all conversations of its participant, until it ends.

        Raises Unauthorized, Unavailable, ConversationBusy: it does not.
        """
        for _ in range(_FEED_ATTEMPTS):
            if self._add_feed(connection):
                return
            # Meanwhile it was marked as stale, or revived by another frame.
            connection = self.reload(connection.connection_id, result)
        raise Unavailable(retry_after=retry_after())

    def _add_feed(self, connection: Connection, *, reviving: bool = False) -> bool:
        return retry_on_conflict(self._runtime, lambda: self._feeds.add(connection, reviving=reviving))

    def announce_revived(self, result: FrameResult) -> None:
        """Add the online pushes of restored subscriptions, after the command: it may have become stale again."""
        try:
            for subscription, actor in result.revived:
                result.pushes += self._presence.on_subscribed(subscription, actor)
        except ChatError as error:
            result.failure = result.failure or error

    def reload(self, connection_id: str, result: FrameResult) -> Connection:
        """Return a connection as it is now, and alive. Raises Unauthorized if it was closed."""
        connection = self._connections.get(connection_id)
        if connection is None:
            raise Unauthorized("This socket is closed.")
        return self.mark_alive(connection, result)

    def refresh_token(self, connection: Connection, token: str) -> Identity:
        """Save a new token of the same participant; return its identity.

        Raises:
            Unauthorized, Suspended: the token is not accepted, or the connection was closed.
            Forbidden: the token is that of another participant.
        """
        identity = self._verify(token)
        if identity.participant_id != connection.participant_id:
            raise Forbidden("The token is of another participant: open another socket for them.")
        identity = identity.under(self._revocations.rules(identity.participant_id))
        if not self._connections.refresh_token(connection, identity.expires_at, identity.name, identity.type):
            raise Unauthorized("This socket is closed.")
        return identity
