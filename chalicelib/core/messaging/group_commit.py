"""Group commit: under contention, one sender appends the messages of all waiting senders.

A message, or a run of consecutive messages of one sender, is put into the conversation's queue, by one
unconditional write that conflicts with nothing. A waiting sender takes the queue's lease when it is free, and so
becomes the leader: it appends its own run and the oldest others, up to `MAX_BATCH` entries, in one transaction,
which removes them from the queue as well, and pushes them all. A run is appended as a whole, so it stays
contiguous. The others poll the front of the queue, which is one read of one unit, until their own run is no longer
in it. So contention costs each sender a few reads instead of lost races, and the log grows by many messages in the
time of one append.

Correctness depends neither on the lease nor on clocks: two concurrent leaders conflict on the head, and a message
is appended only if it is still in the queue and not in the log. A sender that gives up removes its message; if the
sender has crashed, the next leader appends it, or drops it once it is old. A crashed leader's lease ends.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from chalicelib.core.kernel.backoff import Backoff, retry_after
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ChatError, ConversationBusy, NotFound
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.messaging.queue_wait import LAMBDA, QueueWait, WaitStrategy, new_lease, with_messages
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.messaging.transaction_size import TransactionSize
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.messages import (
    DraftMessage,
    IdempotencyKey,
    IdempotencyRecord,
    QueuedRun,
    QueueFront,
    QueueLease,
)
from chalicelib.core.ports.commits import Commit, HeadConflict, MessageAppend, PreconditionFailed, WriteConflict
from chalicelib.core.ports.event_log import EventLogStore

MAX_BATCH = 24
"""Runs that a leader appends at most. Each has its own messages, which `TransactionSize` counts."""
CONTENTION_WINDOW_MS = 1_000
"""For how long after a batch of several runs all senders use the queue, so that they share commits and pushes."""


class QueueResult(NamedTuple):
    """The end of a run's wait in the queue."""

    record: IdempotencyRecord | None
    """The record of its first message, or of an earlier one with the same idempotency key: then the run was not
    appended. Neither was it if this is None: it was removed, for instance because the membership changed."""
    commit: Commit | None = None
    """The commit, if this sender was the leader, who pushes all events of it."""


class GroupCommit:
    """Appends messages by way of the queue."""

    def __init__(
        self, *, event_log: EventLogStore, log: Log, runtime: Runtime, wait_strategy: WaitStrategy = LAMBDA
    ) -> None:
        self._event_log = event_log
        self._pace, self._waiters = wait_strategy
        self._log = log
        self._clock = runtime.clock
        self._gather = runtime.gather
        self._observer = runtime.observer
        self._append_deadline = runtime.timing.append_deadline

    def append(
        self, messages: Sequence[DraftMessage], member: Membership, backoff: Backoff, charge: RateLimitCharge
    ) -> QueueResult:
        """Queue a run of messages as one entry, and wait until it is in the log.

        Raises ConversationBusy at the deadline of `backoff`; then it is not in the log.
        """
        now = milliseconds(self._clock)
        queued = QueuedRun(f"{now:015d}#{secrets.token_urlsafe(9)}", now, messages, member)
        with QueueWait(queued, self._clock, self._waiters) as wait:
            front = self._enqueue(queued, charge)
            while True:
                lease = self._take_lease(queued, front) if wait.may_lead(front) else None
                if lease is not None:
                    result = self._lead(queued, lease)
                    if result is not None:
                        return result
                    wait.failed()
                if backoff.expired:
                    return self._leave(queued, ConversationBusy(retry_after=retry_after()))
                if wait.sleep(front):
                    return self._result(queued)
                front = self._event_log.queue_front(member.conversation_id)
                if front.oldest_id is None or front.oldest_id > queued.queue_id:
                    return self._result(queued)

    def _enqueue(self, queued: QueuedRun, charge: RateLimitCharge) -> QueueFront:
        """Queue a run; return the front of the queue at that time.

        If the run competes with others of its own sender, they are not looked at: one of them will lead.
        """
        self._observer.count(Metric.MESSAGES_QUEUED, len(queued.messages))
        conversation_id = queued.member.conversation_id
        if charge.overlaps:
            self._event_log.enqueue(queued)
            return QueueFront(None, "")
        _, front = self._gather(
            lambda: self._event_log.enqueue(queued),
            lambda: self._event_log.queue_front(conversation_id),
        )
        found: QueueFront = front
        return found

    def _result(self, queued: QueuedRun) -> QueueResult:
        return QueueResult(self._event_log.idempotency_record(queued.messages[0].key))

    def _leave(self, queued: QueuedRun, error: ChatError) -> QueueResult:
        """Remove a run and raise `error`; if a leader was first, return the result."""
        if self._event_log.dequeue(queued.member.conversation_id, queued.queue_id):
            raise error
        return self._result(queued)

    # ---- leading ---------------------------------------------------------------------------------------

    def _take_lease(self, queued: QueuedRun, front: QueueFront) -> QueueLease | None:
        """Return the lease; None if another sender was first."""
        lease = new_lease(queued, front.lease, milliseconds(self._clock), self._pace)
        is_taken = self._event_log.take_lease(queued.member.conversation_id, lease, front.lease)
        return lease if is_taken else None

    def _extend_lease(self, conversation_id: str, exact: QueueLease, lease: QueueLease) -> None:
        """Account for the messages of the leader. Without it, the next one only comes too early."""
        with contextlib.suppress(ChatError):
            self._event_log.take_lease(conversation_id, exact, lease)

    def _lead(self, queued: QueuedRun, lease: QueueLease) -> QueueResult | None:
        """Try once to append a run, with others of the queue; None if it is still queued.

        Raises NotFound if the conversation was deleted meanwhile; then the run is not queued any more.
        """
        conversation_id = queued.member.conversation_id
        try:
            queue, head = self._gather(
                lambda: self._event_log.queued_runs(conversation_id, MAX_BATCH),
                lambda: self._log.get_live_head(conversation_id),
            )
        except NotFound as error:
            return self._leave(queued, error)
        is_first = any(other.queue_id == queued.queue_id for other in queue)
        if not is_first and len(queue) < MAX_BATCH:
            return self._result(queued)
        commit = self._commit(head, self._batch(queued, queue), lease)
        if commit is not None:
            (event,) = [sent.event for sent in commit.messages if sent.queued_as == queued.queue_id]
            record = IdempotencyRecord(event["message_id"], event["sequence_id"], event["created_at"])
            return QueueResult(record, commit)
        # Ids depend on the senders' clocks, so another leader may have appended it before older ones.
        result = self._result(queued)
        if result.record is None:
            return None
        if result.record.message_id != queued.messages[0].event["message_id"]:
            # A repeat of a message that was appended without this one, which would now keep others waiting.
            self._event_log.dequeue(conversation_id, queued.queue_id)
        return result

    def _commit(self, head: Head, batch: Sequence[QueuedRun], lease: QueueLease) -> Commit | None:
        """Try once to append queued runs; if that fails, remove those that can never be appended."""
        messages = appends(batch, head.sequence_id)
        new = next_head(head, len(messages), milliseconds(self._clock), is_contended=len(batch) > 1)
        commit = Commit(old=head, new=new, messages=messages)
        writes: list[Callable[[], object]] = [lambda: self._event_log.commit(commit)]
        exact = with_messages(lease, len(messages), self._pace)
        if exact != lease:
            writes.append(lambda: self._extend_lease(head.conversation_id, exact, lease))
        try:
            self._gather(*writes)
        except (HeadConflict, WriteConflict):
            self._observer.count(Metric.APPEND_CONFLICTS)
        except PreconditionFailed as failed:
            duplicates = {messages[index].key for index in failed.duplicates}
            for queued in batch:
                has_duplicate = any(message.key in duplicates for message in queued.messages)
                if has_duplicate or queued.member.participant_id in failed.stale_memberships:
                    self._event_log.dequeue(queued.member.conversation_id, queued.queue_id)
        else:
            if self._waiters is not None:
                self._waiters.committed(head.conversation_id, [queued.queue_id for queued in batch])
            return commit
        return None

    def _batch(self, own: QueuedRun, queue: Sequence[QueuedRun]) -> list[QueuedRun]:
        """Return the runs for one commit: the own one, and the oldest others.

        Each message is in it once, and each sender under one membership and mute.
        """
        oldest_allowed = milliseconds(self._clock) - int(2_000 * self._append_deadline)
        batch: list[QueuedRun] = []
        keys: set[IdempotencyKey] = set()
        memberships: dict[str, tuple[int, int]] = {}
        size = TransactionSize()
        others = [queued for queued in queue if queued.queue_id != own.queue_id]
        for queued in [own, *others[: MAX_BATCH - 1]]:
            member = queued.member
            membership = member.epoch, member.muted_until
            run_keys = {message.key for message in queued.messages}
            if queued.queued_at < oldest_allowed and queued is not own:
                self._event_log.dequeue(member.conversation_id, queued.queue_id)
            elif run_keys & keys or memberships.get(member.participant_id, membership) != membership:
                continue
            elif not size.add(queued):
                break
            else:
                memberships[member.participant_id] = membership
                keys |= run_keys
                batch.append(queued)
        return sorted(batch, key=lambda queued: queued.queue_id)


def appends(batch: Sequence[QueuedRun], after: int) -> list[MessageAppend]:
    """Return the messages of queued runs with the sequence ids after `after`."""
    numbers = itertools.count(after + 1)
    return [
        MessageAppend(
            {**message.event, "sequence_id": next(numbers)},
            queued.member,
            message.key,
            queued.queue_id if message is queued.messages[0] else None,
            message.seen,
        )
        for queued in batch
        for message in queued.messages
    ]


def next_head(head: Head, count: int, now: int, *, is_contended: bool = False) -> Head:
    """Return the head after `count` messages. If it is contended, senders use the queue for a while."""
    return replace(
        head,
        sequence_id=head.sequence_id + count,
        message_count=head.message_count + count,
        last_message=head.sequence_id + count,
        updated_at=now,
        active_at=now,
        contended_until=now + CONTENTION_WINDOW_MS if is_contended else head.contended_until,
    )
