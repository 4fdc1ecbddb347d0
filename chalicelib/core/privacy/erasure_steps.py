"""The steps of an erasure in one conversation.

**Begin.** An append makes the participant leave, with a `participant_erased` event, and leaves a data location in
the place of the membership. From the moment of the request they can join no conversation (every transaction that
creates a membership requires that no erasure is running), so no conversation is missed.

**Wait.** A message that mentions them may have been checked before they left and be appended afterwards. After
`Timing.erasure_grace`, which is longer than an invocation can take, that is no longer possible.

**Rewrite** everything that the conversation holds and that names them (`model/redaction.py`), a page at a time.
No later event can name them, except the ban of an outsider: it renews the data location, and the erasure begins
again.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from chalicelib.core.conversations.permissions import without_expired_mute
from chalicelib.core.conversations.roster import Roster
from chalicelib.core.kernel.clock import milliseconds, rfc3339
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log, StaleRead
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.model.actors import Actor
from chalicelib.core.model.conversations import ConversationState, Head, Membership, PastMembership
from chalicelib.core.model.events import new_event
from chalicelib.core.model.privacy import DataLocation, ErasureCommit, ErasureJob
from chalicelib.core.model.redaction import ERASED_NAME, Redaction
from chalicelib.core.ports.commits import Commit, PreconditionFailed
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.moderation import ModerationStore
from chalicelib.core.ports.privacy import ErasureStore, ParticipantDataStore
from chalicelib.core.realtime.fan_out import FanOut

RETRY_DELAY = 5.0
"""Seconds to wait under contention, or for a conversation that is still being created."""


class ErasureSteps:
    """Begins and rewrites; each step returns the delay in seconds until it has to be repeated, if it has to."""

    def __init__(
        self,
        *,
        erasures: ErasureStore,
        conversations: ConversationStore,
        event_log: EventLogStore,
        memberships: MembershipStore,
        moderation: ModerationStore,
        participant_data: ParticipantDataStore,
        roster: Roster,
        log: Log,
        fan_out: FanOut,
        runtime: Runtime,
    ) -> None:
        self._erasures = erasures
        self._conversations = conversations
        self._event_log = event_log
        self._memberships = memberships
        self._moderation = moderation
        self._participant_data = participant_data
        self._roster = roster
        self._log = log
        self._fan_out = fan_out
        self._runtime = runtime
        self._clock = runtime.clock
        self._timing = runtime.timing

    def begin(self, job: ErasureJob, location: DataLocation, _deadline: float) -> list[float]:
        """Begin in one conversation; return the delay if that is not possible yet."""
        head = self._event_log.head(location.conversation_id)
        if head is None:
            if location.expires_at > self._clock.now():
                return [RETRY_DELAY]
            retry_on_conflict(self._runtime, lambda: self._erasures.complete_at(job, location))
        elif head.state is ConversationState.LIVE:
            self._append_departure(job, location)
        else:
            begun = self._begun(location, head.sequence_id)
            retry_on_conflict(self._runtime, lambda: self._erasures.begin_at(job, location, begun))
        return []

    def _begun(self, location: DataLocation, sequence_id: int) -> DataLocation:
        return DataLocation(
            location.conversation_id,
            is_member=False,
            erased_at_event=sequence_id,
            started_at=milliseconds(self._clock),
        )

    def _append_departure(self, job: ErasureJob, location: DataLocation) -> None:
        def plan(head: Head) -> Commit:
            member = self._memberships.membership(location.conversation_id, job.participant_id)
            if (member is not None) != location.is_member:
                raise StaleRead
            return self._plan_departure(job, location, head, member)

        try:
            commit = self._log.append(location.conversation_id, plan)
        except (NotFound, PreconditionFailed, StaleRead):
            # It has ended, or another process was first: the next step reads the location again.
            return
        self._fan_out.deliver(self._roster.notify_left(commit, "left"), within=self._timing.socket_fan_out)

    def _plan_departure(
        self, job: ErasureJob, location: DataLocation, head: Head, member: Membership | None
    ) -> Commit:
        """Return the append of `participant_erased`, after the departure of a member."""
        conversation_id, participant_id = location.conversation_id, job.participant_id
        pseudonym = job.pseudonym(conversation_id)
        actor = Actor(participant_id, ERASED_NAME, "human") if member is None else member.actor
        commit = Commit(head, head)
        if member is not None:
            commit = self._roster.plan_departure(head, member, by=actor, reason="left")
        sequence_id, now = commit.new.sequence_id + 1, milliseconds(self._clock)
        event = new_event(
            conversation_id, sequence_id, "participant_erased", sender=actor, now=now, participant_id=pseudonym
        )
        details = self._conversations.details(conversation_id)
        is_creator = details is not None and details.created_by == participant_id
        return replace(
            commit,
            new=replace(commit.new, sequence_id=sequence_id),
            events=[*commit.events, event],
            details=replace(details, created_by=pseudonym) if details is not None and is_creator else None,
            erasure=ErasureCommit(
                job,
                self._begun(location, sequence_id),
                was_member=member is not None,
                is_banned=self._moderation.ban(conversation_id, participant_id) is not None,
                sanctions=self._sanctions(conversation_id, participant_id, member, now),
            ),
        )

    def _sanctions(
        self, conversation_id: str, participant_id: str, member: Membership | None, now: int
    ) -> PastMembership | None:
        """Return the sanctions that outlast the erasure; None: those of an earlier one still do."""
        if member is not None:
            return PastMembership(None, 0, without_expired_mute(member, now).muted_until)
        past = self._memberships.past_membership(conversation_id, participant_id)
        if past is None or past.read_up_to is None:
            return None
        muted_until = past.muted_until if past.muted_until > now else 0
        return PastMembership(None, 0, muted_until, removed_at_event=past.removed_at_event)

    def rewrite(self, job: ErasureJob, location: DataLocation, deadline: float) -> list[float]:
        """Rewrite the items of one conversation, at least a page; return the delay if that is not complete."""
        early = location.started_at / 1000 + self._timing.erasure_grace - self._clock.now()
        if early > 0:
            return [early]
        conversation_id, participant_id = location.conversation_id, job.participant_id
        pseudonym, requested_at = job.pseudonym(conversation_id), rfc3339(job.requested_at)
        redaction = Redaction(participant_id, pseudonym, requested_at, location.erased_at_event)
        self._delete_leftovers(conversation_id, participant_id)
        while True:
            rewrite = functools.partial(self._erasures.rewrite, job, location, redaction)
            rewritten = retry_on_conflict(self._runtime, rewrite)
            if rewritten is None:
                retry_on_conflict(self._runtime, functools.partial(self._erasures.complete_at, job, location))
                return []
            if rewritten == location:
                # Another process was first, or an item has changed: the next step reads the location again.
                return [0.0]
            location = rewritten
            if self._clock.monotonic() >= deadline:
                return [0.0]

    def _delete_leftovers(self, conversation_id: str, participant_id: str) -> None:
        """Delete subscriptions, queued messages and the like, which may remain after a crash."""
        head = self._event_log.head(conversation_id)
        if head is not None and participant_id in head.departed:
            self._roster.unsubscribe_departed(conversation_id, participant_id, head.departed)
        self._participant_data.delete_ephemeral(conversation_id, participant_id)
        self._erasures.dequeue_all(conversation_id, participant_id)
