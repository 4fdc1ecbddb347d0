"""Joining, leaving and removing; `permissions.py` has the rules.

An arrival competes with messages for the head, and is planned again each time it loses. So its reads are made in
one round trip: the shorter a plan takes, the rarer it loses.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.arrivals import with_profile
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.consent import ConsentRules
from chalicelib.core.conversations.pending import PendingMemberships
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.conversations.roster import Roster
from chalicelib.core.conversations.views import Views
from chalicelib.core.kernel.errors import AlreadyParticipant, ErasureRunning, NotFound, Suspended
from chalicelib.core.kernel.ids import invite_id, is_invite
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.consent import PendingMembership, Standing
from chalicelib.core.model.conversations import ConversationState, Head, Membership, PastMembership
from chalicelib.core.model.moderation import AuditEntry, Ban, Invite
from chalicelib.core.ports.commits import Commit, PreconditionFailed
from chalicelib.core.ports.consent import PendingStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.realtime.outbox import Result

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
        pending_store: PendingStore,
        pending: PendingMemberships,
        consent: ConsentRules,
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
        self._pending_store = pending_store
        self._pending = pending
        self._consent = consent
        self._limits = runtime.limits
        self._gather = runtime.gather
        self._clock = runtime.clock

    def join(self, caller: Principal, conversation_id: str, secret: str | None = None) -> Result:
        """Join with the secret of an invite, or without one: accept a pending membership, or join if it is open.

        An invite that is given must be valid, whatever the join policy is.

        Raises:
            NotFound: the caller has no right to join, or is banned.
            AlreadyParticipant, ParticipantLimit, ConversationLimit, ErasureRunning, Suspended, RateLimited,
                ConversationBusy: the caller did not join.
        """

        def plan(head: Head) -> Commit:
            (member, ban, past), invite, visible, known, standing = self._gather(
                lambda: self._traces(conversation_id, caller.participant_id),
                lambda: self._right_to_join(conversation_id, caller, secret),
                lambda: self._pending_store.visible_in(conversation_id, caller.participant_id),
                lambda: self._pending_store.invited_participant(conversation_id, caller.participant_id),
                lambda: self._pending_store.standing(caller.participant_id),
            )
            if member is not None:
                raise AlreadyParticipant(_ALREADY_JOINED)
            if ban is not None:
                raise NotFound
            accepted = self._pending.first_valid(visible, past) if secret is None else None
            if accepted is None and (isinstance(invite, NotFound) or _is_kept_out(invite, past)):
                self._require_absent(conversation_id, caller)
                raise NotFound
            commit = self._plan_join(head, caller, past, accepted, standing)
            others = [entry for entry in known if accepted is None or entry.adder_id != accepted.adder_id]
            commit = replace(commit, obsolete=others if accepted is None else [accepted, *others])
            if accepted is not None or invite is None or isinstance(invite, NotFound):
                return commit
            used = AuditEntry(
                "invite_used", caller.participant_id, invite_id=invite.invite_id, service=caller.service
            )
            return replace(commit, invite=invite, audit=[used])

        head: Head | None = self._change_limiter.charge(caller, conversation_id)
        while True:
            try:
                commit = self._log.append(conversation_id, plan, head)
                break
            except PreconditionFailed as failed:
                if failed.erasing:
                    raise ErasureRunning from None
                if failed.is_suspended:
                    raise Suspended from None
                self._consent.require_own_place(caller.participant_id)
                head = None
        pushes = self._roster.notify_joined(commit)
        return self._views.respond_with_conversation(conversation_id, caller, pushes)

    def _plan_join(
        self,
        head: Head,
        caller: Principal,
        past: PastMembership | None,
        accepted: PendingMembership | None,
        standing: Standing,
    ) -> Commit:
        newcomer = standing.named(caller.as_actor())
        if accepted is None:
            commit = self._roster.plan_arrival(head, newcomer, past, "member", by=newcomer, reason="joined")
        else:
            commit = self._roster.plan_arrival(head, newcomer, past, accepted.role, by=newcomer, reason="accepted")
        commit = with_profile(commit, standing, self._memberships)
        return replace(commit, accepted=accepted, conversations_cap=self._limits.conversations)

    def _traces(
        self, conversation_id: str, participant_id: str
    ) -> tuple[Membership | None, Ban | None, PastMembership | None]:
        """Return the membership, the ban and the past membership of a participant."""
        member, ban, past = self._gather(
            lambda: self._memberships.membership(conversation_id, participant_id),
            lambda: self._moderation.ban(conversation_id, participant_id),
            lambda: self._memberships.past_membership(conversation_id, participant_id),
        )
        return member, ban, past

    def _require_absent(self, conversation_id: str, caller: Principal) -> None:
        """Raise AlreadyParticipant if a concurrent request has joined after the membership was read."""
        if self._memberships.membership(conversation_id, caller.participant_id) is not None:
            raise AlreadyParticipant(_ALREADY_JOINED)

    def _right_to_join(
        self, conversation_id: str, caller: Principal, secret: str | None
    ) -> Invite | NotFound | None:
        """Return the invite of this secret, None if none is given and none is needed, or an error."""
        if secret is None:
            details = self._conversations.details(conversation_id)
            return None if details is not None and details.join_policy == "open" else NotFound()
        if not is_invite(secret):
            return NotFound()
        secret_id = invite_id(secret)
        invite: Invite | None
        invite, has_used = self._gather(
            lambda: self._moderation.invite(conversation_id, secret_id),
            lambda: self._moderation.has_used_invite(conversation_id, secret_id, caller.participant_id),
        )
        if invite is None or has_used or (invite.max_uses is not None and invite.uses >= invite.max_uses):
            return NotFound()
        return invite

    def leave(self, caller: Principal, conversation_id: str) -> Result:
        """Leave, or decline a pending membership. A conversation without members is closed.

        A direct conversation is hidden, until there is a new message.

        Raises:
            NotFound, RateLimited, ConversationBusy: nothing was changed.
        """

        def plan(head: Head) -> Commit:
            member = self._access.require_member(conversation_id, caller)
            return self._roster.plan_departure(head, member, by=caller.as_actor(member), reason="left")

        head = self._change_limiter.charge(caller, conversation_id)
        if head.direct and self._hide(caller, head):
            return Result({})
        try:
            commit = self._log.append(conversation_id, plan, head)
        except NotFound:
            self._pending.decline(caller, conversation_id)
            return Result({})
        is_closed = commit.new.state is ConversationState.CLOSED
        response = {"remaining_participants": 0 if is_closed else commit.new.participant_count}
        return Result(response, self._roster.notify_left(commit, "left"))

    def _hide(self, caller: Principal, head: Head) -> bool:
        """Hide a direct conversation from a member's list up to the next message; return False for outsiders."""
        member = self._memberships.membership(head.conversation_id, caller.participant_id)
        return member is not None and self._memberships.hide(member, head.sequence_id)

    def remove(self, caller: Principal, conversation_id: str, participant_id: str) -> Result:
        """Remove a member; for the caller's own id, leave.

        Raises:
            NotFound, Forbidden, ConversationBusy: nothing was changed.
        """
        if participant_id == caller.participant_id and not caller.is_system:
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


def _is_kept_out(invite: Invite | None, past: PastMembership | None) -> bool:
    """Return whether a removed participant has no invite that was created after the removal."""
    created_at_head = 0 if invite is None else invite.created_at_head
    return past is not None and created_at_head < past.removed_at_event
