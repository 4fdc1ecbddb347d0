"""Presence: a participant is online in a conversation while one of their connections is subscribed to it.

A connection without a frame in two ping intervals counts as offline, whatever API Gateway reports. Presence is
best effort: it is never part of the log.

Going offline is debounced, as most participants are back at once: a phone changes networks, a page is reloaded.
When the last connection of a member closes, a *pending offline* record is stored under a random disconnect id, and
a job that names it is queued. When it runs after `Timing.presence_debounce`, it claims the records, and
pushes those members as offline who are still absent. A member who is back earlier cancels the record. No offline
push was sent, so no online push is needed, except to connections that subscribed in between: their snapshot
showed the member as offline. A record is claimed or cancelled once, so there is at most one push.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.connections import Subscription, online_participants
from chalicelib.core.model.conversations import ConversationState, Head
from chalicelib.core.ports.connections import ConnectionStore, PendingOfflineStore, SubscriptionStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol.frames import presence_push
from chalicelib.core.realtime.outbox import PendingOffline, Push, ToSubscribers

PRESENCE = "presence"
"""The kind of job that resolves pending offline records."""
MAX_PER_JOB = 200
"""Disconnects that one job names: about 8 KB, and a few seconds of work."""
_CLOCK_SKEW = 1000
"""Milliseconds before a record in which a new subscriber may already have seen the member as offline."""


class Presence:
    """Determines presence, and the pushes that a change of it causes."""

    def __init__(
        self,
        *,
        event_log: EventLogStore,
        memberships: MembershipStore,
        connections: ConnectionStore,
        subscriptions: SubscriptionStore,
        pending_offline: PendingOfflineStore,
        queue: JobQueue | None,
        runtime: Runtime,
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._connections = connections
        self._subscriptions = subscriptions
        self._pending_offline = pending_offline
        self._queue = queue if runtime.timing.presence_debounce > 0 else None
        self._clock = runtime.clock
        self._limits = runtime.limits
        self._timing = runtime.timing

    def online(self, head: Head) -> set[str]:
        """Return the online participants of a conversation; the empty set where presence is not tracked."""
        if not self._is_tracked(head):
            return set()
        subscribers = self._subscriptions.subscribers(head.conversation_id)
        connections = self._connections.get_many([subscriber.connection_id for subscriber in subscribers])
        now = milliseconds(self._clock)
        return online_participants(subscribers, connections, now, self._timing.ping_interval) - head.blockers

    def _is_tracked(self, head: Head | None) -> bool:
        """Return whether a conversation is live, and small enough for presence.

        In a large one, both the cost of a push and the number of pushes grow with the participants.
        """
        return (
            head is not None
            and head.state is ConversationState.LIVE
            and head.participant_count <= self._limits.presence_participants
        )

    # ---- changes ---------------------------------------------------------------------------------------

    def on_subscribed(self, subscription: Subscription, actor: Actor) -> list[Push]:
        """Return the online push that a new subscription causes, if it is the first one of its participant.

        Of two concurrent subscriptions each sees the other; the earlier one causes the push.
        """
        conversation_id, participant_id = subscription.conversation_id, subscription.participant_id
        head = self._event_log.head(conversation_id)
        if head is None or not self._is_tracked(head) or participant_id in head.blockers:
            return []
        subscribers = self._subscriptions.subscribers(conversation_id)
        own = [
            (subscriber.subscribed_at, subscriber.connection_id)
            for subscriber in subscribers
            if subscriber.participant_id == participant_id
        ]
        if own and min(own) != (subscription.subscribed_at, subscription.connection_id):
            return []
        offline_at = None
        if self._queue is not None:
            offline_at = self._pending_offline.cancel_pending_offline(conversation_id, participant_id)
        since = 0 if offline_at is None else offline_at - _CLOCK_SKEW
        others = [subscriber for subscriber in subscribers if subscriber.participant_id != participant_id]
        if since and all(subscriber.subscribed_at < since for subscriber in others):
            return []
        return [self.push(head, actor, online=True, since=since)]

    def on_unsubscribed(self, ended: Sequence[Subscription]) -> list[Push]:
        """Return the pushes that the end of subscriptions causes, for members without another one.

        With a queue these are pending: the members are recorded under a new disconnect id.
        """
        disconnect_id, now = secrets.token_urlsafe(9), milliseconds(self._clock)
        pushes: list[Push] = []
        participants: dict[str, set[str]] = {}
        for subscription in ended:
            participants.setdefault(subscription.conversation_id, set()).add(subscription.participant_id)
        for conversation_id, participant_ids in participants.items():
            offline = self._offline_members(conversation_id, participant_ids)
            if self._queue is None:
                pushes += self._offline_pushes(offline)
            elif offline:
                for _, actor in offline:
                    self._pending_offline.record_pending_offline(
                        conversation_id, actor.participant_id, disconnect_id, now
                    )
                pushes.append(PendingOffline(conversation_id, disconnect_id))
        return pushes

    def _offline_members(
        self, conversation_id: str, participant_ids: Iterable[str], *, is_pending: bool = False
    ) -> list[tuple[Head, Actor]]:
        """Return the members without a subscription; none if there is no subscriber to notify.

        Blockers have been pushed as offline, unless the push for them `is_pending`.
        """
        head = self._event_log.head(conversation_id)
        if head is None or not self._is_tracked(head):
            return []
        subscribers = self._subscriptions.subscribers(conversation_id)
        subscribed = {subscriber.participant_id for subscriber in subscribers}
        if not subscribed:
            return []
        # A pending push precedes a block: its member still looks online, and has to look offline, back or not.
        subscribed = subscribed - head.blockers if is_pending else subscribed | head.blockers
        absent = [participant_id for participant_id in participant_ids if participant_id not in subscribed]
        members = [self._memberships.membership(conversation_id, participant_id) for participant_id in absent]
        return [(head, member.actor) for member in members if member is not None]

    def _offline_pushes(self, offline: Sequence[tuple[Head, Actor]]) -> list[ToSubscribers]:
        return [self.push(head, actor, online=False) for head, actor in offline]

    def push(self, head: Head, actor: Actor, *, online: bool, since: int = 0) -> ToSubscribers:
        """Return the push of a participant's presence to the other subscribers."""
        return ToSubscribers(
            head.conversation_id,
            presence_push(head.conversation_id, actor, online),
            head.excluded,
            exclude_participant=actor.participant_id,
            subscribed_since=since,
        )

    # ---- debounce --------------------------------------------------------------------------------------

    def debounce(self, pending: Sequence[PendingOffline]) -> list[ToSubscribers]:
        """Queue the resolution of pending pushes. Those that the queue does not take are resolved and returned."""
        pushes: list[ToSubscribers] = []
        for start in range(0, len(pending), MAX_PER_JOB):
            disconnects = pending[start : start + MAX_PER_JOB]
            if not self._enqueue(disconnects):
                pushes += [push for disconnect in disconnects for push in self.resolve(disconnect)]
        return pushes

    def _enqueue(self, pending: Sequence[PendingOffline]) -> bool:
        if self._queue is None:
            return False
        try:
            self._queue.send(encode_job(pending), self._timing.presence_debounce)
        except Unavailable:
            return False
        return True

    def resolve(self, pending: PendingOffline) -> list[ToSubscribers]:
        """Claim the records of a disconnect; return the pushes for those of its members who are still offline.

        All that can fail comes before the first claim, so that a repeat of the job finds the records again.
        """
        conversation_id, disconnect_id = pending
        participant_ids = self._pending_offline.pending_offline(conversation_id, disconnect_id)
        if not participant_ids:
            return []
        offline = self._offline_members(conversation_id, participant_ids, is_pending=True)
        claimed = {
            participant_id
            for participant_id in participant_ids
            if self._pending_offline.claim_pending_offline(conversation_id, participant_id, disconnect_id)
        }
        return self._offline_pushes([(head, actor) for head, actor in offline if actor.participant_id in claimed])


def encode_job(pending: Sequence[PendingOffline]) -> str:
    """Return the job that resolves these; it names conversations and disconnects, and no participant."""
    return f"{PRESENCE}:" + ",".join(f"{offline.conversation_id}/{offline.disconnect_id}" for offline in pending)


def decode_job(disconnects: str) -> list[PendingOffline]:
    """Return what a job of `encode_job` names, without its kind. Raises ValueError."""
    pending = []
    for disconnect in disconnects.split(","):
        conversation_id, slash, disconnect_id = disconnect.partition("/")
        if not (is_conversation_id(conversation_id) and slash and disconnect_id):
            raise ValueError("not a list of pending offline disconnects")
        pending.append(PendingOffline(conversation_id, disconnect_id))
    return pending
