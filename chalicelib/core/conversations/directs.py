"""Direct conversations: the one conversation of two participants, got or created.

The links of both are written in the transaction of the creation, on the condition that there are none: of two who
open it at the same time, one creates it and the other gets it. Consent and blocks are decided as for an addition
(`consent.py`), with the same answer for every cause. Each membership notes the other participant: that of the
opener the invitee, and nothing but their own acceptance changes what the opener sees.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.core.conversations.arrivals import with_profile
from chalicelib.core.conversations.change_limiter import ChangeLimiter
from chalicelib.core.conversations.consent import ConsentRules
from chalicelib.core.conversations.invitations import invitation_job
from chalicelib.core.conversations.new_conversation import new_conversation
from chalicelib.core.conversations.roster import Roster
from chalicelib.core.conversations.views import Views, view_for_member
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import Blocked, ErasureRunning, NotFound, Suspended, ValidationFailed
from chalicelib.core.kernel.ids import new_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.kernel.text import MAX_NAME_LENGTH
from chalicelib.core.log.appending import Log, NoChange, StaleRead
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.consent import Standing
from chalicelib.core.model.conversations import (
    ConversationDetails,
    ConversationState,
    Head,
    Membership,
    OtherParticipant,
)
from chalicelib.core.model.directs import DirectLink, NewPair
from chalicelib.core.ports.commits import Commit, NewConversation, PreconditionFailed
from chalicelib.core.ports.consent import BlockStore, Consent, PendingStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.directs import DirectStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.protocol import frames, serializers
from chalicelib.core.realtime.outbox import Result, ToParticipants

if TYPE_CHECKING:
    from chalicelib.core.conversations.screening import ChangeScreening
    from chalicelib.core.protocol.requests import NewParticipant


class Directs:
    """Opens direct conversations."""

    def __init__(
        self,
        *,
        directs: DirectStore,
        blocks: BlockStore,
        conversations: ConversationStore,
        event_log: EventLogStore,
        memberships: MembershipStore,
        pending: PendingStore,
        consent: ConsentRules,
        roster: Roster,
        views: Views,
        log: Log,
        change_limiter: ChangeLimiter,
        runtime: Runtime,
        screening: ChangeScreening | None = None,
    ) -> None:
        """With `screening`, the hook is asked about each creation."""
        self._directs = directs
        self._blocks = blocks
        self._conversations = conversations
        self._event_log = event_log
        self._memberships = memberships
        self._pending = pending
        self._consent = consent
        self._roster = roster
        self._views = views
        self._log = log
        self._change_limiter = change_limiter
        self._screening = screening
        self._runtime = runtime
        self._gather = runtime.gather

    def open(self, caller: Principal, participant_id: str, name: str | None = None) -> tuple[int, Result]:
        """Get the direct conversation with a participant, accept or create it; return the status, too.

        `name` is for a participant who is not a member yet. A conversation that the caller left is shown again.

        Raises:
            ValidationFailed: the participant is the caller.
            Blocked: the caller blocks the participant.
            ErasureRunning, Suspended, ConversationLimit, RateLimited, RefusedByHook, Unavailable,
                ConversationBusy: nothing was changed.
        """
        if participant_id == caller.participant_id:
            raise ValidationFailed.at("participant_id", "must be another participant")
        from chalicelib.core.protocol.requests import NewParticipant

        invitee = NewParticipant(participant_id=participant_id, name=name or participant_id[:MAX_NAME_LENGTH])
        backoff, is_charged = new_backoff(self._runtime), False
        while True:
            try:
                link = self._unblocked_link(caller, participant_id)
                existing = None if link is None else self._existing(caller, link)
                if existing is not None:
                    return 200, existing
                if not is_charged:
                    self._change_limiter.charge_creation(caller, 1)
                    is_charged = True
                    if self._screening is not None:
                        standing = self._consent.standing(caller.participant_id)
                        invitee = self._screening.direct(standing.named(caller.as_actor()), invitee)
                return 201, self._create(caller, invitee, "" if link is None else link.conversation_id)
            except StaleRead:
                backoff.wait()

    def _unblocked_link(self, caller: Principal, participant_id: str) -> DirectLink | None:
        link: DirectLink | None
        link, is_blocked = self._gather(
            lambda: self._directs.link(caller.participant_id, participant_id),
            lambda: self._blocks.is_blocked(caller.participant_id, participant_id),
        )
        if is_blocked:
            raise Blocked
        return link

    # ---- get and accept --------------------------------------------------------------------------------

    def _existing(self, caller: Principal, link: DirectLink) -> Result | None:
        """Return the conversation of a link, which the caller accepts if they are not a member.

        None: it has ended, or the other participant was erased. Raises StaleRead.
        """
        # The head first: if it is accepted, both were members before the memberships are read.
        head = self._event_log.head(link.conversation_id)
        if head is None or head.state is not ConversationState.LIVE:
            return None
        member, other = self._members(link)
        if member is None:
            return self._accept(caller, link) if head.direct == "pending" else None
        if other is None and head.direct == "accepted":
            return None
        if member.hidden_at:
            self._memberships.hide(member, 0)
        try:
            return Result(self._views.view(link.conversation_id, caller))
        except NotFound:
            raise StaleRead from None

    def _members(self, link: DirectLink) -> tuple[Membership | None, Membership | None]:
        """Return the memberships of the owner of a link, and of the other participant."""
        member, other = self._gather(
            lambda: self._memberships.membership(link.conversation_id, link.participant_id),
            lambda: self._memberships.membership(link.conversation_id, link.other_id),
        )
        return member, other

    def _accept(self, caller: Principal, link: DirectLink) -> Result:
        """Accept a conversation that the other one has opened, even if it was declined. Raises StaleRead."""
        conversation_id = link.conversation_id

        def plan(head: Head) -> Commit:
            (member, opener), known, standing = self._gather(
                lambda: self._members(link),
                lambda: self._pending.invited_participant(conversation_id, caller.participant_id),
                lambda: self._consent.standing(caller.participant_id),
            )
            if member is not None:
                raise NoChange(head)
            if opener is None or head.direct != "pending":
                raise StaleRead
            newcomer = standing.named(caller.as_actor())
            commit = self._roster.plan_arrival(head, newcomer, None, "member", by=newcomer, reason="accepted")
            commit = with_profile(commit, standing, self._memberships)
            return replace(commit, conversations_cap=self._runtime.limits.conversations, obsolete=known)

        try:
            head = self._change_limiter.charge(caller, conversation_id)
            pushes = self._roster.notify_joined(self._log.append(conversation_id, plan, head))
        except NoChange:
            pushes = []
        except NotFound:
            raise StaleRead from None
        except PreconditionFailed as failed:
            self._raise_refusal(caller, failed)
            raise StaleRead from None
        return self._views.respond_with_conversation(conversation_id, caller, pushes)

    # ---- create ----------------------------------------------------------------------------------------

    def _create(self, caller: Principal, invitee: NewParticipant, replaced: str) -> Result:
        """Create a conversation in place of one that has ended. Raises StaleRead."""
        own, consents = self._gather(
            lambda: self._consent.standing(caller.participant_id),
            lambda: self._consent.read(caller.participant_id, [invitee.participant_id]),
        )
        new = self._new_conversation(caller, invitee, own, consents[invitee.participant_id], replaced)
        try:
            retry_on_conflict(self._runtime, lambda: self._conversations.create(new))
        except PreconditionFailed as failed:
            self._raise_refusal(caller, failed)
            raise StaleRead from None
        view = view_for_member(new.head, new.details, new.members[0])
        views = {member.participant_id: view_for_member(new.head, new.details, member) for member in new.members}
        added = [ToParticipants([person], frames.added_push(shown)) for person, shown in views.items()]
        view["participants"] = [serializers.participant_view(member, online=False) for member in new.members]
        job = invitation_job(new.pending[0][0], whole=True) if new.pending else None
        return Result(view, added, job=job)

    def _raise_refusal(self, caller: Principal, failed: PreconditionFailed) -> None:
        """Raise the error of a caller who can be in no further conversation; return if only something changed."""
        if failed.erasing:
            raise ErasureRunning from None
        if failed.is_suspended:
            raise Suspended from None
        if failed.at_cap:
            self._consent.require_own_place(caller.participant_id)

    def _new_conversation(
        self, caller: Principal, invitee: NewParticipant, own: Standing, consent: Consent, replaced: str
    ) -> NewConversation:
        now, invitee_id = milliseconds(self._runtime.clock), invitee.participant_id
        details = ConversationDetails(new_conversation_id(now), "", "invite", {}, now, caller.participant_id)
        decision = self._consent.decide(consent, is_past_member=False)
        new = new_conversation(details, caller, own, "member", [invitee], {invitee_id: decision}, self._runtime)
        pending = [(entry._replace(is_direct=True), is_visible) for entry, is_visible in new.pending]
        opener = new.members[0]
        others = [member.as_other(member.avatar_url) for member in new.members[1:]] or [
            OtherParticipant(invitee_id, invitee.name, decision.type, expires_at=entry.expires_at)
            for entry, _ in pending
        ]
        members = [replace(opener, other=others[0])]
        members += [replace(member, other=opener.as_other(opener.avatar_url)) for member in new.members[1:]]
        head = replace(
            new.head,
            direct="pending" if decision.is_pending else "accepted",
            blockers=frozenset([invitee_id]) if consent.is_blocked else frozenset(),
        )
        pair = NewPair(caller.participant_id, invitee_id, replaced)
        return new._replace(head=head, members=members, pending=pending, pair=pair)
