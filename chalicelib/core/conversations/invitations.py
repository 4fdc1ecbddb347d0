"""The frames `invited`, which a background job posts.

The request that adds a participant only queues the job, which reads whether the participant sees the pending
membership. So its duration does not depend on that.
"""

from __future__ import annotations

from chalicelib.core.conversations.consent import ConsentRules
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.ids import is_conversation_id
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.model.consent import PendingMembership
from chalicelib.core.ports.consent import PendingStore
from chalicelib.core.ports.rate_limits import RateLimitStore
from chalicelib.core.protocol.frames import invited_push
from chalicelib.core.protocol.serializers import pending_membership
from chalicelib.core.realtime.outbox import Push, ToParticipants

INVITED = "invited"
"""The kind of the job."""


def invitation_job(entry: PendingMembership, *, whole: bool = False) -> str:
    """Return the job for a pending membership, or for all of its conversation. It names no participant."""
    return f"{INVITED}:{entry.conversation_id}/{'' if whole else entry.key}"


class Invitations:
    """Resolves the jobs."""

    def __init__(
        self, *, pending: PendingStore, consent: ConsentRules, rate_limits: RateLimitStore, runtime: Runtime
    ) -> None:
        self._pending = pending
        self._consent = consent
        self._rate_limits = rate_limits
        self._clock = runtime.clock
        self._interval = 60_000 // runtime.limits.invitations_per_minute
        self._burst = runtime.limits.invitation_burst

    def pushes(self, job: str) -> list[Push]:
        """Return the pushes of a job (without its kind) to those who can accept. Raises ValueError.

        It also corrects the counts of all to whom an addition is pending.
        """
        conversation_id, slash, key = job.partition("/")
        if not (is_conversation_id(conversation_id) and slash):
            raise ValueError("not a pending membership")
        entries, visible = self._pending.with_visible(conversation_id, key)
        for participant_id in {entry.participant_id for entry in entries}:
            self._consent.correct_counts(participant_id)
        return [
            ToParticipants([entry.participant_id], invited_push(pending_membership(entry)))
            for entry in visible
            if self._is_allowed(entry.participant_id)
        ]

    def _is_allowed(self, participant_id: str) -> bool:
        now = milliseconds(self._clock)
        decision = self._rate_limits.acquire(
            participant_id, now, 1, interval=self._interval, burst=self._burst, bucket="invitations"
        )
        return decision.allowed
