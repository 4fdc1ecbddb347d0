"""Posting frames to connections, after the commit; each frame is serialised once.

If a subscription was written before the recipients are queried, the event is pushed; if after, the snapshot of
the new subscriber is read later still and contains the event (L5). A departed member, as the head names them, is
left out even if a subscription is still there (L7).

All connections are posted to in parallel, and none is waited for beyond the deadline; frames that cannot be
delivered are dropped, and their readers recover by `sync` (L6). A connection that no longer exists (HTTP 410) is
marked as stale.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.connections import Subscription
from chalicelib.core.ports.connections import ConnectionStore, SubscriptionStore
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.protocol.frames import Frame, disconnect, with_history_id
from chalicelib.core.realtime.feed import Feed
from chalicelib.core.realtime.outbox import (
    Activity,
    DirectReply,
    PendingOffline,
    Push,
    ToParticipants,
    ToSubscribers,
    ToSubscriptions,
)
from chalicelib.core.realtime.presence import Presence

_LOOKUP_CONCURRENCY = 16
TOKEN_EXPIRED = disconnect("TOKEN_EXPIRED", "The token of this socket has expired.", reconnect=True)

_Deliveries: TypeAlias = dict[str, tuple[Subscription, list[bytes]]]
"""By connection id: a subscription of the connection, and the payloads to post."""


class FanOut:
    """Carries out pushes and direct replies."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        subscriptions: SubscriptionStore,
        presence: Presence,
        feed: Feed,
        poster: ConnectionPoster,
        runtime: Runtime,
    ) -> None:
        self._connections = connections
        self._subscriptions = subscriptions
        self._presence = presence
        self._feed = feed
        self._poster = poster
        self._runtime = runtime
        self._clock = runtime.clock
        self._gather = runtime.gather
        self._observer = runtime.observer
        self._timing = runtime.timing

    def deliver(self, pushes: Sequence[Push], *, within: float, reply: DirectReply | None = None) -> None:
        """Carry out `pushes`, and at the same time post `reply` to the connection whose command it answers.

        Returns after about `within` seconds, however the connections behave.
        """
        deadline = self._clock.monotonic() + within
        is_replied, *stale = self._gather(
            lambda: reply is None or self._post_reply(reply, deadline),
            *([lambda: self._fan_out(pushes, deadline)] if pushes else ()),  # a reply alone needs no thread
        )
        generations = {one.connection_id: (one.generation, one.participant_id) for part in stale for one in part}
        if reply is not None and not is_replied:
            generations.setdefault(reply.connection_id, (reply.generation, ""))
        offline: list[Push] = []
        for connection_id, (generation, participant_id) in generations.items():
            if self._clock.monotonic() >= deadline:
                break
            ended = self._connections.mark_stale(connection_id, generation, participant_id)
            if ended:
                offline += self._announce_offline(ended, deadline)
        self._debounce_offline(offline, deadline)

    def disconnect(self, connection_id: str, final_frame: Frame) -> None:
        """Post a last frame to a connection, close it and delete it."""
        deadline = self._clock.monotonic() + self._timing.http_fan_out
        self._poster.post_all({connection_id: [self._payload(final_frame)]}, deadline)
        self._poster.close(connection_id)
        self._delete(connection_id, deadline)

    def close_surplus(self, participant_id: str, connection_ids: Sequence[str], limit: int) -> None:
        """Post a last frame to connections above the limit and close them; `$disconnect` deletes them."""
        frame = self._payload(
            disconnect("TOO_MANY_CONNECTIONS", f"You have more than {limit} connections.", reconnect=False)
        )
        deadline = self._clock.monotonic() + self._timing.http_fan_out
        gone = self._poster.post_all({connection_id: [frame] for connection_id in connection_ids}, deadline)
        for connection_id in connection_ids:
            if connection_id in gone:
                self._delete(connection_id, deadline, participant_id)
            else:
                self._poster.close(connection_id)

    def _delete(self, connection_id: str, deadline: float, participant_id: str = "") -> None:
        _, ended = self._connections.close(connection_id, participant_id)
        self._debounce_offline(self._announce_offline(ended, deadline), deadline)

    def _announce_offline(self, ended: Sequence[Subscription], deadline: float) -> list[Push]:
        """Post the pushes that are not debounced; return all."""
        pushes = self._presence.on_unsubscribed(ended)
        self._post(self._group_by_connection(pushes), deadline)
        return pushes

    def _post_reply(self, reply: DirectReply, deadline: float) -> bool:
        """Post a reply; return whether its connection is there."""
        payloads = [self._payload(frame) for frame in reply.frames]
        if not payloads:
            return True
        stale = self._poster.post_all({reply.connection_id: payloads}, deadline)
        is_acknowledgement = any(frame["type"] in ("message_ack", "batch_result") for frame in reply.frames)
        if is_acknowledgement and not stale and reply.received_at is not None:
            self._record_latency(Metric.ACK_LATENCY, self._clock.now() - reply.received_at / 1000)
        return not stale

    def _fan_out(self, pushes: Sequence[Push], deadline: float) -> list[Subscription]:
        """Carry out pushes; return the recipients that no longer exist."""
        activities = [push for push in pushes if isinstance(push, Activity)]
        started = self._clock.monotonic()
        subscribers: dict[str, list[Subscription]] = {}
        deliveries = self._group_by_connection(pushes, subscribers)

        def post() -> list[Subscription]:
            if not deliveries:
                return []
            self._observer.count(Metric.FAN_OUT_SIZE, len(deliveries))
            stale = self._post(deliveries, deadline)
            self._record_latency(Metric.FAN_OUT_LATENCY, self._clock.monotonic() - started)
            return stale

        posts = (post, lambda: self._post_activities(activities, subscribers, deadline))
        found = self._gather(*posts) if activities else [post()]
        return [*itertools.chain(*found), *self._debounce_offline(pushes, deadline)]

    def _post_activities(
        self, activities: Sequence[Activity], subscribers: Mapping[str, list[Subscription]], deadline: float
    ) -> list[Subscription]:
        """Post activity, beside the events; return the recipients that no longer exist."""
        if self._clock.monotonic() >= deadline:
            return []
        payloads: dict[int, bytes] = {}
        deliveries: _Deliveries = {}
        for connection, frames in self._feed.deliveries(activities, subscribers):
            for frame in frames:
                payload = payloads.get(id(frame)) or payloads.setdefault(id(frame), self._payload(frame))
                deliveries.setdefault(connection.connection_id, (connection, []))[1].append(payload)
        return self._post(deliveries, deadline)

    def _debounce_offline(self, pushes: Sequence[Push], deadline: float) -> list[Subscription]:
        """Hand pending offline pushes to the queue, last of all, as no request waits for them.

        Those that the queue does not take are posted now; returns the recipients that no longer exist.
        """
        pending = [push for push in pushes if isinstance(push, PendingOffline)]
        return self._post(self._group_by_connection(self._presence.debounce(pending)), deadline)

    def _record_latency(self, metric: Metric, seconds: float) -> None:
        self._observer.count(metric, round(max(seconds, 0.0) * 1000, 1))

    def _group_by_connection(
        self, pushes: Sequence[Push], subscribers: dict[str, list[Subscription]] | None = None
    ) -> _Deliveries:
        """Return the deliveries of pushes. `subscribers` caches the subscriptions of each conversation."""
        deliveries: _Deliveries = {}
        subscribers = {} if subscribers is None else subscribers
        for push in pushes:
            if isinstance(push, PendingOffline | Activity):
                continue
            payload = self._payload(push.frame)
            for recipient in self._recipients(push, subscribers):
                deliveries.setdefault(recipient.connection_id, (recipient, []))[1].append(payload)
        return deliveries

    def _recipients(
        self, push: ToSubscribers | ToSubscriptions | ToParticipants, subscribers: dict[str, list[Subscription]]
    ) -> Iterable[Subscription]:
        """Return the recipients of a push."""
        match push:
            case ToSubscriptions(subscriptions):
                return subscriptions
            case ToParticipants(participant_ids):
                connections = self._connections_of_all(participant_ids)
                return [item for item in connections if item.connection_id != push.exclude_connection]
            case ToSubscribers(conversation_id):
                if conversation_id not in subscribers:
                    subscribers[conversation_id] = self._subscriptions.subscribers(conversation_id)
                return [item for item in subscribers[conversation_id] if _is_recipient(item, push)]

    def _connections_of_all(self, participant_ids: Sequence[str]) -> list[Subscription]:
        found: list[Subscription] = []
        for start in range(0, len(participant_ids), _LOOKUP_CONCURRENCY):
            chunk = participant_ids[start : start + _LOOKUP_CONCURRENCY]
            reads = [partial(self._connections.active_connections_of, each) for each in chunk]
            for connections in self._gather(*reads):
                found += connections
        return found

    def _post(self, deliveries: _Deliveries, deadline: float) -> list[Subscription]:
        """Post, and disconnect connections with an expired token; return the recipients that no longer exist."""
        grace = self._timing.expired_token_grace
        expired = {
            connection_id: deliveries.pop(connection_id)
            for connection_id, (subscription, _) in list(deliveries.items())
            if self._runtime.has_expired(subscription.token_expires_at, grace)
        }
        payloads_of = {connection_id: payloads for connection_id, (_, payloads) in deliveries.items()}
        stale = [deliveries[connection_id][0] for connection_id in self._poster.post_all(payloads_of, deadline)]
        for connection_id, (subscription, payloads) in expired.items():
            if self._clock.monotonic() >= deadline:
                break
            if not self._has_new_token(connection_id):
                self.disconnect(connection_id, TOKEN_EXPIRED)
            elif self._poster.post_all({connection_id: payloads}, deadline):
                stale.append(subscription)
        return stale

    def _payload(self, frame: Frame) -> bytes:
        return json_codec.dumps(with_history_id(frame, self._runtime.history_id)).encode()

    def _has_new_token(self, connection_id: str) -> bool:
        """Return whether `auth` has renewed the token; it updates the connection before its subscriptions."""
        connection = self._connections.get(connection_id)
        grace = self._timing.expired_token_grace
        return connection is not None and not self._runtime.has_expired(connection.token_expires_at, grace)


def _is_recipient(subscription: Subscription, push: ToSubscribers) -> bool:
    if push.departed.get(subscription.participant_id, 0) > subscription.epoch:
        return False
    return (
        subscription.subscribed_at >= push.subscribed_since
        and subscription.participant_id != push.exclude_participant
        and subscription.connection_id != push.exclude_connection
    )
