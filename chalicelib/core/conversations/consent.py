"""Consent: whether an addition makes a person a member at once, or waits for their acceptance.

`CAUSES` is the table of the reasons to wait; the table in docs/protocol.md is generated from it. The adder must
not recognize the cause. So all reads are made before the decision, with as many requests whatever they return, and
each cause leads to the same transaction and the same answer; it differs only in whether the participant sees the
pending membership.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ConversationLimit, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.model.actors import ParticipantType
from chalicelib.core.model.consent import PendingMembership, Standing
from chalicelib.core.model.conversations import Membership
from chalicelib.core.ports.consent import Consent, PendingStore
from chalicelib.core.ports.memberships import MembershipStore

RECOUNT_INTERVAL = 600_000
"""Milliseconds between two corrections of the number of a participant's conversations, which reads all of them."""


class Cause(enum.Enum):
    """A reason for which an addition waits for acceptance, as the documentation calls it."""

    SETTING = "`CHAT_ADDING` is `consent`"
    PAST = "they have left this conversation, or were removed from it"
    CAP = "others have added them to the maximum number of conversations"
    BLOCK = "they have blocked the caller"
    ERASURE = "they are being erased"
    SUSPENSION = "they are suspended"


class Evidence(NamedTuple):
    """Everything that decides about one addition."""

    consent: Consent
    is_past_member: bool
    requires_consent: bool
    limits: Limits


class CauseRule(NamedTuple):
    """One row of the table: when the cause applies, and whether the person can see and accept the addition."""

    applies: Callable[[Evidence], bool]
    is_visible: bool


CAUSES: Mapping[Cause, CauseRule] = {
    Cause.SETTING: CauseRule(lambda evidence: evidence.requires_consent, is_visible=True),
    Cause.PAST: CauseRule(lambda evidence: evidence.is_past_member, is_visible=True),
    Cause.CAP: CauseRule(
        lambda evidence: evidence.consent.standing.added >= evidence.limits.added_conversations, is_visible=True
    ),
    Cause.BLOCK: CauseRule(lambda evidence: evidence.consent.is_blocked, is_visible=False),
    Cause.ERASURE: CauseRule(lambda evidence: evidence.consent.standing.is_erasing, is_visible=False),
    Cause.SUSPENSION: CauseRule(lambda evidence: evidence.consent.is_suspended, is_visible=True),
}


class Decision(NamedTuple):
    """The result of an addition, conditional on the standing."""

    standing: Standing
    is_pending: bool
    is_visible: bool
    """Whether the participant sees the pending membership."""
    type: ParticipantType
    """That of the participant."""


class ConsentRules:
    """Decides about additions, and keeps the counts of memberships correct."""

    def __init__(self, *, pending: PendingStore, memberships: MembershipStore, runtime: Runtime) -> None:
        self._pending = pending
        self._memberships = memberships
        self._runtime = runtime

    def standing(self, participant_id: str) -> Standing:
        """Return the standing of a participant who creates a conversation."""
        return self._pending.standing(participant_id)

    def read(self, adder_id: str, participant_ids: Sequence[str]) -> Mapping[str, Consent]:
        """Return what decides about additions by `adder_id`, apart from the conversation."""
        return self._pending.consents(adder_id, participant_ids) if participant_ids else {}

    def decide(self, consent: Consent, *, is_past_member: bool) -> Decision:
        """Return whether a participant becomes a member at once."""
        limits, standing = self._runtime.limits, consent.standing
        evidence = Evidence(consent, is_past_member, self._runtime.requires_consent, limits)
        causes = [rule for rule in CAUSES.values() if rule.applies(evidence)]
        is_visible = all(rule.is_visible for rule in causes) and standing.pending < limits.pending_memberships
        return Decision(standing, bool(causes), is_visible, consent.rules.type_of(standing.type))

    def decide_for_service(self, consent: Consent, path: str) -> Decision:
        """Return that a participant becomes a member at once: a service does not need their consent.

        Raises ValidationFailed for the field at `path` if they cannot be a member at the moment.
        """
        standing = consent.standing
        if consent.is_suspended or standing.is_erasing:
            problem = "is suspended" if consent.is_suspended else "is being erased"
            raise ValidationFailed.at(path, problem)
        return Decision(standing, False, False, consent.rules.type_of(standing.type))

    def require_own_place(self, participant_id: str) -> None:
        """Correct the counts of a participant who seems to be in too many conversations; else raise an error.

        Raises:
            ConversationLimit: they are, or the counts were corrected shortly before.
        """
        standing = self._pending.standing(participant_id)
        if self._recounted(standing).own >= self._runtime.limits.conversations:
            raise ConversationLimit

    def correct_counts(self, participant_id: str) -> None:
        """Correct the counts of a participant to whom additions are pending, if they approach a limit.

        They can be too high, as nothing is written when a pending membership expires, or a conversation is purged.
        A background job calls this for every pending addition: in the request, it would show the cause.
        """
        limits = self._runtime.limits
        standing = self._pending.standing(participant_id)
        if standing.added >= limits.added_conversations:
            standing = self._recounted(standing)
        if 2 * standing.pending >= limits.pending_memberships:
            visible = self._visible(participant_id)
            if visible < standing.pending:
                self._corrected(standing._replace(pending=visible))

    def _visible(self, participant_id: str) -> int:
        """Return how many pending memberships a participant sees, up to the limit."""
        count = 0
        after: str | None = None
        while room := self._runtime.limits.pending_memberships - count:
            entries, after = self._pending.visible(participant_id, after, room)
            count += len(entries)
            if after is None:
                break
        return count

    def _recounted(self, standing: Standing) -> Standing:
        """Return a standing with the true number of memberships, unless that was counted shortly before."""
        now = milliseconds(self._runtime.clock)
        if now - standing.counted_at < RECOUNT_INTERVAL:
            return standing
        members = self._memberships.memberships_of(standing.participant_id)
        added = sum(member.is_added for member in members)
        return self._corrected(standing._replace(own=len(members) - added, added=added, counted_at=now))

    def _corrected(self, standing: Standing) -> Standing:
        """Save corrected counts; return the standing with its new version, or unchanged after a conflict."""
        if retry_on_conflict(self._runtime, lambda: self._pending.correct(standing)):
            return standing._replace(version=standing.version + 1)
        return standing


def is_valid(entry: PendingMembership, adder: Membership | None, now: int) -> bool:
    """Return whether the participant who made an addition, as a member now (or not), still has the right to."""
    return (
        adder is not None
        and adder.epoch == entry.adder_epoch
        and (entry.is_direct or permissions.allows(Action.ADD_PARTICIPANT, adder, entry, now=now))
    )
