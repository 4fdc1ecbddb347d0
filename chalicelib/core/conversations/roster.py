"""Arrivals and departures: the commits by which members come and leave, and the pushes that follow.

There is always an owner: when the last one leaves, another member becomes owner (`permissions.successors`). If
only agents and suspended members remain, the conversation is closed, as if it were empty.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import without_expired_mute
from chalicelib.core.conversations.views import view_for_member
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ParticipantLimit
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.actors import Actor, Role
from chalicelib.core.model.conversations import ConversationState, Head, Membership, PastMembership
from chalicelib.core.model.events import Event, new_event
from chalicelib.core.model.moderation import AuditEntry, Ban
from chalicelib.core.ports.commits import Commit, WriteConflict
from chalicelib.core.ports.connections import SubscriptionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.revocations import RevocationStore
from chalicelib.core.protocol import frames, serializers
from chalicelib.core.realtime.outbox import Push, ToParticipants, ToSubscriptions, pushes_for

Departure = Literal["left", "removed", "banned"]


class Roster:
    """Plans arrivals and departures, and announces them."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        event_log: EventLogStore,
        memberships: MembershipStore,
        revocations: RevocationStore,
        subscriptions: SubscriptionStore,
        runtime: Runtime,
    ) -> None:
        self._conversations = conversations
        self._event_log = event_log
        self._memberships = memberships
        self._revocations = revocations
        self._subscriptions = subscriptions
        self._clock = runtime.clock
        self._gather = runtime.gather
        self._limits = runtime.limits
        self._timing = runtime.timing

    def plan_arrival(
        self,
        head: Head,
        newcomer: Actor,
        past: PastMembership | None,
        role: Role,
        *,
        by: Actor,
        reason: Literal["joined", "added", "accepted"],
    ) -> Commit:
        """Return the append by which a participant becomes a member. Raises Forbidden, ParticipantLimit.

        `past` is the record of the newcomer, if they are a former member; it changes only in appends.
        """
        if reason == "added":
            permissions.require_group(head)
        if head.participant_count >= self._limits.participants:
            raise ParticipantLimit
        sequence_id, now = head.sequence_id + 1, milliseconds(self._clock)
        member = _new_member(head, newcomer, past, role, now)
        event = participant_event(head, sequence_id, "participant_joined", by, member, now, reason=reason)
        new = replace(
            head,
            sequence_id=sequence_id,
            updated_at=now,
            participant_count=head.participant_count + 1,
            roster_version=head.roster_version + 1,
        )
        if head.direct:
            # Messages of the opener have waited for the acceptance.
            member = replace(member, read_up_to=1, read_message_count=0)
            new = replace(new, direct="accepted")
        return Commit(head, new, [event], joining=[member])

    def plan_departure(self, head: Head, member: Membership, *, by: Actor, reason: Departure) -> Commit:
        """Return the append by which a member leaves or is banned. Raises Forbidden, WriteConflict."""
        if reason != "left":
            permissions.require_group(head)
        now, first = milliseconds(self._clock), head.sequence_id + 1
        remaining = self._members_without_owner(head, member)
        ranked = permissions.successors(remaining or [], now)
        successor = next(self._possible_successors(ranked), None)
        new_owners = [] if successor is None else [replace(successor, role="owner", muted_until=0)]
        is_closed = head.participant_count == 1 or (remaining is not None and not new_owners)
        events = [participant_event(head, first, "participant_updated", by, owner, now) for owner in new_owners]
        sequence_id = first + len(events)
        events.append(participant_event(head, sequence_id, "participant_left", by, member, now, reason=reason))
        audit = [
            AuditEntry(
                "role_changed",
                by.participant_id,
                owner.participant_id,
                role="owner",
                sequence_id=first,
                service=by.service,
            )
            for owner in new_owners
        ]
        if reason != "left":
            audit.append(AuditEntry(reason, by.participant_id, member.participant_id, service=by.service))
        ban = Ban(head.conversation_id, member.participant_id, member.name, by.participant_id, now)
        new = replace(
            head,
            sequence_id=sequence_id,
            updated_at=now,
            participant_count=head.participant_count - 1,
            roster_version=head.roster_version + 1,
            departed={**head.departed, member.participant_id: sequence_id},
            state=ConversationState.CLOSED if is_closed else ConversationState.LIVE,
        )
        return Commit(
            head,
            new,
            events,
            leaving=[member],
            removed=reason == "removed",
            changing=new_owners,
            succeeding=[owner.participant_id for owner in new_owners],
            banning=[ban] if reason == "banned" else [],
            audit=audit,
            purge_at=now // 1000 + self._timing.closed_retention if is_closed else None,
        )

    def is_last_owner(self, head: Head, member: Membership) -> bool:
        """Return whether a member is the only owner. Raises WriteConflict as a departure."""
        return self._members_without_owner(head, member) is not None

    def _members_without_owner(self, head: Head, leaving: Membership) -> list[Membership] | None:
        """Return the members who remain when the last owner leaves, by seniority; None if an owner remains.

        The roster is read after the head of the append and changes only by appends, so it still holds when the
        commit succeeds. Raises WriteConflict if it does not show the append before that yet, a member or a role.
        """
        if leaving.role != "owner":
            return None
        chat, newest = head.conversation_id, head.sequence_id
        read = self._memberships
        roster, last = self._gather(lambda: read.roster(chat), lambda: self._event_log.event(chat, newest))
        others = [member for member in roster if member.participant_id != leaving.participant_id]
        owner = next((member.participant_id for member in others if member.role == "owner"), None)
        changed = owner or (last.event.get("participant", {}).get("participant_id") if last else None)
        found = read.membership(chat, changed) if changed and changed != leaving.participant_id else None
        if len(roster) < head.participant_count or bool(owner) != (found is not None and found.role == "owner"):
            raise WriteConflict
        return None if owner else others

    def _possible_successors(self, ranked: Sequence[Membership]) -> Iterator[Membership]:
        """Yield the members who may become owner, with name and type of the membership, which the member changes.

        Each is read when it is needed: mostly the first alone, as few agents come before a person.
        """
        for entry in ranked:
            found, rules = self._gather(
                functools.partial(self._memberships.membership, entry.conversation_id, entry.participant_id),
                functools.partial(self._revocations.rules, entry.participant_id),
            )
            member = found or entry
            present = replace(entry, name=member.name, type=rules.type_of(member.type))
            if permissions.can_succeed(present) and not rules.suspended_at:
                yield present

    def notify_joined(self, commit: Commit) -> list[Push]:
        """Return the pushes after an arrival: to the subscribers, and to the new members' connections."""
        details = self._conversations.details(commit.new.conversation_id)
        pushes = pushes_for(commit)
        if details is not None:
            pushes += [
                ToParticipants(
                    [member.participant_id], frames.added_push(view_for_member(commit.new, details, member))
                )
                for member in commit.joining
            ]
        return pushes

    def notify_left(self, commit: Commit, reason: Departure) -> list[Push]:
        """End the subscriptions of departed members; return the pushes to them and to the subscribers."""
        conversation_id = commit.new.conversation_id
        pushes = pushes_for(commit)
        for member in commit.leaving:
            self.unsubscribe_departed(conversation_id, member.participant_id, commit.new.departed)
            pushes.append(ToParticipants([member.participant_id], frames.removed_push(conversation_id, reason)))
        if commit.new.state is ConversationState.CLOSED and commit.new.participant_count:
            pushes.append(self._close_to_the_rest(conversation_id, commit.new.departed))
        return pushes

    def _close_to_the_rest(self, conversation_id: str, departed: Mapping[str, int]) -> Push:
        """End the subscriptions in a conversation without a possible owner; return the push to them."""
        subscribers = [
            subscription
            for subscription in self._subscriptions.subscribers(conversation_id)
            if departed.get(subscription.participant_id, 0) <= subscription.epoch
        ]
        self._subscriptions.unsubscribe_all(conversation_id)
        return ToSubscriptions(subscribers, frames.deleted_push(conversation_id))

    def unsubscribe_departed(self, conversation_id: str, participant_id: str, departed: Mapping[str, int]) -> None:
        """End the subscriptions of a departed member, and remove the member from `Head.departed` after that."""
        event = departed[participant_id]
        self._subscriptions.unsubscribe_participant(conversation_id, participant_id, event)
        self._event_log.clear_departed(conversation_id, participant_id, event)


def _new_member(head: Head, newcomer: Actor, past: PastMembership | None, role: Role, now: int) -> Membership:
    """Return the membership; a former member gets back the read pointer, and a mute that has not expired."""
    sequence_id = head.sequence_id + 1
    muted_until = 0 if past is None or role == "owner" or past.muted_until <= now else past.muted_until
    read_up_to, read_message_count = sequence_id, head.message_count
    if past is not None and past.read_up_to is not None:
        read_up_to, read_message_count = past.read_up_to, past.read_message_count
    return Membership(
        head.conversation_id,
        newcomer.participant_id,
        newcomer.name,
        newcomer.type,
        role,
        joined_at=now,
        epoch=sequence_id,
        read_up_to=read_up_to,
        read_message_count=read_message_count,
        muted_until=muted_until,
        own_unread=frozenset() if past is None else past.own_unread,
    )


def participant_event(
    head: Head, sequence_id: int, event_type: str, by: Actor, member: Membership, now: int, **fields: Any
) -> Event:
    """Return an event about a member."""
    participant = serializers.participant(without_expired_mute(member, now), online=False)
    return new_event(
        head.conversation_id, sequence_id, event_type, sender=by, now=now, participant=participant, **fields
    )
