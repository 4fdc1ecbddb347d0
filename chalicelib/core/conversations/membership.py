"""Joining, leaving, adding and removing; `permissions.py` has the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access, erasure_error
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.conversations.roster import Roster
from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import AlreadyParticipant, Banned, NotFound
from chalicelib.core.kernel.ids import invite_id, is_invite
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import ConversationState, Head
from chalicelib.core.model.moderation import AuditEntry, Invite
from chalicelib.core.ports.commits import Commit, PreconditionFailed
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.protocol import frames
from chalicelib.core.realtime.outbox import Result

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import NewParticipant

_ALREADY_JOINED = "You are a participant already."


class Members:
    """Changes the members of a conversation."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        memberships: MembershipStore,
        moderation: ModerationStore,
        access: Access,
        roster: Roster,
        views: Views,
        log: Log,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
    ) -> None:
        self._conversations = conversations
        self._memberships = memberships
        self._moderation = moderation
        self._access = access
        self._roster = roster
        self._views = views
        self._log = log
        self._change_limiter = change_limiter
        self._clock = runtime.clock

    def join(self, caller: Principal, conversation_id: str, secret: str | None = None) -> Result:
        """Join with the secret of an invite, or without one if the conversation is open.

        An invite that is given must be valid, whatever the join policy is.

        Raises:
            NotFound: the caller has no right to join, or is banned.
            AlreadyParticipant, ParticipantLimit, ErasureRunning, RateLimited, ConversationBusy: the caller did not
                join.
        """

        def plan(head: Head) -> Commit:
            if self._memberships.membership(conversation_id, caller.participant_id) is not None:
                raise AlreadyParticipant(_ALREADY_JOINED)
            if self._moderation.ban(conversation_id, caller.participant_id) is not None:
                raise NotFound
            past = self._memberships.past_membership(conversation_id, caller.participant_id)
            removed_at_event = 0 if past is None else past.removed_at_event
            invite = self._require_right_to_join(conversation_id, caller, secret, removed_at_event)
            newcomer = caller.as_actor()
            commit = self._roster.plan_arrival(head, newcomer, "member", by=newcomer, reason="joined", past=past)
            if invite is None:
                return commit
            used = AuditEntry("invite_used", newcomer.participant_id, invite_id=invite.invite_id)
            return replace(commit, invite=invite, audit=[used])

        try:
            commit = self._log.append(conversation_id, plan, self._change_limiter.charge(caller, conversation_id))
        except PreconditionFailed as failed:
            raise erasure_error(failed, caller) from None
        pushes = self._roster.notify_joined(commit)
        return self._views.respond_with_conversation(conversation_id, caller, pushes)

    def _require_right_to_join(
        self, conversation_id: str, caller: Principal, secret: str | None, removed_at_event: int
    ) -> Invite | None:
        """Return the invite of this secret, or None if none is given and none is needed.

        A removed member needs an invite that was created after the removal.

        Raises:
            NotFound: there is no such invite, or the caller may not use it.
            AlreadyParticipant: the caller has just joined with it.
        """
        if secret is None:
            details = self._conversations.details(conversation_id)
            if details is None or details.join_policy != "open" or removed_at_event:
                raise NotFound
            return None
        invite = self._moderation.invite(conversation_id, invite_id(secret)) if is_invite(secret) else None
        if invite is None or (invite.max_uses is not None and invite.uses >= invite.max_uses):
            raise NotFound
        if invite.created_at_head < removed_at_event:
            raise NotFound
        if self._moderation.has_used_invite(invite, caller.participant_id):
            if self._memberships.membership(conversation_id, caller.participant_id) is not None:
                # By a concurrent request, after the membership was read.
                raise AlreadyParticipant(_ALREADY_JOINED)
            raise NotFound
        return invite

    def add(self, caller: Principal, conversation_id: str, request: NewParticipant) -> Result:
        """Add a participant, who must not be banned.

        Raises:
            NotFound, Forbidden, Muted, AlreadyParticipant, Banned, ParticipantLimit, ConversationBusy: not added.
        """

        def plan(head: Head) -> Commit:
            actor = self._access.require_member(conversation_id, caller)
            permissions.require(Action.ADD_PARTICIPANT, actor, request, now=milliseconds(self._clock))
            if self._memberships.membership(conversation_id, request.participant_id) is not None:
                raise AlreadyParticipant
            if self._moderation.ban(conversation_id, request.participant_id) is not None:
                raise Banned
            newcomer = Actor(request.participant_id, request.name, request.type)
            by = caller.as_actor(actor)
            past = self._memberships.past_membership(conversation_id, request.participant_id)
            commit = self._roster.plan_arrival(head, newcomer, request.role, by=by, reason="added", past=past)
            return replace(commit, guard=actor)

        try:
            commit = self._log.append(
                conversation_id, self._access.hiding_errors_from_outsiders(conversation_id, caller, plan)
            )
        except PreconditionFailed as failed:
            raise erasure_error(failed, caller) from None
        (member,) = commit.joining
        return Result(frames.participant_view(member, online=False), self._roster.notify_joined(commit))

    def leave(self, caller: Principal, conversation_id: str) -> Result:
        """Leave. A conversation without members is closed.

        Raises:
            NotFound, RateLimited, ConversationBusy: nothing was changed.
        """

        def plan(head: Head) -> Commit:
            member = self._access.require_member(conversation_id, caller)
            return self._roster.plan_departure(head, member, by=caller.as_actor(member), reason="left")

        commit = self._log.append(conversation_id, plan, self._change_limiter.charge(caller, conversation_id))
        is_closed = commit.new.state is ConversationState.CLOSED
        response = {"remaining_participants": 0 if is_closed else commit.new.participant_count}
        return Result(response, self._roster.notify_left(commit, "left"))

    def remove(self, caller: Principal, conversation_id: str, participant_id: str) -> Result:
        """Remove a member; for the caller's own id, leave.

        Raises:
            NotFound, Forbidden, ConversationBusy: nothing was changed.
        """
        if participant_id == caller.participant_id:
            return self.leave(caller, conversation_id)

        def plan(head: Head) -> Commit:
            actor = self._access.require_member(conversation_id, caller)
            permissions.require(Action.REMOVE_PARTICIPANT, actor)
            target = self._memberships.membership(conversation_id, participant_id)
            if target is None:
                raise NotFound
            permissions.require(Action.REMOVE_PARTICIPANT, actor, target)
            commit = self._roster.plan_departure(head, target, by=caller.as_actor(actor), reason="removed")
            return replace(commit, guard=actor)

        commit = self._log.append(
            conversation_id, self._access.hiding_errors_from_outsiders(conversation_id, caller, plan)
        )
        return Result(None, self._roster.notify_left(commit, "removed"))
