"""Who is in a conversation, and in which role.

| may …                          | owner | moderator         | member   | anybody          |
|--------------------------------|-------|-------------------|----------|------------------|
| change title, policy, metadata | yes   | yes               |          |                  |
| add people                     | yes   | as members        |          |                  |
| remove people                  | yes   | members           |          |                  |
| change roles                   | yes   |                   |          |                  |
| delete the conversation        | yes   |                   |          |                  |
| leave                          | yes   | yes               | yes      |                  |
| join                           |       |                   |          | if it is open    |

There is always an owner: the last one who leaves hands on to the longest-standing participant, and cannot be
made anything less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import frames
from .clock import Clock, milliseconds, rfc3339
from .conversations import MODERATORS, Conversations
from .errors import AlreadyParticipant, Forbidden, LastOwner, NotFound, ParticipantLimit
from .limits import Limits, Timing
from .log import Log
from .model import Caller, Event, Head, Membership, Person, Role, State
from .ports import Commit, ConnectionStore, ConversationStore
from .presence import Presence
from .pushes import Outcome, Push, ToParticipants, of_commit
from .requests import NewParticipant


class Members:
    """Joining, leaving, adding, removing, roles."""

    def __init__(
        self,
        store: ConversationStore,
        connections: ConnectionStore,
        conversations: Conversations,
        log: Log,
        presence: Presence,
        clock: Clock,
        limits: Limits,
        timing: Timing,
    ) -> None:
        self._store = store
        self._connections = connections
        self._conversations = conversations
        self._log = log
        self._presence = presence
        self._clock = clock
        self._limits = limits
        self._timing = timing

    # ---- coming ----------------------------------------------------------------------------------------

    def join(self, caller: Caller, conversation_id: str) -> Outcome:
        """Join an open conversation as oneself. Who has no right to it learns nothing."""

        def plan(head: Head) -> Commit:
            if self._store.membership(conversation_id, caller.participant_id) is not None:
                raise AlreadyParticipant("You are a participant already.")
            info = self._store.info(conversation_id)
            if info is None or info.join_policy != "open":
                raise NotFound
            me = Person(caller.participant_id, caller.name or caller.participant_id[:100], "human")
            return self._entry(head, me, "member", by=me, reason="joined")

        commit = self._log.append(conversation_id, plan)
        return self._conversations.seen(conversation_id, caller, self._arrival(commit))

    def add(self, caller: Caller, conversation_id: str, request: NewParticipant) -> Outcome:
        """Add somebody."""

        def plan(head: Head) -> Commit:
            actor = self._conversations.member(conversation_id, caller)
            if actor.role not in MODERATORS or (actor.role == "moderator" and request.role != "member"):
                raise Forbidden
            if self._store.membership(conversation_id, request.participant_id) is not None:
                raise AlreadyParticipant
            person = Person(request.participant_id, request.name, request.type)
            commit = self._entry(head, person, request.role, by=caller.acting(actor), reason="added")
            return replace(commit, guard=actor)

        commit = self._log.append(conversation_id, plan)
        (member,) = commit.joining
        return Outcome(frames.participant(member, online=False), self._arrival(commit))

    def _entry(self, head: Head, person: Person, role: Role, *, by: Person, reason: str) -> Commit:
        if head.participants >= self._limits.participants:
            raise ParticipantLimit
        number, now = head.sequence_id + 1, milliseconds(self._clock)
        # Who returns finds the read pointer where it was.
        former = self._store.former(head.conversation_id, person.participant_id)
        read_up_to, read_messages = former or (number, head.messages)
        member = Membership(
            head.conversation_id,
            person.participant_id,
            person.name,
            person.type,
            role,
            joined_at=now,
            epoch=number,
            read_up_to=read_up_to,
            read_messages=read_messages,
        )
        event = self._event(head.conversation_id, number, "participant_joined", by, member, now, reason=reason)
        new = replace(
            head,
            sequence_id=number,
            updated_at=now,
            participants=head.participants + 1,
            roster_version=head.roster_version + 1,
        )
        return Commit(head, new, [event], joining=[member])

    def _arrival(self, commit: Commit) -> list[Push]:
        info = self._store.info(commit.new.conversation_id)
        pushes = of_commit(commit)
        if info is not None:
            added = frames.added_push(frames.conversation(commit.new, info))
            pushes.append(ToParticipants([each.participant_id for each in commit.joining], added))
        return pushes

    # ---- going -----------------------------------------------------------------------------------------

    def leave(self, caller: Caller, conversation_id: str) -> Outcome:
        """Leave. The last one to leave closes the conversation."""

        def plan(head: Head) -> Commit:
            member = self._conversations.member(conversation_id, caller)
            return self._exit(head, member, by=caller.acting(member), reason="left")

        commit = self._log.append(conversation_id, plan)
        return Outcome({"remaining_participants": commit.new.participants}, self._departure(commit, "left"))

    def remove(self, caller: Caller, conversation_id: str, participant_id: str) -> Outcome:
        """Remove somebody; removing oneself is leaving."""
        if participant_id == caller.participant_id:
            return self.leave(caller, conversation_id)

        def plan(head: Head) -> Commit:
            actor = self._conversations.member(conversation_id, caller)
            if actor.role not in MODERATORS:
                raise Forbidden
            target = self._store.membership(conversation_id, participant_id)
            if target is None:
                raise NotFound
            if actor.role == "moderator" and target.role != "member":
                raise Forbidden
            commit = self._exit(head, target, by=caller.acting(actor), reason="removed")
            return replace(commit, guard=actor)

        commit = self._log.append(conversation_id, plan)
        return Outcome(None, self._departure(commit, "removed"))

    def _exit(self, head: Head, member: Membership, *, by: Person, reason: str) -> Commit:
        now = milliseconds(self._clock)
        heirs = self._heirs(member)
        events = [
            self._event(
                head.conversation_id,
                head.sequence_id + 1,
                "participant_updated",
                by,
                replace(heir, role="owner"),
                now,
            )
            for heir in heirs
        ]
        number = head.sequence_id + 1 + len(events)
        events.append(
            self._event(head.conversation_id, number, "participant_left", by, member, now, reason=reason)
        )
        left = head.participants - 1
        new = replace(
            head,
            sequence_id=number,
            updated_at=now,
            participants=left,
            roster_version=head.roster_version + 1,
            gone={**head.gone, member.participant_id: number},
            state=State.LIVE if left else State.CLOSED,
        )
        purge_at = None if left else now // 1000 + self._timing.closed_retention
        return Commit(
            head,
            new,
            events,
            leaving=[member],
            changing_role=[(heir, "owner") for heir in heirs],
            purge_at=purge_at,
        )

    def _heirs(self, leaving: Membership) -> list[Membership]:
        """Who becomes owner when this one goes: nobody, unless it is the last owner and not the last of all.

        The roster is read after the head that the commit builds on, and changes only together with the head:
        if the commit stands, this is how it was.
        """
        if leaving.role != "owner":
            return []
        others = [
            each
            for each in self._store.roster(leaving.conversation_id)
            if each.participant_id != leaving.participant_id
        ]
        if any(each.role == "owner" for each in others):
            return []
        return others[:1]

    def _departure(self, commit: Commit, reason: str) -> list[Push]:
        """After somebody went: their sockets hear it no more; what to tell whom."""
        conversation_id = commit.new.conversation_id
        pushes = of_commit(commit)
        for member in commit.leaving:
            went_by = commit.new.gone[member.participant_id]
            self._connections.drop_participant(conversation_id, member.participant_id, went_by)
            self._store.forget_gone(conversation_id, member.participant_id, went_by)
            pushes.append(ToParticipants([member.participant_id], frames.removed_push(conversation_id, reason)))
        return pushes

    # ---- roles -----------------------------------------------------------------------------------------

    def set_role(self, caller: Caller, conversation_id: str, participant_id: str, role: Role) -> Outcome:
        """Give somebody a role; owners may."""
        unchanged: list[Membership] = []

        def plan(head: Head) -> Commit:
            actor = self._conversations.member(conversation_id, caller)
            if actor.role != "owner":
                raise Forbidden
            target = self._store.membership(conversation_id, participant_id)
            if target is None:
                raise NotFound
            if target.role == role:
                unchanged.append(target)
                raise _SameRole
            if target.role == "owner" and self._heirs(target):
                raise LastOwner
            if target.role == "owner" and head.participants == 1:
                raise LastOwner
            number, now = head.sequence_id + 1, milliseconds(self._clock)
            changed = replace(target, role=role)
            event = self._event(conversation_id, number, "participant_updated", caller.acting(actor), changed, now)
            new = replace(head, sequence_id=number, updated_at=now, roster_version=head.roster_version + 1)
            guard = None if actor.participant_id == target.participant_id else actor
            return Commit(head, new, [event], guard=guard, changing_role=[(target, role)])

        try:
            commit = self._log.append(conversation_id, plan)
        except _SameRole:
            return Outcome(self._seen(unchanged[-1]))
        ((target, _),) = commit.changing_role
        return Outcome(self._seen(replace(target, role=role)), of_commit(commit))

    def _seen(self, member: Membership) -> frames.Participant:
        online = self._presence.online(member.conversation_id)
        return frames.participant(member, online=member.participant_id in online)

    def _event(
        self,
        conversation_id: str,
        number: int,
        kind: str,
        by: Person,
        member: Membership,
        now: int,
        **more: Any,
    ) -> Event:
        return {
            "conversation_id": conversation_id,
            "sequence_id": number,
            "type": kind,
            "created_at": rfc3339(now),
            "sender": frames.person_ref(by),
            "participant": frames.participant(member, online=False),
            **more,
        }


class _SameRole(Exception):
    """The participant has that role."""
