"""Roles, mutes and bans, and the audit of who used such rights; `members.py` says who may what.

All of it changes only in appends: what a plan reads of it after the head is how it is when the append stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.conversations import MODERATORS, Conversations
from chalicelib.core.conversations.membership import Members, participant_event
from chalicelib.core.kernel import paging
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import Forbidden, LastOwner, NotFound, ValidationFailed
from chalicelib.core.log.log import Log, NoChange
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import new_event
from chalicelib.core.model.moderation import AuditEntry, Ban
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.protocol import frames
from chalicelib.core.realtime.outbox import Result, pushes_for
from chalicelib.core.realtime.presence import Presence

if TYPE_CHECKING:
    from chalicelib.core.protocol.requests import AuditQuery, PageQuery, UpdateParticipant


class Moderation:
    """Roles, mutes, bans, audit."""

    def __init__(
        self,
        store: ConversationStore,
        moderation: ModerationStore,
        conversations: Conversations,
        members: Members,
        log: Log,
        presence: Presence,
        clock: Clock,
    ) -> None:
        self._store = store
        self._moderation = moderation
        self._conversations = conversations
        self._members = members
        self._log = log
        self._presence = presence
        self._clock = clock

    def _append(self, caller: Principal, conversation_id: str, plan: Callable[[Head], Commit]) -> Commit:
        return self._log.append(
            conversation_id, self._members.hiding_errors_from_outsiders(conversation_id, caller, plan)
        )

    # ---- roles and mutes -------------------------------------------------------------------------------

    def update(
        self, caller: Principal, conversation_id: str, participant_id: str, request: UpdateParticipant
    ) -> Result:
        """Give somebody a role, mute or unmute them."""
        unchanged: list[Membership] = []

        def plan(head: Head) -> Commit:
            actor = self._conversations.require_member(conversation_id, caller)
            if actor.role not in MODERATORS or (request.role is not None and actor.role != "owner"):
                raise Forbidden
            target = self._store.membership(conversation_id, participant_id)
            if target is None:
                raise NotFound
            now = milliseconds(self._clock)
            changed = self._changed(target, request, actor, now)
            if changed == permissions.without_expired_mute(target, now):
                unchanged.append(changed)
                raise NoChange(head)
            if target.role == "owner" and (head.participant_count == 1 or self._members.successors(target)):
                raise LastOwner
            by, number = caller.as_actor(actor), head.sequence_id + 1
            event = participant_event(conversation_id, number, "participant_updated", by, changed, now)
            new = replace(head, sequence_id=number, updated_at=now, roster_version=head.roster_version + 1)
            return Commit(
                head,
                new,
                [event],
                guard=None if actor.participant_id == target.participant_id else actor,
                changing=[changed],
                audit=_audit_entries(actor, permissions.without_expired_mute(target, now), changed),
            )

        try:
            commit = self._append(caller, conversation_id, plan)
        except NoChange as nothing:
            return Result(self._seen(nothing.head, unchanged[-1]))
        (changed,) = commit.changing
        return Result(self._seen(commit.new, changed), pushes_for(commit))

    def _changed(self, target: Membership, request: UpdateParticipant, actor: Membership, now: int) -> Membership:
        """The member as they are to be. Raises Forbidden."""
        changed = permissions.without_expired_mute(target, now)
        if request.role is not None:
            changed = replace(changed, role=request.role)
        if request.muted_for is not None:
            # Owners cannot be muted; whoever becomes one is unmuted.
            if changed.role == "owner" or (actor.role == "moderator" and target.role != "member"):
                raise Forbidden
            until = now + 1000 * request.muted_for if request.muted_for else 0
            changed = replace(changed, muted_until=until)
        return replace(changed, muted_until=0) if changed.role == "owner" else changed

    def _seen(self, head: Head, member: Membership) -> frames.Participant:
        online = self._presence.online(head)
        return frames.participant(member, online=member.participant_id in online)

    # ---- bans ------------------------------------------------------------------------------------------

    def ban(self, caller: Principal, conversation_id: str, participant_id: str) -> Result:
        """Remove somebody for good, or forbid somebody who is not in to come. Again: nothing happens."""

        def plan(head: Head) -> Commit:
            actor = self._conversations.require_member(conversation_id, caller)
            if actor.role not in MODERATORS:
                raise Forbidden
            if participant_id == actor.participant_id:
                raise ValidationFailed.at("participant_id", "must be somebody else: nobody bans themselves")
            by = caller.as_actor(actor)
            target = self._store.membership(conversation_id, participant_id)
            if target is not None:
                if target.role == "owner" or (actor.role == "moderator" and target.role != "member"):
                    raise Forbidden
                return replace(self._members.plan_departure(head, target, by=by, reason="banned"), guard=actor)
            if self._moderation.ban(conversation_id, participant_id) is not None:
                raise NoChange(head)
            ban = Ban(conversation_id, participant_id, None, actor.participant_id, milliseconds(self._clock))
            entry = AuditEntry("banned", actor.participant_id, participant_id)
            commit = _ban_commit(head, "participant_banned", by, ban, ban.banned_at)
            return replace(commit, guard=actor, banning=[ban], audit=[entry])

        try:
            commit = self._append(caller, conversation_id, plan)
        except NoChange:
            return Result(None)
        return Result(None, self._members.notify_left(commit, "banned"))

    def unban(self, caller: Principal, conversation_id: str, participant_id: str) -> Result:
        """Lift a ban. Raises NotFound if there is none."""

        def plan(head: Head) -> Commit:
            actor = self._conversations.require_member(conversation_id, caller)
            if actor.role not in MODERATORS:
                raise Forbidden
            ban = self._moderation.ban(conversation_id, participant_id)
            if ban is None:
                raise NotFound
            # The ban of somebody who was erased names them by another id than the one that it is found by.
            entry = AuditEntry("unbanned", actor.participant_id, ban.participant_id)
            now = milliseconds(self._clock)
            commit = _ban_commit(head, "participant_unbanned", caller.as_actor(actor), ban, now)
            return replace(
                commit, guard=actor, unbanning=[replace(ban, participant_id=participant_id)], audit=[entry]
            )

        return Result(None, pushes_for(self._append(caller, conversation_id, plan)))

    def bans(self, caller: Principal, conversation_id: str, query: PageQuery) -> dict[str, Any]:
        """Who is banned, a page at a time; for owners and moderators."""
        self._moderator(caller, conversation_id)
        after = paging.start_key(query.cursor)
        bans, following = self._moderation.bans(conversation_id, after, query.limit)
        # Last of all: that it is still the caller's to see.
        self._moderator(caller, conversation_id)
        return paging.page("bans", [frames.ban(each) for each in bans], following)

    def _moderator(self, caller: Principal, conversation_id: str) -> None:
        _, actor = self._conversations.require_member_and_head(conversation_id, caller)
        if actor.role not in MODERATORS:
            raise Forbidden

    # ---- audit -----------------------------------------------------------------------------------------

    def audit(self, caller: Principal, conversation_id: str, query: AuditQuery) -> dict[str, Any]:
        """Who used which right, on whom, in rising order; for owners."""
        self._owner(caller, conversation_id)
        if query.cursor is not None and query.after is not None:
            raise ValidationFailed.at("after", "must not be given together with cursor")
        position = paging.start_key(query.cursor)
        after = (query.after or 0) if position is None else position
        found = self._moderation.audit(conversation_id, after, query.limit + 1)
        # Last of all: that it is still the caller's to see.
        self._owner(caller, conversation_id)
        entries = found[: query.limit]
        next_key = entries[-1].position if len(found) > len(entries) else None
        return paging.page("entries", [frames.audit_entry(each) for each in entries], next_key)

    def _owner(self, caller: Principal, conversation_id: str) -> None:
        _, actor = self._conversations.require_member_and_head(conversation_id, caller)
        if actor.role != "owner":
            raise Forbidden


def _audit_entries(actor: Membership, before: Membership, after: Membership) -> list[AuditEntry]:
    by, whom = actor.participant_id, before.participant_id
    entries = []
    if after.role != before.role:
        entries.append(AuditEntry("role_changed", by, whom, role=after.role))
    if after.muted_until > 0 and after.muted_until != before.muted_until:
        entries.append(AuditEntry("muted", by, whom, muted_until=after.muted_until))
    if before.muted_until > 0 and not after.muted_until:
        entries.append(AuditEntry("unmuted", by, whom))
    return entries


def _ban_commit(head: Head, kind: str, by: Actor, ban: Ban, now: int) -> Commit:
    """An append that says so, without what comes of it."""
    number = head.sequence_id + 1
    event = new_event(head.conversation_id, number, kind, sender=by, now=now, participant=frames.banned_ref(ban))
    return Commit(head, replace(head, sequence_id=number, updated_at=now), [event])
