"""Adding participants: as members, or pending their acceptance (`consent.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import Access
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.consent import ConsentRules, Decision
from chalicelib.core.conversations.invitations import invitation_job
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.conversations.roster import Roster
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import AlreadyParticipant, Banned, ParticipantLimit
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.consent import PendingMembership
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.consent import PendingStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.protocol import serializers
from chalicelib.core.realtime.outbox import Result

if TYPE_CHECKING:
    from chalicelib.core.conversations.screening import ChangeScreening
    from chalicelib.core.protocol.requests import NewParticipant


MAX_ADDERS = 20
"""How many members can have added the same person to a conversation.

An arrival and a ban end all of these additions in their transaction. The limit does not depend on the cause for
which they wait.
"""
_TOO_MANY_ADDERS = f"{MAX_ADDERS} members have added this person already: withdraw their additions first."


class _Deferred(Exception):
    """Raised by a plan: the addition needs the participant's acceptance."""

    def __init__(self, addition: _Addition) -> None:
        super().__init__("the addition needs acceptance")
        self.addition = addition


class _Addition(NamedTuple):
    """A pending addition that is to be saved."""

    head: Head
    adder: Membership
    request: NewParticipant
    """As the hook allows it."""
    title: str
    decision: Decision
    own: PendingMembership | None
    """The pending membership of an earlier addition by the adder."""


class Additions:
    """Adds participants to conversations."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        memberships: MembershipStore,
        moderation: ModerationStore,
        pending: PendingStore,
        consent: ConsentRules,
        access: Access,
        roster: Roster,
        log: Log,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
        screening: ChangeScreening | None = None,
    ) -> None:
        """With `screening`, the hook is asked about each addition."""
        self._conversations = conversations
        self._memberships = memberships
        self._moderation = moderation
        self._pending = pending
        self._consent = consent
        self._access = access
        self._roster = roster
        self._log = log
        self._change_limiter = change_limiter
        self._screening = screening
        self._runtime = runtime
        self._gather = runtime.gather
        self._clock = runtime.clock

    def add(self, caller: Principal, conversation_id: str, request: NewParticipant) -> Result:
        """Add a participant, who must not be banned, or leave it to their acceptance.

        Raises:
            NotFound, Forbidden, Muted, AlreadyParticipant, Banned, ParticipantLimit, RateLimited, RefusedByHook,
                Unavailable, ConversationBusy: not added.
        """
        head: Head | None = self._change_limiter.charge_addition(caller, conversation_id)

        allowed: list[NewParticipant] = []

        def screened(adder: Membership) -> NewParticipant:
            """Return the request as the hook allows it, which is asked once, however often this is planned."""
            if self._screening is None or caller.is_system:
                return request
            if not allowed:
                allowed.append(self._screening.addition(caller, adder, request))
            # The role of the adder may have changed since the hook was asked.
            permissions.require(Action.ADD_PARTICIPANT, adder, allowed[0], now=milliseconds(self._clock))
            return allowed[0]

        def plan(head: Head) -> Commit:
            return self._plan(caller, head, request, screened)

        guarded = self._access.hiding_errors_from_outsiders(conversation_id, caller, plan)
        backoff = new_backoff(self._runtime)
        while True:
            try:
                commit = self._log.append(conversation_id, guarded, head)
            except _Deferred as deferred:
                entry = self._save(caller, deferred.addition)
                if entry is not None:
                    return Result(serializers.pending_participant(entry), job=invitation_job(entry))
                head = None
                backoff.wait()
                continue
            (member,) = commit.joining
            return Result(serializers.added_participant(member), self._roster.notify_joined(commit))

    def _plan(
        self,
        caller: Principal,
        head: Head,
        request: NewParticipant,
        screened: Callable[[Membership], NewParticipant],
    ) -> Commit:
        """Return the append of an addition. Raises _Deferred."""
        conversation_id, participant_id = head.conversation_id, request.participant_id
        # Two round trips, and the same requests for every participant: see `consent.py`.
        actor, member, ban, past, consents, known, details = self._gather(
            lambda: self._access.require_member(conversation_id, caller),
            lambda: self._memberships.membership(conversation_id, participant_id),
            lambda: self._moderation.ban(conversation_id, participant_id),
            lambda: self._memberships.past_membership(conversation_id, participant_id),
            lambda: self._consent.read(caller.participant_id, [participant_id]),
            lambda: self._pending.invited_participant(conversation_id, participant_id),
            lambda: self._conversations.details(conversation_id),
        )
        permissions.require(Action.ADD_PARTICIPANT, actor, request, now=milliseconds(self._clock))
        if member is not None:
            raise AlreadyParticipant
        if ban is not None:
            raise Banned
        consent = consents[participant_id]
        if caller.is_system:
            decision = self._consent.decide_for_service(consent, "participant_id")
        else:
            decision = self._consent.decide(consent, is_past_member=past is not None)
        if decision.is_pending:
            title = "" if details is None else details.title
            own = own_entry(known, actor)
            if own is None and len(known) >= MAX_ADDERS:
                raise ParticipantLimit(_TOO_MANY_ADDERS)
            request = request if own is not None else screened(actor)
            raise _Deferred(_Addition(head, actor, request, title, decision, own))
        request = screened(actor)
        newcomer = decision.standing.named(Actor(participant_id, request.name, decision.type))
        commit = self._roster.plan_arrival(
            head, newcomer, past, request.role, by=caller.as_actor(actor), reason="added"
        )
        joining = [decision.standing.profiled(replace(joined, is_added=True)) for joined in commit.joining]
        return replace(commit, joining=joining, guard=actor, standing=decision.standing, obsolete=known)

    def _save(self, caller: Principal, addition: _Addition) -> PendingMembership | None:
        """Return the pending membership of an addition, which may exist; None if something has changed."""
        if addition.own is not None:
            return addition.own
        adder, by = addition.adder, caller.as_actor(addition.adder)
        entry = new_entry(
            addition.head,
            addition.title,
            by,
            adder.epoch,
            addition.request,
            self._runtime,
            at=self._clock.now(),
        )
        decision = addition.decision
        saved = retry_on_conflict(
            self._runtime,
            lambda: self._pending.save(entry, adder, decision.standing, is_visible=decision.is_visible),
        )
        return entry if saved else None


def own_entry(known: Sequence[PendingMembership], adder: Membership) -> PendingMembership | None:
    """Return the one of the pending memberships that an adder has caused as the member that they are."""
    own = [entry for entry in known if (entry.adder_id, entry.adder_epoch) == (adder.participant_id, adder.epoch)]
    return own[0] if own else None


def new_entry(
    head: Head,
    title: str,
    adder: Actor,
    epoch: int,
    request: NewParticipant,
    runtime: Runtime,
    *,
    at: float,
) -> PendingMembership:
    """Return the pending membership of an addition at a time (epoch seconds)."""
    return PendingMembership(
        head.conversation_id,
        request.participant_id,
        request.name,
        request.role,
        adder.participant_id,
        adder.name,
        adder.type,
        epoch,
        title,
        added_at=int(at * 1000),
        expires_at=int(at) + runtime.timing.pending_lifetime,
        at_head=head.sequence_id,
    )
