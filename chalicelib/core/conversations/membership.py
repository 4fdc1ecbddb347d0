"""Who is in a conversation: coming and going; in which role, muted or banned, is in `moderation.py`.

| may …                          | owner      | moderator    | member       | anybody                   |
|--------------------------------|------------|--------------|--------------|---------------------------|
| read                           | yes        | yes          | yes          |                           |
| write, edit, react, be typing  | yes        | unless muted | unless muted |                           |
| delete messages                | all        | all          | own          |                           |
| change title, policy, metadata | yes        | yes          |              |                           |
| add people who are not banned  | yes        | as members   |              |                           |
| remove people                  | yes        | members      |              |                           |
| ban people, in or not          | not owners | members      |              |                           |
| lift bans, see who is banned   | yes        | yes          |              |                           |
| mute people                    | not owners | members      |              |                           |
| change roles                   | yes        |              |              |                           |
| make, see, revoke invites      | yes        | yes          |              |                           |
| read the audit                 | yes        |              |              |                           |
| delete the conversation        | yes        |              |              |                           |
| leave                          | yes        | yes          | yes          |                           |
| join                           |            |              |              | by invite, or if it is    |
|                                |            |              |              | open; unless banned       |

There is always an owner: the last one who leaves hands on to the longest-standing participant, and cannot be
made anything less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.conversations import ERASURE_RETRY_AFTER, MODERATORS, Conversations
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import (
    AlreadyParticipant,
    Banned,
    ChatError,
    ConversationBusy,
    ErasureRunning,
    Forbidden,
    NotFound,
    ParticipantLimit,
)
from chalicelib.core.kernel.ids import invite_id, is_invite
from chalicelib.core.kernel.limits import Limits, Timing
from chalicelib.core.log.log import Log, NoChange
from chalicelib.core.model.actors import Actor, Principal, Role
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.events import Event, new_event
from chalicelib.core.model.moderation import AuditEntry, Ban, Invite
from chalicelib.core.ports.commits import Commit, PreconditionFailed
from chalicelib.core.ports.connections import ConnectionStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.protocol import frames
from chalicelib.core.realtime.outbox import Push, Result, ToParticipants, pushes_for

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import NewParticipant


class Members:
    """Joining, leaving, adding, removing."""

    def __init__(
        self,
        store: ConversationStore,
        moderation: ModerationStore,
        connections: ConnectionStore,
        conversations: Conversations,
        log: Log,
        clock: Clock,
        limits: Limits,
        timing: Timing,
    ) -> None:
        self._store = store
        self._moderation = moderation
        self._connections = connections
        self._conversations = conversations
        self._log = log
        self._clock = clock
        self._limits = limits
        self._timing = timing

    # ---- coming ----------------------------------------------------------------------------------------

    def join(self, caller: Principal, conversation_id: str, secret: str | None = None) -> Result:
        """Join as oneself: by the secret of an invite, or because it is open. Who has no right learns nothing.

        An invite that is shown must hold, whatever the policy is.
        """

        def plan(head: Head) -> Commit:
            if self._store.membership(conversation_id, caller.participant_id) is not None:
                raise AlreadyParticipant("You are a participant already.")
            if self._moderation.ban(conversation_id, caller.participant_id) is not None:
                raise NotFound
            invite = self._right_to_join(conversation_id, secret)
            me = caller.as_actor()
            commit = self._plan_arrival(head, me, "member", by=me, reason="joined")
            if invite is None:
                return commit
            used = AuditEntry("invite_used", me.participant_id, invite_id=invite.invite_id)
            return replace(commit, invite=invite, audit=[used])

        try:
            commit = self._log.append(conversation_id, plan)
        except PreconditionFailed:
            raise ErasureRunning from None
        return self._conversations.respond_with_conversation(conversation_id, caller, self._notify_joined(commit))

    def _right_to_join(self, conversation_id: str, secret: str | None) -> Invite | None:
        """The invite of this secret, or None if none is shown and none is needed. Raises NotFound."""
        if secret is None:
            info = self._store.details(conversation_id)
            if info is None or info.join_policy != "open":
                raise NotFound
            return None
        invite = self._moderation.invite(conversation_id, invite_id(secret)) if is_invite(secret) else None
        if invite is None or (invite.max_uses is not None and invite.uses >= invite.max_uses):
            raise NotFound
        return invite

    def add(self, caller: Principal, conversation_id: str, request: NewParticipant) -> Result:
        """Add somebody; who is banned must be unbanned first."""

        def plan(head: Head) -> Commit:
            actor = self._conversations.require_member(conversation_id, caller)
            if actor.role not in MODERATORS or (actor.role == "moderator" and request.role != "member"):
                raise Forbidden
            if self._store.membership(conversation_id, request.participant_id) is not None:
                raise AlreadyParticipant
            if self._moderation.ban(conversation_id, request.participant_id) is not None:
                raise Banned
            person = Actor(request.participant_id, request.name, request.type)
            commit = self._plan_arrival(head, person, request.role, by=caller.as_actor(actor), reason="added")
            return replace(commit, guard=actor)

        try:
            commit = self._log.append(
                conversation_id, self.hiding_errors_from_outsiders(conversation_id, caller, plan)
            )
        except PreconditionFailed:
            # They are being erased, which is nobody else's business: for a while it fails, as in a crowd.
            raise ConversationBusy(retry_after=ERASURE_RETRY_AFTER) from None
        (member,) = commit.joining
        return Result(frames.participant(member, online=False), self._notify_joined(commit))

    def _plan_arrival(self, head: Head, person: Actor, role: Role, *, by: Actor, reason: str) -> Commit:
        if head.participant_count >= self._limits.participants:
            raise ParticipantLimit
        number, now = head.sequence_id + 1, milliseconds(self._clock)
        # Who returns finds the read pointer where it was, and a mute that is not over.
        former = self._store.past_membership(head.conversation_id, person.participant_id)
        muted = former is not None and role != "owner" and former.muted_until > now
        member = Membership(
            head.conversation_id,
            person.participant_id,
            person.name,
            person.type,
            role,
            joined_at=now,
            epoch=number,
            read_up_to=number if former is None else former.read_up_to,
            read_message_count=head.message_count if former is None else former.read_message_count,
            muted_until=former.muted_until if former is not None and muted else 0,
        )
        where = head.conversation_id
        event = participant_event(where, number, "participant_joined", by, member, now, reason=reason)
        new = replace(
            head,
            sequence_id=number,
            updated_at=now,
            participant_count=head.participant_count + 1,
            roster_version=head.roster_version + 1,
        )
        return Commit(head, new, [event], joining=[member])

    def _notify_joined(self, commit: Commit) -> list[Push]:
        info = self._store.details(commit.new.conversation_id)
        pushes = pushes_for(commit)
        if info is not None:
            added = frames.added_push(frames.conversation(commit.new, info))
            pushes.append(ToParticipants([each.participant_id for each in commit.joining], added))
        return pushes

    def hiding_errors_from_outsiders(
        self, conversation_id: str, caller: Principal, plan: Callable[[Head], Commit]
    ) -> Callable[[Head], Commit]:
        """`plan`, whose refusals tell of others: they are for the caller as long as they are still in."""

        def plan_for_members(head: Head) -> Commit:
            try:
                return plan(head)
            except (ChatError, NoChange):
                self._conversations.require_member(conversation_id, caller)
                raise

        return plan_for_members

    # ---- going -----------------------------------------------------------------------------------------

    def leave(self, caller: Principal, conversation_id: str) -> Result:
        """Leave. The last one to leave closes the conversation."""

        def plan(head: Head) -> Commit:
            member = self._conversations.require_member(conversation_id, caller)
            return self.plan_departure(head, member, by=caller.as_actor(member), reason="left")

        commit = self._log.append(conversation_id, plan)
        return Result({"remaining_participants": commit.new.participant_count}, self.notify_left(commit, "left"))

    def remove(self, caller: Principal, conversation_id: str, participant_id: str) -> Result:
        """Remove somebody; removing oneself is leaving."""
        if participant_id == caller.participant_id:
            return self.leave(caller, conversation_id)

        def plan(head: Head) -> Commit:
            actor = self._conversations.require_member(conversation_id, caller)
            if actor.role not in MODERATORS:
                raise Forbidden
            target = self._store.membership(conversation_id, participant_id)
            if target is None:
                raise NotFound
            if actor.role == "moderator" and target.role != "member":
                raise Forbidden
            commit = self.plan_departure(head, target, by=caller.as_actor(actor), reason="removed")
            return replace(commit, guard=actor)

        commit = self._log.append(
            conversation_id, self.hiding_errors_from_outsiders(conversation_id, caller, plan)
        )
        return Result(None, self.notify_left(commit, "removed"))

    def plan_departure(
        self, head: Head, member: Membership, *, by: Actor, reason: Literal["left", "removed", "banned"]
    ) -> Commit:
        """The append by which somebody goes, with the ban that forbids them to return if that is the reason."""
        now = milliseconds(self._clock)
        heirs: list[Membership] = [replace(heir, role="owner", muted_until=0) for heir in self.successors(member)]
        where = head.conversation_id
        events = [
            participant_event(where, head.sequence_id + 1, "participant_updated", by, heir, now) for heir in heirs
        ]
        number = head.sequence_id + 1 + len(events)
        events.append(participant_event(where, number, "participant_left", by, member, now, reason=reason))
        actor = by.participant_id
        audit = [
            AuditEntry("role_changed", actor, each.participant_id, role="owner", sequence_id=head.sequence_id + 1)
            for each in heirs
        ]
        if reason != "left":
            audit.append(AuditEntry(reason, actor, member.participant_id))
        ban = Ban(where, member.participant_id, member.name, actor, now)
        left = head.participant_count - 1
        new = replace(
            head,
            sequence_id=number,
            updated_at=now,
            participant_count=left,
            roster_version=head.roster_version + 1,
            departed={**head.departed, member.participant_id: number},
            state=ConversationState.LIVE if left else ConversationState.CLOSED,
        )
        purge_at = None if left else now // 1000 + self._timing.closed_retention
        return Commit(
            head,
            new,
            events,
            leaving=[member],
            changing=heirs,
            banning=[ban] if reason == "banned" else [],
            audit=audit,
            purge_at=purge_at,
        )

    def successors(self, leaving: Membership) -> list[Membership]:
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

    def notify_left(self, commit: Commit, reason: str) -> list[Push]:
        """After somebody went: their sockets hear it no more; what to tell whom."""
        conversation_id = commit.new.conversation_id
        pushes = pushes_for(commit)
        for member in commit.leaving:
            went_by = commit.new.departed[member.participant_id]
            self._connections.unsubscribe_participant(conversation_id, member.participant_id, went_by)
            self._store.clear_departed(conversation_id, member.participant_id, went_by)
            pushes.append(ToParticipants([member.participant_id], frames.removed_push(conversation_id, reason)))
        return pushes


def participant_event(
    conversation_id: str,
    number: int,
    kind: str,
    by: Actor,
    member: Membership,
    now: int,
    **more: Any,
) -> Event:
    """An event about somebody's place in a conversation."""
    participant = frames.participant(permissions.without_expired_mute(member, now), online=False)
    return new_event(conversation_id, number, kind, sender=by, now=now, participant=participant, **more)
