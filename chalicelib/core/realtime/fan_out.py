"""Getting frames to sockets: after the commit, to whoever is subscribed then, each frame serialised once.

The recipients are asked for after the commit. A socket that subscribes at the same time is either in that
answer, or it reads the log after its subscription stood and finds the event there (L5). Who has gone from the
conversation by an event up to this one is left out even if a subscription of theirs still lies about (L7).

All sockets are posted to at the same time and none is waited for beyond the deadline; what cannot be
delivered is dropped, and its reader recovers by `sync` (L6). A socket that is gone (410) is noted as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from chalicelib.core.kernel import json_codec
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.kernel.metrics import Metric, Observer
from chalicelib.core.model.connections import Subscription
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.delivery import ConnectionPoster
from chalicelib.core.protocol.frames import Frame, disconnect
from chalicelib.core.realtime.outbox import (
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


class FanOut:
    """Carries out pushes and answers."""

    def __init__(
        self,
        connections: ConnectionStore,
        presence: Presence,
        poster: ConnectionPoster,
        clock: Clock,
        gather: Gather,
        observer: Observer,
        timing: Timing,
    ) -> None:
        self._connections = connections
        self._presence = presence
        self._poster = poster
        self._clock = clock
        self._gather = gather
        self._observer = observer
        self._timing = timing

    def deliver(self, pushes: Sequence[Push], *, within: float, answer: DirectReply | None = None) -> None:
        """Post `answer` to the socket that asked, and beside that carry out `pushes`.

        Returns within about `within` seconds, however the sockets behave.
        """
        deadline = self._clock.monotonic() + within
        answered, gone = self._gather(
            lambda: answer is None or self._answer(answer, deadline),
            lambda: self._fan_out(pushes, deadline),
        )
        missing = {each.connection_id: (each.generation, each.participant_id) for each in gone}
        if answer is not None and not answered:
            missing.setdefault(answer.connection_id, (answer.generation, ""))
        went: list[Push] = []
        for connection_id, (generation, participant_id) in missing.items():
            if self._clock.monotonic() >= deadline:
                break
            ended = self._connections.mark_stale(connection_id, generation, participant_id)
            if ended:
                more = self._presence.on_unsubscribed(ended)
                self._post(self._group_by_connection(more), deadline)
                went += more
        self._debounce_offline(went, deadline)

    def _answer(self, answer: DirectReply, deadline: float) -> bool:
        payloads = [_payload(each) for each in answer.frames]
        if not payloads:
            return True
        gone = self._poster.post_all({answer.connection_id: payloads}, deadline)
        acknowledged = any(each["type"] == "message_ack" for each in answer.frames)
        if acknowledged and not gone and answer.received_at is not None:
            self._record_latency(Metric.ACK_LATENCY, self._clock.now() - answer.received_at)
        return not gone

    def _fan_out(self, pushes: Sequence[Push], deadline: float) -> list[Subscription]:
        """Carry out pushes; the recipients that are gone."""
        if not pushes:
            return []
        began = self._clock.monotonic()
        mail = self._group_by_connection(pushes)
        gone: list[Subscription] = []
        if mail:
            self._observer.count(Metric.FAN_OUT_SIZE, len(mail))
            gone = self._post(mail, deadline)
            self._record_latency(Metric.FAN_OUT_LATENCY, self._clock.monotonic() - began)
        return gone + self._debounce_offline(pushes, deadline)

    def _debounce_offline(self, pushes: Sequence[Push], deadline: float) -> list[Subscription]:
        """Leave the departures to the queue, and tell what it does not take; the recipients that are gone.

        After everything else is posted, as nobody waits for it.
        """
        departures = [each for each in pushes if isinstance(each, PendingOffline)]
        return self._post(self._group_by_connection(self._presence.debounce(departures)), deadline)

    def _record_latency(self, what: Metric, seconds: float) -> None:
        self._observer.count(what, round(max(seconds, 0.0) * 1000, 1))

    def disconnect(self, connection_id: str, final_frame: Frame) -> None:
        """Tell a socket why, close it, and forget it."""
        deadline = self._clock.monotonic() + self._timing.http_fan_out
        self._poster.post_all({connection_id: [_payload(final_frame)]}, deadline)
        self._poster.close(connection_id)
        _, ended = self._connections.close(connection_id)
        went = self._presence.on_unsubscribed(ended)
        self._post(self._group_by_connection(went), deadline)
        self._debounce_offline(went, deadline)

    # ---- who gets what ---------------------------------------------------------------------------------

    def _group_by_connection(self, pushes: Sequence[Push]) -> dict[str, tuple[Subscription, list[bytes]]]:
        mail: dict[str, tuple[Subscription, list[bytes]]] = {}
        asked: dict[str, list[Subscription]] = {}
        for push in pushes:
            if isinstance(push, PendingOffline):
                continue
            payload = _payload(push.frame)
            for each in self._recipients(push, asked):
                mail.setdefault(each.connection_id, (each, []))[1].append(payload)
        return mail

    def _recipients(
        self,
        push: ToSubscribers | ToSubscriptions | ToParticipants,
        asked: dict[str, list[Subscription]],
    ) -> Iterable[Subscription]:
        match push:
            case ToSubscriptions(subscriptions):
                return subscriptions
            case ToParticipants(participant_ids):
                found: list[Subscription] = []
                for start in range(0, len(participant_ids), _LOOKUP_CONCURRENCY):
                    some = participant_ids[start : start + _LOOKUP_CONCURRENCY]
                    for sockets in self._gather(*(self._connections_of(each) for each in some)):
                        found += sockets
                return found
            case ToSubscribers(conversation_id):
                if conversation_id not in asked:
                    asked[conversation_id] = self._connections.subscribers(conversation_id)
                return [each for each in asked[conversation_id] if _is_recipient(each, push)]

    def _connections_of(self, participant_id: str) -> Callable[[], list[Subscription]]:
        return lambda: self._connections.active_connections_of(participant_id)

    # ---- posting ---------------------------------------------------------------------------------------

    def _post(self, mail: dict[str, tuple[Subscription, list[bytes]]], deadline: float) -> list[Subscription]:
        """Post; the recipients that are gone."""
        now = self._clock.now()
        overdue = {
            each: mail.pop(each)
            for each, (to, _) in list(mail.items())
            if to.token_expires_at + self._timing.expired_token_grace < now
        }
        gone = self._poster.post_all({each: payloads for each, (_, payloads) in mail.items()}, deadline)
        recipients = [mail[each][0] for each in gone]
        for each, (to, payloads) in overdue.items():
            if self._clock.monotonic() >= deadline:
                break
            if not self._renewed_since(to):
                self.disconnect(each, TOKEN_EXPIRED)
            elif self._poster.post_all({each: payloads}, deadline):
                recipients.append(to)
        return recipients

    def _renewed_since(self, subscription: Subscription) -> bool:
        """Whether the socket has a newer token than its subscription says; `auth` gets to them one by one."""
        socket = self._connections.get(subscription.connection_id)
        return socket is not None and (
            socket.token_expires_at + self._timing.expired_token_grace >= self._clock.now()
        )


def _payload(frame: Frame) -> bytes:
    return json_codec.dumps(frame).encode()


def _is_recipient(subscription: Subscription, push: ToSubscribers) -> bool:
    if push.departed.get(subscription.participant_id, 0) > subscription.epoch:
        return False
    return (
        subscription.subscribed_at >= push.subscribed_since
        and subscription.participant_id != push.exclude_participant
        and subscription.connection_id != push.exclude_connection
    )
