"""Who listens: a participant is online in a conversation while a socket of theirs is subscribed to it.

A socket that was not heard for two ping intervals counts as gone, whatever API Gateway says or fails to
say. Presence is told on a best effort: it is never stored and never part of the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from .clock import Clock, milliseconds
from .frames import presence_push
from .limits import Limits, Timing
from .model import Head, Person, State, Subscription
from .ports import ConnectionStore, ConversationStore
from .pushes import Push, ToSubscribers


class Presence:
    """Answers who is online, and what to say when that changes."""

    def __init__(
        self,
        conversations: ConversationStore,
        connections: ConnectionStore,
        clock: Clock,
        limits: Limits,
        timing: Timing,
    ) -> None:
        self._conversations = conversations
        self._connections = connections
        self._clock = clock
        self._limits = limits
        self._timing = timing

    def online(self, head: Head) -> set[str]:
        """Who is online in a conversation; nobody, as far as anybody is told, where too many are in."""
        if not self._told_of(head):
            return set()
        return self.among(self._connections.subscribers(head.conversation_id))

    def _told_of(self, head: Head | None) -> bool:
        """Whether the conversation is live, and so small that it tells who is online.

        What a push costs grows with the number of people, and how often it is due does as well.
        """
        return (
            head is not None
            and head.state is State.LIVE
            and head.participants <= self._limits.presence_participants
        )

    def among(self, subscriptions: Sequence[Subscription]) -> set[str]:
        """Whose subscriptions are of sockets that live."""
        if not subscriptions:
            return set()
        sockets = self._connections.sockets([each.connection_id for each in subscriptions])
        since = milliseconds(self._clock) - 2_000 * self._timing.ping_interval
        return {
            each.participant_id
            for each in subscriptions
            if (socket := sockets.get(each.connection_id)) and not socket.gone and socket.last_seen >= since
        }

    def came(self, subscription: Subscription, person: Person) -> list[Push]:
        """After a socket subscribed: a push, if it is the first one of its person.

        Of two that subscribe at once, each sees itself; the earlier one tells.
        """
        head = self._conversations.head(subscription.conversation_id)
        if head is None or not self._told_of(head):
            return []
        mine = [
            (each.since, each.connection_id)
            for each in self._connections.subscribers(subscription.conversation_id)
            if each.participant_id == subscription.participant_id
        ]
        if mine and min(mine) != (subscription.since, subscription.connection_id):
            return []
        return self._told(head, person, online=True)

    def went(self, subscriptions: Sequence[Subscription]) -> list[Push]:
        """After these subscriptions of one person ended: a push for each conversation without another one."""
        pushes: list[Push] = []
        for ended in subscriptions:
            head = self._conversations.head(ended.conversation_id)
            if head is None or not self._told_of(head):
                continue
            left = self._connections.subscribers(ended.conversation_id)
            if any(each.participant_id == ended.participant_id for each in left):
                continue
            member = self._conversations.membership(ended.conversation_id, ended.participant_id)
            if member is not None and left:
                pushes += self._told(head, member.person, online=False)
        return pushes

    def _told(self, head: Head, person: Person, *, online: bool) -> list[Push]:
        return [
            ToSubscribers(
                head.conversation_id,
                presence_push(head.conversation_id, person, online),
                head.gone,
                not_to_participant=person.participant_id,
            )
        ]
