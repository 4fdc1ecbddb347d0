"""Who listens: a participant is online in a conversation while a socket of theirs is subscribed to it.

A socket that was not heard for two ping intervals counts as gone, whatever API Gateway says or fails to
say. Presence is told on a best effort: it is never stored and never part of the log.

Most who go are back at once: a telephone changes networks, a page is loaded again. So when the last socket of a
person goes, a **note** of it is kept under a random mark, and a message to the queue names the mark. After the
settling time whoever gets that message takes the note, and tells the others if the person is still away. Who is
back before that takes the note as well: nobody was told that they went, so nobody is told that they are back, but
for those who have subscribed in between and saw them absent. A note is taken once, so it is told once at most.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.conversations import ConversationState, Head
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.jobs import JobQueue
from chalicelib.core.protocol.frames import presence_push
from chalicelib.core.realtime.outbox import PendingOffline, Push, ToSubscribers

PRESENCE = "presence"
"""The kind of work that tells who went."""
MAX_PER_JOB = 200
"""Departures that one message names: about 8 KB, and a few seconds of work."""
_SUBSCRIBING = 1000
"""Milliseconds before a departure in which who subscribed may have looked after it: clocks differ, too."""


class Presence:
    """Answers who is online, and what to say when that changes."""

    def __init__(
        self,
        conversations: ConversationStore,
        connections: ConnectionStore,
        clock: Clock,
        queue: JobQueue | None,
        limits: Limits,
        timing: Timing,
    ) -> None:
        self._conversations = conversations
        self._connections = connections
        self._clock = clock
        self._queue = queue if timing.presence_debounce > 0 else None
        self._limits = limits
        self._timing = timing

    def online(self, head: Head) -> set[str]:
        """Who is online in a conversation; nobody, as far as anybody is told, where too many are in."""
        if not self._is_tracked(head):
            return set()
        return self._online_participants(self._connections.subscribers(head.conversation_id))

    def _is_tracked(self, head: Head | None) -> bool:
        """Whether the conversation is live, and so small that it tells who is online.

        What a push costs grows with the number of people, and how often it is due does as well.
        """
        return (
            head is not None
            and head.state is ConversationState.LIVE
            and head.participant_count <= self._limits.presence_participants
        )

    def _online_participants(self, subscriptions: Sequence[Subscription]) -> set[str]:
        """Whose subscriptions are of sockets that live."""
        if not subscriptions:
            return set()
        sockets = self._connections.get_many([each.connection_id for each in subscriptions])
        since = milliseconds(self._clock) - 2_000 * self._timing.ping_interval
        return {
            each.participant_id
            for each in subscriptions
            if (socket := sockets.get(each.connection_id)) and not socket.is_stale and socket.last_seen >= since
        }

    # ---- coming and going ------------------------------------------------------------------------------

    def on_subscribed(self, subscription: Subscription, person: Actor) -> list[Push]:
        """After a socket subscribed: a push, if it is the first one of its person.

        Of two that subscribe at once, each sees itself; the earlier one tells.
        """
        head = self._conversations.head(subscription.conversation_id)
        if head is None or not self._is_tracked(head):
            return []
        present = self._connections.subscribers(subscription.conversation_id)
        mine = [
            (each.subscribed_at, each.connection_id)
            for each in present
            if each.participant_id == subscription.participant_id
        ]
        if mine and min(mine) != (subscription.subscribed_at, subscription.connection_id):
            return []
        left_at = None
        if self._queue is not None:
            left_at = self._connections.cancel_pending_offline(
                subscription.conversation_id, subscription.participant_id
            )
        since = 0 if left_at is None else left_at - _SUBSCRIBING
        others = [each for each in present if each.participant_id != subscription.participant_id]
        if since and all(each.subscribed_at < since for each in others):
            return []
        return [self._presence_push(head, person, online=True, since=since)]

    def on_unsubscribed(self, subscriptions: Sequence[Subscription]) -> list[Push]:
        """After these subscriptions ended: what to tell where their people have no other one.

        With a queue that is told later: then these are departures, of which a note stands from now on.
        """
        mark, now = secrets.token_urlsafe(9), milliseconds(self._clock)
        pushes: list[Push] = []
        for where in dict.fromkeys(each.conversation_id for each in subscriptions):
            ended = {each.participant_id for each in subscriptions if each.conversation_id == where}
            gone = self._offline_members(where, ended)
            if self._queue is None:
                pushes += self._offline_pushes(gone)
            elif gone:
                for _, person in gone:
                    self._connections.record_pending_offline(where, person.participant_id, mark, now)
                pushes.append(PendingOffline(where, mark))
        return pushes

    def _offline_members(self, where: str, people: Iterable[str]) -> list[tuple[Head, Actor]]:
        """Those of these people who are members and do not listen, if anybody does who is to be told."""
        head = self._conversations.head(where)
        if head is None or not self._is_tracked(head):
            return []
        listening = {each.participant_id for each in self._connections.subscribers(where)}
        absent = [each for each in people if each not in listening] if listening else []
        members = [self._conversations.membership(where, each) for each in absent]
        return [(head, each.actor) for each in members if each is not None]

    def _offline_pushes(self, gone: Sequence[tuple[Head, Actor]]) -> list[ToSubscribers]:
        return [self._presence_push(head, person, online=False) for head, person in gone]

    def _presence_push(self, head: Head, person: Actor, *, online: bool, since: int = 0) -> ToSubscribers:
        return ToSubscribers(
            head.conversation_id,
            presence_push(head.conversation_id, person, online),
            head.departed,
            exclude_participant=person.participant_id,
            subscribed_since=since,
        )

    # ---- when it has settled ---------------------------------------------------------------------------

    def debounce(self, departures: Sequence[PendingOffline]) -> list[ToSubscribers]:
        """Have these settled in a while, by the queue; what it does not take is settled now, and to be told."""
        pushes: list[ToSubscribers] = []
        for start in range(0, len(departures), MAX_PER_JOB):
            some = departures[start : start + MAX_PER_JOB]
            if not self._sent(some):
                pushes += [push for each in some for push in self.resolve(each)]
        return pushes

    def _sent(self, departures: Sequence[PendingOffline]) -> bool:
        if self._queue is None:
            return False
        try:
            self._queue.send(encode_job(departures), self._timing.presence_debounce)
        except Unavailable:
            return False
        return True

    def resolve(self, departure: PendingOffline) -> list[ToSubscribers]:
        """What to tell of a departure by now: of those who are back, or went once more since, nothing."""
        people = self._connections.claim_pending_offline(departure.conversation_id, departure.batch_id)
        return self._offline_pushes(self._offline_members(departure.conversation_id, people)) if people else []


def encode_job(departures: Sequence[PendingOffline]) -> str:
    """A message about these; it names conversations and marks, and nobody."""
    return f"{PRESENCE}:" + ",".join(f"{each.conversation_id}/{each.batch_id}" for each in departures)


def decode_job(named: str) -> list[PendingOffline]:
    """What a message names. Raises ValueError if we have not written it."""
    found = []
    for each in named.split(","):
        conversation_id, slash, mark = each.partition("/")
        if not (is_conversation_id(conversation_id) and slash and mark):
            raise ValueError("these are no departures")
        found.append(PendingOffline(conversation_id, mark))
    return found
