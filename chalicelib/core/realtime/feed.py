"""The feed: the activity of all conversations of a participant, for connections that asked for it in `hello`.

The content of a frame is that of a commit, so it is read before the roster, and the roster right before the frames
are posted: a member who was removed before the commit is not in the roster, and receives nothing of it (L7). Then
the head is read again: if more messages were appended, their frames follow, and this one is skipped. In a busy
conversation, the frames of commits that cross a multiple of `activity.PROGRESS` are sent all the same: it moves.

Like presence, the feed is best effort: clients recover by `ping` and the first page of the list.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence

from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.ports.connections import FeedStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol.frames import Frame, own_read_push
from chalicelib.core.realtime.outbox import Activity


class Feed:
    """Finds the connections that receive the activity of a conversation."""

    def __init__(
        self, *, event_log: EventLogStore, memberships: MembershipStore, feeds: FeedStore, runtime: Runtime
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._feeds = feeds
        self._gather = runtime.gather

    def deliveries(
        self, activities: Sequence[Activity], subscribers: Mapping[str, Sequence[Subscription]]
    ) -> list[tuple[Subscription, list[Frame]]]:
        """Return the connections and the frames of each, in two round trips.

        `subscribers` by conversation receive its events anyway.
        """
        together: dict[str, list[Activity]] = {}
        for activity in activities:
            together.setdefault(activity.head.conversation_id, []).append(activity)
        found = self._gather(
            *(
                functools.partial(
                    self._deliveries_in, conversation_id, group, subscribers.get(conversation_id, ())
                )
                for conversation_id, group in together.items()
            )
        )
        return list(itertools.chain(*found))

    def _deliveries_in(
        self, conversation_id: str, activities: Sequence[Activity], subscribers: Sequence[Subscription]
    ) -> list[tuple[Subscription, list[Frame]]]:
        excluded = activities[-1].head.excluded
        subscribed = {
            subscriber.connection_id
            for subscriber in subscribers
            if excluded.get(subscriber.participant_id, 0) <= subscriber.epoch
        }
        subscribed |= {informed.connection_id for activity in activities for informed in activity.informed}
        members = self._memberships.roster(conversation_id)
        roster = [member.participant_id for member in members]
        unknown = {name for activity in activities for name, read in activity.own_reads.items() if read is None}
        readers = [participant_id for participant_id in roster if participant_id in unknown]
        connections, head, senders = self._gather(
            lambda: self._feeds.connections(roster),
            lambda: self._event_log.head(conversation_id),
            lambda: self._memberships.memberships_in(conversation_id, readers) if readers else {},
        )
        frames = [activity.frame for activity in activities if _is_current(activity, head)]
        reads = _own_reads(activities, senders)
        receivers = {member.participant_id for member in members if receives_activity(member, head)}
        found = [
            (connection, [*reads.get(connection.participant_id, ()), *frames])
            for connection in connections
            if connection.connection_id not in subscribed and connection.participant_id in receivers
        ]
        return [(connection, sent) for connection, sent in found if sent]


def receives_activity(member: Membership, head: Head | None) -> bool:
    """Return whether a member of the roster receives activity.

    Former members do not, nor does the blocker of the other participant of a direct conversation.
    """
    return head is None or head.excluded.get(member.participant_id, 0) <= member.epoch


def _own_reads(activities: Sequence[Activity], members: Mapping[str, Membership]) -> dict[str, list[Frame]]:
    """Return the pushes of the senders' own read pointers, by participant id."""
    reads: dict[str, list[Frame]] = {}
    for activity in activities:
        for participant_id, known in activity.own_reads.items():
            if known is not None:
                reads.setdefault(participant_id, []).append(known)
            elif participant_id in members:
                read = own_read_push(activity.head, members[participant_id])
                reads.setdefault(participant_id, []).append(read)
    return reads


def _is_current(activity: Activity, head: Head | None) -> bool:
    """Return whether a frame is sent: not in a conversation that has ended, and not if a later one follows."""
    if activity.is_final:
        return True
    if head is None or head.state is not ConversationState.LIVE:
        return False
    return activity.is_essential or head.message_count <= activity.head.message_count
