"""Notify lists: the members to notify of a message, because none of their active connections is subscribed.

They are decided before the first attempt of a delivery, from the roster, the subscriptions, and the memberships
and connections of those without a subscription. The decision is stored with the range, so a repeat has the same
lists. The events are read first: a member who was removed before a message was appended is not in the roster (L7).
A repeat reads the roster again, as the decision has no ids, and the suspensions of the listed members. So
departed, erased and suspended members are omitted.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.connections import Subscription, online_participants
from chalicelib.core.model.conversations import ConversationState, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.notify import (
    Absence,
    NotifyDecision,
    NotifyList,
    concerns,
    digest_of,
    first_beyond,
    has_list,
    is_receiver,
    lists_of,
)
from chalicelib.core.model.publishing import Endpoint, InFlight
from chalicelib.core.ports.connections import ConnectionStore, SubscriptionStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.revocations import RevocationStore
from chalicelib.core.publishing.logs import PublishedLog

PARALLEL_QUERIES = 32
"""The members whose connections are looked for at the same time."""


class Notify:
    """Decides the notify lists of deliveries to endpoints with `notify`."""

    def __init__(
        self,
        *,
        memberships: MembershipStore,
        subscriptions: SubscriptionStore,
        connections: ConnectionStore,
        revocations: RevocationStore,
        runtime: Runtime,
    ) -> None:
        self._memberships = memberships
        self._subscriptions = subscriptions
        self._connections = connections
        self._revocations = revocations
        self._clock = runtime.clock
        self._gather = runtime.gather
        self._ping_interval = runtime.timing.ping_interval

    def decide(
        self, endpoint: Endpoint, log: PublishedLog, in_flight: InFlight, events: Sequence[Event]
    ) -> tuple[InFlight, Sequence[NotifyList]]:
        """Return the range of a new delivery with the decision, and its notify lists.

        The range is shortened to as many lists as a delivery has room for.
        """
        now, head = milliseconds(self._clock), log.conversation
        messages = [event for event in events if event["sequence_id"] <= in_flight.last and has_list(event, now)]
        if not endpoint.notify or not messages or head is None or head.state is not ConversationState.LIVE:
            return in_flight, ()
        roster, subscribers = self._gather(
            lambda: self._memberships.roster(head.conversation_id),
            lambda: self._subscriptions.subscribers(head.conversation_id),
        )
        receivers = {
            member.participant_id: member
            for member in roster
            if is_receiver(member, head) and any(concerns(message, member) for message in messages)
        }
        decision = NotifyDecision(now, self._absent(head.conversation_id, receivers, subscribers, messages))
        lists = lists_of(decision, messages, roster, head)
        end = first_beyond(lists) or in_flight.last + 1
        last = max(event["sequence_id"] for event in events if event["sequence_id"] < end)
        return in_flight._replace(last=last, notify=decision), [each for each in lists if each.sequence_id < end]

    def lists_of_repeat(
        self, endpoint: Endpoint, log: PublishedLog, in_flight: InFlight, events: Sequence[Event]
    ) -> Sequence[NotifyList]:
        """Return the notify lists of a delivery as decided before its first attempt, as far as they apply."""
        decision, head = in_flight.notify, log.conversation
        if not endpoint.notify or decision is None or head is None:
            return ()
        lists = lists_of(decision, events, self._memberships.roster(head.conversation_id), head)
        rules = self._revocations.rules_of([*{member.participant_id for each in lists for member in each.members}])
        suspended = {participant_id for participant_id, rule in rules.items() if rule.suspended_at}
        return [
            each._replace(members=[member for member in each.members if member.participant_id not in suspended])
            for each in lists
        ]

    def _absent(
        self,
        conversation_id: str,
        receivers: Mapping[str, Membership],
        subscribers: Iterable[Subscription],
        messages: Sequence[Event],
    ) -> dict[str, Absence]:
        """Return the state of the receivers without an active subscription, if a message is unread."""
        watching = self._online(
            subscriber
            for subscriber in subscribers
            if (member := receivers.get(subscriber.participant_id)) and subscriber.epoch >= member.epoch
        )
        others = [participant_id for participant_id in receivers if participant_id not in watching]
        if not others:
            return {}
        memberships, rules = self._gather(
            lambda: self._memberships.memberships_in(conversation_id, others),
            lambda: self._revocations.rules_of(others),
        )
        unread = [
            member
            for member in memberships.values()
            if member.epoch == receivers[member.participant_id].epoch
            and rules[member.participant_id].type_of(member.type) != "agent"
            and not rules[member.participant_id].suspended_at
            and any(concerns(message, member, member.read_up_to) for message in messages)
        ]
        connected = self._connected([member.participant_id for member in unread])
        return {
            digest_of(member): Absence(
                is_connected=member.participant_id in connected,
                is_muted=receivers[member.participant_id].notifications_muted or member.archived,
                read_up_to=member.read_up_to,
            )
            for member in unread
        }

    def _connected(self, participant_ids: Sequence[str]) -> set[str]:
        """Return the participants with an online connection, whatever it is subscribed to."""
        found: list[Subscription] = []
        for start in range(0, len(participant_ids), PARALLEL_QUERIES):
            some = participant_ids[start : start + PARALLEL_QUERIES]
            queries = [functools.partial(self._connections.active_connections_of, each) for each in some]
            found += itertools.chain(*self._gather(*queries))
        return self._online(found)

    def _online(self, reachable: Iterable[Subscription]) -> set[str]:
        """Return the participants whose connections are online, by the rule of presence."""
        candidates = list(reachable)
        connections = self._connections.get_many([candidate.connection_id for candidate in candidates])
        return online_participants(candidates, connections, milliseconds(self._clock), self._ping_interval)
