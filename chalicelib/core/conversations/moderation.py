"""Roles, mutes and bans, and the audit log of them; `permissions.py` has the rules.

All of it changes only in commits that move the head, so a plan that succeeds has read it in its current state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.pending import ending_pending
from chalicelib.core.conversations.permissions import Action, without_expired_mute
from chalicelib.core.conversations.roster import Roster, participant_event
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import LastOwner, NotFound, ValidationFailed
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log, NoChange
from chalicelib.core.log.positions import Positions
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import new_event
from chalicelib.core.model.moderation import AuditEntry, Ban
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.consent import PendingStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.protocol import serializers
from chalicelib.core.realtime.outbox import Result, pushes_for
from chalicelib.core.realtime.presence import Presence

if TYPE_CHECKING:
    from chalicelib.core.protocol.objects import ParticipantView
    from chalicelib.core.protocol.queries import AuditQuery, PageQuery
    from chalicelib.core.protocol.requests import UpdateParticipant


class Moderation:
    """Changes roles, mutes and bans, and shows bans and the audit log."""

    def __init__(
        self,
        *,
        memberships: MembershipStore,
        moderation: ModerationStore,
        pending: PendingStore,
        access: Access,
        roster: Roster,
        log: Log,
        positions: Positions,
        change_limiter: ChangeLimiter,
        presence: Presence,
        runtime: Runtime,
    ) -> None:
        self._memberships = memberships
        self._moderation = moderation
        self._pending = pending
        self._access = access
        self._roster = roster
        self._log = log
        self._positions = positions
        self._change_limiter = change_limiter
        self._presence = presence
        self._clock = runtime.clock

    def _append(
        self, caller: Principal, conversation_id: str, plan: Callable[[Head], Commit], head: Head | None = None
    ) -> Commit:
        guarded = self._access.hiding_errors_from_outsiders(conversation_id, caller, plan)
        return self._log.append(conversation_id, guarded, head)

    # ---- roles and mutes -------------------------------------------------------------------------------

    def update(
        self, caller: Principal, conversation_id: str, participant_id: str, request: UpdateParticipant
    ) -> Result:
        """Change a member's role, mute or unmute them.

        Raises:
            NotFound, Forbidden, LastOwner, RateLimited, ConversationBusy: nothing was changed.
        """
        unchanged: list[Membership] = []

        def plan(head: Head) -> Commit:
            actor = self._access.require_member(conversation_id, caller)
            _require_update(head, actor, request)
            target = self._memberships.membership(conversation_id, participant_id)
            if target is None:
                raise NotFound
            now = milliseconds(self._clock)
            target = without_expired_mute(target, now)
            changed = _updated(target, request, actor, now)
            if changed == target:
                unchanged.append(changed)
                raise NoChange(head)
            if target.role == "owner" and self._roster.is_last_owner(head, target):
                raise LastOwner
            by, sequence_id = caller.as_actor(actor), head.sequence_id + 1
            if by.participant_id == changed.participant_id:
                changed = replace(changed, name=by.name, type=by.type)
            event = participant_event(head, sequence_id, "participant_updated", by, changed, now)
            new = replace(head, sequence_id=sequence_id, updated_at=now, roster_version=head.roster_version + 1)
            return Commit(
                head,
                new,
                [event],
                guard=None if actor.participant_id == target.participant_id else actor,
                changing=[changed],
                audit=_audit_entries(by, target, changed),
            )

        try:
            commit = self._append(
                caller, conversation_id, plan, self._change_limiter.charge(caller, conversation_id)
            )
        except NoChange as nothing:
            return Result(self._participant(nothing.head, unchanged[-1]))
        (changed,) = commit.changing
        return Result(self._participant(commit.new, changed), pushes_for(commit))

    def _participant(self, head: Head, member: Membership) -> ParticipantView:
        online = self._presence.online(head)
        return serializers.participant_view(member, online=member.participant_id in online)

    # ---- bans ------------------------------------------------------------------------------------------

    def ban(self, caller: Principal, conversation_id: str, participant_id: str) -> Result:
        """Ban a participant: remove a member for good, or keep an outsider out. No-op if already banned.

        Raises NotFound, Forbidden, ValidationFailed, ConversationBusy.
        """

        def plan(head: Head) -> Commit:
            actor = self._access.require_member(conversation_id, caller)
            permissions.require(Action.BAN, actor)
            if participant_id == actor.participant_id:
                raise ValidationFailed.at("participant_id", "must be another participant: you cannot ban yourself")
            by = caller.as_actor(actor)
            target = self._memberships.membership(conversation_id, participant_id)
            if target is not None:
                permissions.require(Action.BAN, actor, target)
                return replace(self._roster.plan_departure(head, target, by=by, reason="banned"), guard=actor)
            permissions.require_group(head)
            if self._moderation.ban(conversation_id, participant_id) is not None:
                raise NoChange(head)
            ban = Ban(conversation_id, participant_id, None, actor.participant_id, milliseconds(self._clock))
            audit = [AuditEntry("banned", actor.participant_id, participant_id, service=caller.service)]
            commit = _ban_commit(head, "participant_banned", by, ban, ban.banned_at)
            banning = replace(commit, guard=actor, banning=[ban], audit=audit)
            return ending_pending(banning, self._pending, participant_id)

        try:
            commit = self._append(caller, conversation_id, plan)
        except NoChange:
            return Result(None)
        return Result(None, self._roster.notify_left(commit, "banned"))

    def unban(self, caller: Principal, conversation_id: str, participant_id: str) -> Result:
        """Lift a ban.

        Raises:
            NotFound, Forbidden, RateLimited, ConversationBusy: nothing was changed.
        """

        def plan(head: Head) -> Commit:
            actor = self._access.require_member(conversation_id, caller)
            permissions.require(Action.UNBAN, actor)
            ban = self._moderation.ban(conversation_id, participant_id)
            if ban is None:
                raise NotFound
            # The ban of an erased participant holds the pseudonym, but its key is still the participant id.
            entry = AuditEntry("unbanned", actor.participant_id, ban.participant_id, service=caller.service)
            by, now = caller.as_actor(actor), milliseconds(self._clock)
            commit = _ban_commit(head, "participant_unbanned", by, ban, now)
            unbanning = [ban._replace(participant_id=participant_id)]
            return replace(commit, guard=actor, unbanning=unbanning, audit=[entry])

        head = self._change_limiter.charge(caller, conversation_id)
        return Result(None, pushes_for(self._append(caller, conversation_id, plan, head)))

    def bans(self, caller: Principal, conversation_id: str, query: PageQuery) -> dict[str, Any]:
        """Return a page of the bans. Raises NotFound, Forbidden."""
        self._access.require_permission(Action.LIST_BANS, conversation_id, caller)
        after = paging.start_key(query.cursor)
        bans, next_key = self._moderation.bans(conversation_id, after, query.limit)
        self._access.require_permission(Action.LIST_BANS, conversation_id, caller)
        return paging.page("bans", [serializers.ban(ban) for ban in bans], next_key)

    # ---- audit log -------------------------------------------------------------------------------------

    def audit(self, caller: Principal, conversation_id: str, query: AuditQuery) -> dict[str, Any]:
        """Return a page of the audit log in ascending order.

        Raises NotFound, Forbidden, ValidationFailed, PositionUnknown, Unavailable.
        """
        self._positions.require_not_newer(query.history_id)
        head, _ = self._access.require_permission(Action.READ_AUDIT, conversation_id, caller)
        self._positions.require_known(head, query.after, query.history_id)
        if query.cursor is not None and query.after is not None:
            raise ValidationFailed.at("after", "must not be given together with cursor")
        position = paging.start_key(query.cursor)
        after = (query.after or 0) if position is None else position
        records = self._moderation.audit(head, after, query.limit + 1)
        self._access.require_permission(Action.READ_AUDIT, conversation_id, caller)
        page = records[: query.limit]
        next_key = page[-1].position if len(records) > len(page) else None
        return paging.page("entries", [serializers.audit_entry(record) for record in page], next_key)


def _require_update(head: Head, actor: Membership, request: UpdateParticipant) -> None:
    """Raise Forbidden unless there are members whom the actor may update like this."""
    if request.role is not None:
        permissions.require(Action.CHANGE_ROLE, actor)
        permissions.require_group(head)
    if request.muted_for is not None:
        permissions.require(Action.MUTE, actor)


def _updated(target: Membership, request: UpdateParticipant, actor: Membership, now: int) -> Membership:
    """Return the member as requested. Raises Forbidden for a mute that the actor may not set or lift.

    Owners cannot be muted; a member who becomes owner is unmuted.
    """
    updated = target if request.role is None else replace(target, role=request.role)
    if request.muted_for is not None:
        permissions.require(Action.MUTE, actor, updated)
        muted_until = now + 1000 * request.muted_for if request.muted_for else 0
        updated = replace(updated, muted_until=muted_until)
    return replace(updated, muted_until=0) if updated.role == "owner" else updated


def _audit_entries(by: Actor, before: Membership, after: Membership) -> list[AuditEntry]:
    names = by.participant_id, before.participant_id
    entries = [AuditEntry("role_changed", *names, role=after.role)] if after.role != before.role else []
    if after.muted_until > 0 and after.muted_until != before.muted_until:
        entries.append(AuditEntry("muted", *names, muted_until=after.muted_until))
    if before.muted_until > 0 and not after.muted_until:
        entries.append(AuditEntry("unmuted", *names))
    return [entry._replace(service=by.service) for entry in entries]


def _ban_commit(head: Head, event_type: str, by: Actor, ban: Ban, now: int) -> Commit:
    """Return an append of an event about a ban, without the ban itself."""
    sequence_id, participant = head.sequence_id + 1, serializers.banned_ref(ban)
    event = new_event(head.conversation_id, sequence_id, event_type, sender=by, now=now, participant=participant)
    return Commit(head, replace(head, sequence_id=sequence_id, updated_at=now), [event])
