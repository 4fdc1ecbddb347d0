"""Appending a run of messages: directly, or by group commit under contention.

A direct append is one transaction: the head, the events, the idempotency records that make repeats no-ops, and the
sender's membership, whose read pointer it moves. At the first sign of contention, the run is queued
(`group_commit.py`): an attempt failed, the head records contention a moment ago, or another message of the sender
is being sent at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from chalicelib.core.conversations import permissions
from chalicelib.core.conversations.access import membership_of
from chalicelib.core.conversations.permissions import Action
from chalicelib.core.kernel.backoff import Backoff
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import NotAccepted, NotFound
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.messaging.acceptance import messages_before_acceptance
from chalicelib.core.messaging.group_commit import GroupCommit, next_head
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.messaging.run import Run, SendResult, new_result
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.messages import DraftMessage, IdempotencyRecord
from chalicelib.core.ports.commits import Commit, HeadConflict, MessageAppend, PreconditionFailed, WriteConflict
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore


class Appender:
    """Appends runs."""

    def __init__(
        self,
        *,
        event_log: EventLogStore,
        memberships: MembershipStore,
        log: Log,
        group_commit: GroupCommit,
        runtime: Runtime,
    ) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._log = log
        self._group_commit = group_commit
        self._clock = runtime.clock
        self._limits = runtime.limits
        self._gather = runtime.gather
        self._observer = runtime.observer

    def replay(self, conversation_id: str, record: IdempotencyRecord) -> SendResult:
        """Return a message that is in the log. Raises NotFound."""
        stored = self._event_log.event(conversation_id, record.sequence_id)
        if stored is None:
            raise NotFound
        return SendResult(stored.event, duplicate=True)

    def append(
        self,
        run: Run,
        head: Head,
        member: Membership,
        caller: Principal,
        backoff: Backoff,
        charge: RateLimitCharge,
    ) -> None:
        """Append the messages of a run that are not in the log yet."""
        is_contended = charge.overlaps
        while messages := run.next_messages():
            room = messages_before_acceptance(head, member, self._limits)
            if room is not None:
                if not room:
                    raise NotAccepted
                messages = messages[:room]
            elif is_contended or head.contended_until > milliseconds(self._clock):
                self._append_via_queue(run, messages, member, caller, backoff, charge)
                return
            try:
                head = self._append_directly(run, messages, head, member)
            except (HeadConflict, WriteConflict) as conflict:
                self._observer.count(Metric.APPEND_CONFLICTS)
                if isinstance(conflict, HeadConflict):
                    head = self._log.require_live(conflict.current)
                elif room is not None:
                    head = self._log.get_live_head(head.conversation_id)
                if room is not None:
                    backoff.wait()
                is_contended = True
            except PreconditionFailed as failed:
                if failed.duplicates:
                    self._settle_duplicates(run, messages, failed.duplicates)
                else:
                    member = self._require_speaking_member(head.conversation_id, caller)

    def _append_directly(self, run: Run, messages: Sequence[DraftMessage], head: Head, member: Membership) -> Head:
        """Try once; return the new head. Raises HeadConflict, WriteConflict, PreconditionFailed."""
        appends = [
            MessageAppend(
                {**message.event, "sequence_id": number},
                member,
                message.key if "client_message_id" in message.event else None,
                seen=message.seen,
            )
            for number, message in enumerate(messages, head.sequence_id + 1)
        ]
        new = next_head(head, len(appends), milliseconds(self._clock))
        if head.direct == "pending" and not member.is_service:
            new = replace(new, opener_messages=head.opener_messages + len(appends))
        commit = Commit(old=head, new=new, messages=appends)
        self._event_log.commit(commit)
        for message, append in zip(messages, appends, strict=True):
            run.settle(message, new_result(append.event, message, member, commit))
        return commit.new

    def _append_via_queue(
        self,
        run: Run,
        messages: Sequence[DraftMessage],
        member: Membership,
        caller: Principal,
        backoff: Backoff,
        charge: RateLimitCharge,
    ) -> None:
        """Append by group commit; again, if the run left the queue because its membership changed.

        Raises ConversationBusy at the deadline of `backoff`, however often that happens.
        """
        conversation_id = member.conversation_id
        while messages:
            result = self._group_commit.append(messages, member, backoff, charge)
            if result.record is not None:
                self._settle_queued(run, messages, member, result.commit, result.record)
            else:
                self._settle_duplicates(run, messages, self._records(messages[1:]))
                backoff.wait()
                self._log.get_live_head(conversation_id)
                member = self._require_speaking_member(conversation_id, caller)
            messages = run.next_messages()

    def _settle_queued(
        self,
        run: Run,
        messages: Sequence[DraftMessage],
        member: Membership,
        commit: Commit | None,
        record: IdempotencyRecord,
    ) -> None:
        """Settle a run that left the queue, by the record of its first message."""
        first = messages[0]
        if record.message_id != first.event["message_id"]:
            run.settle(first, self.replay(first.key.conversation_id, record))
            return
        for number, message in enumerate(messages, record.sequence_id):
            event = {**message.event, "sequence_id": number}
            run.settle(message, new_result(event, message, member, commit))

    def _records(self, messages: Sequence[DraftMessage]) -> dict[int, IdempotencyRecord]:
        """Return the records of messages but the first of a run, by their index in the run."""
        if not messages:
            return {}
        reads = [partial(self._event_log.idempotency_record, message.key) for message in messages]
        records = self._gather(*reads)
        return {index: record for index, record in enumerate(records, 1) if record is not None}

    def _settle_duplicates(
        self, run: Run, messages: Sequence[DraftMessage], records: Mapping[int, IdempotencyRecord]
    ) -> None:
        """Settle the messages of a run that are in the log, by their indexes."""
        conversation_id = messages[0].key.conversation_id
        replays = [partial(self.replay, conversation_id, record) for record in records.values()]
        for index, result in zip(records, self._gather(*replays), strict=True):
            run.settle(messages[index], result)

    def _require_speaking_member(self, conversation_id: str, caller: Principal) -> Membership:
        member = membership_of(self._memberships, conversation_id, caller)
        if member is None:
            raise NotFound
        permissions.require(Action.SEND_MESSAGE, member, now=milliseconds(self._clock))
        return member
