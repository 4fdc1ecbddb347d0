"""Group commit: under contention, one sender appends the messages of all waiting senders.

A message, or a run of consecutive messages of one sender, is put into the conversation's queue, by one
unconditional write that conflicts with nothing. The sender of the oldest entry is the leader: it appends up to
`MAX_BATCH` entries in one transaction, which removes them from the queue as well. A run is appended as a whole, so
it stays contiguous. The others poll for the idempotency records of their messages. So contention costs each sender
a few reads instead of lost races, and the log grows by many messages in the time of one append.

Correctness depends neither on the leader nor on clocks: two concurrent leaders conflict on the head, and a
message is appended only if it is still in the queue and not in the log. A sender that gives up removes its
message; if the sender has crashed, another one leads after `LEADER_TIMEOUT`, and drops the message once it is
old.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.core.kernel.backoff import Backoff, random_delay, retry_after
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import ConversationBusy
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.appending import Log
from chalicelib.core.messaging.rate_limiter import RateLimitCharge
from chalicelib.core.messaging.transaction_size import TransactionSize
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.messages import DraftMessage, IdempotencyKey, IdempotencyRecord, QueuedRun
from chalicelib.core.ports.commits import Commit, HeadConflict, MessageAppend, PreconditionFailed, WriteConflict
from chalicelib.core.ports.event_log import EventLogStore

MAX_BATCH = 24
"""Runs that a leader appends at most. Each has its own messages, which `TransactionSize` counts."""
CONTENTION_WINDOW_MS = 1_000
"""For how long after a batch all senders use the queue."""
LEADER_TIMEOUT = 0.25
"""Seconds after which another sender leads, because the oldest message stays in the queue."""
POLL_DELAY = (0.02, 0.05)
LEADER_DELAY = (0.004, 0.012)
"""Bounds in seconds; random, as all waiting senders read one partition."""


class GroupCommit:
    """Appends messages by way of the queue."""

    def __init__(self, *, event_log: EventLogStore, log: Log, runtime: Runtime) -> None:
        self._event_log = event_log
        self._log = log
        self._clock = runtime.clock
        self._observer = runtime.observer
        self._append_deadline = runtime.timing.append_deadline

    def append(
        self, messages: Sequence[DraftMessage], member: Membership, backoff: Backoff, charge: RateLimitCharge
    ) -> IdempotencyRecord | None:
        """Queue a run of messages as one entry, and wait until it is in the log; return the record of the first.

        If it is that of an earlier message with the same idempotency key, the run was not appended, nor if the
        result is None: then it was removed from the queue, for instance because the membership changed.
        Raises ConversationBusy at the deadline of `backoff`; then it is not in the log.
        """
        queued = self._enqueue(messages, member, charge)
        first = messages[0]
        conversation_id, leader_timeout = member.conversation_id, LeaderTimeout(self._clock)
        while True:
            # Only a leader reads the whole batch, as all waiting senders poll this partition.
            oldest = next(iter(self._event_log.queued_runs(conversation_id, 1)), None)
            is_gone = oldest is None or oldest.queue_id > queued.queue_id
            is_leader = oldest is not None and (
                oldest.queue_id == queued.queue_id or leader_timeout.expired(oldest)
            )
            if is_leader:
                self._commit_batch(conversation_id)
            elif not is_gone:
                self._clock.sleep(random_delay(*POLL_DELAY))
            # Even if an older one is in front: ids depend on the senders' clocks, so it may have arrived later.
            record = self._event_log.idempotency_record(first.key)
            if record is not None and record.message_id != first.event["message_id"] and not is_gone:
                # A repeat of a message that was appended without this one, which would now keep others waiting.
                self._event_log.dequeue(conversation_id, queued.queue_id)
            if record is not None or is_gone:
                return record
            if backoff.expired:
                return self._give_up(queued)
            if is_leader:
                self._clock.sleep(random_delay(*LEADER_DELAY))

    def _enqueue(self, messages: Sequence[DraftMessage], member: Membership, charge: RateLimitCharge) -> QueuedRun:
        now = milliseconds(self._clock)
        queued = QueuedRun(f"{now:015d}#{secrets.token_urlsafe(9)}", now, messages, member)
        charge.charge_with(lambda: self._event_log.enqueue(queued))
        self._observer.count(Metric.MESSAGES_QUEUED, len(messages))
        return queued

    def _give_up(self, queued: QueuedRun) -> IdempotencyRecord | None:
        """Remove a run and raise ConversationBusy; if a leader was first, return its record."""
        if self._event_log.dequeue(queued.member.conversation_id, queued.queue_id):
            raise ConversationBusy(retry_after=retry_after())
        return self._event_log.idempotency_record(queued.messages[0].key)

    def _commit_batch(self, conversation_id: str) -> None:
        """Try once to append the queued runs; remove those that can never be appended."""
        queue = self._event_log.queued_runs(conversation_id, MAX_BATCH)
        head = self._log.get_live_head(conversation_id)
        batch = self._batch(queue)
        if not batch:
            return
        messages = appends(batch, head.sequence_id)
        new = next_head(head, len(messages), milliseconds(self._clock), is_contended=len(batch) > 1)
        try:
            self._event_log.commit(Commit(old=head, new=new, messages=messages))
        except (HeadConflict, WriteConflict):
            self._observer.count(Metric.APPEND_CONFLICTS)
        except PreconditionFailed as failed:
            duplicates = {messages[index].key for index in failed.duplicates}
            for queued in batch:
                has_duplicate = any(message.key in duplicates for message in queued.messages)
                if has_duplicate or queued.member.participant_id in failed.stale_memberships:
                    self._event_log.dequeue(conversation_id, queued.queue_id)

    def _batch(self, queue: Sequence[QueuedRun]) -> list[QueuedRun]:
        """Return the runs for one commit: each message once, and each sender under one membership and mute."""
        oldest_allowed = milliseconds(self._clock) - int(2_000 * self._append_deadline)
        batch: list[QueuedRun] = []
        keys: set[IdempotencyKey] = set()
        memberships: dict[str, tuple[int, int]] = {}
        size = TransactionSize()
        for queued in queue:
            member = queued.member
            membership = member.epoch, member.muted_until
            run_keys = {message.key for message in queued.messages}
            if queued.queued_at < oldest_allowed:
                self._event_log.dequeue(member.conversation_id, queued.queue_id)
            elif run_keys & keys or memberships.get(member.participant_id, membership) != membership:
                continue
            elif not size.add(queued):
                break
            else:
                memberships[member.participant_id] = membership
                keys |= run_keys
                batch.append(queued)
        return batch


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
        contended_until=now + CONTENTION_WINDOW_MS if is_contended else 0,
    )


class LeaderTimeout:
    """Detects that the same message stays the oldest, because its sender does not lead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._oldest_id = ""
        self._since = 0.0

    def expired(self, oldest: QueuedRun) -> bool:
        """Return whether it has been the oldest for too long; the limit is random, so that few senders lead."""
        now = self._clock.monotonic()
        if oldest.queue_id != self._oldest_id:
            self._oldest_id, self._since = oldest.queue_id, now
        return now - self._since > LEADER_TIMEOUT * random_delay(1, 2)
