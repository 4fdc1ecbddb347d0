"""Waiting in a conversation's queue: when to look at it again, and when to lead.

Waiting senders share the partition of the queue, so they look at it rarely: first after the time in which the runs
before their own are appended, as the age of the oldest one shows; then at growing, random intervals. A queue is a
first-in, first-out line, so those at its front, who have the least time to wait, look most often.

The lease also paces the leaders by the generic cell rate algorithm (ITU-T I.371): in the long run, they append no
more than the partition takes.

Where senders share a process, as in the local cloud, they are waiters: a leader notifies those whose runs it has
committed, and the one that leads next as soon as its events are pushed. On Lambda a process has one sender at a
time. A notification only ends a wait early, so one that is lost costs no more than that wait.
"""

from __future__ import annotations

from collections.abc import Collection
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from chalicelib.core.kernel.backoff import full_jitter, random_delay
from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.model.messages import QueuedRun, QueueFront, QueueLease

LEASE_MS = 24
"""For how long a leader has the lease: reading the queue, and most of a transaction."""
MESSAGE_MS = 10 / 3
"""The time in which the partition of a queue recovers the units of a message of up to 1 KB: three (put, and twice
for the deletion in a transaction) of 1,000 a second, and a tenth for the lease."""
BURST_MS = 800
"""How much of that time can be used in advance, after a pause: less than the second that a partition saves."""
LEASE_TIMEOUT = 0.25
"""Seconds after which an unchanged lease is ignored: the clock of its holder may be wrong."""
FIRST_LOOK, LONGEST_LOOK, GROWTH = 0.05, 0.25, 1.5
"""Bounds in seconds of the first delay before a look at the queue and of any, and the growth from one to the next.
Each delay is random between half of its bound and all of it."""
LONGEST_LEASE = 0.1
"""Seconds: a lease that seems to last longer is that of another clock."""
LEASE_SPREAD = 0.02
"""Seconds over which the looks after the end of a lease are spread."""
ALL_TRY_AFTER_MS = 15
"""Without a leader, a growing share of the senders that look tries to take the lease, and after so long all."""
NEXT_TIMEOUT_MS = 100
"""Where senders share a process: the time without a leader after which all try, not only the one that is next."""
LEADER_DELAY = {"base": 0.012, "cap": 0.1}
"""Bounds in seconds of the delay after a failed attempt of a leader."""
SHORTEST_LOOK = 0.002
"""Seconds before the next look of the waiter that leads next, if the lease is free but another took it."""


class Pace(NamedTuple):
    """How fast leaders may follow each other: that of DynamoDB by default."""

    lease_ms: int = LEASE_MS
    message_ms: float = MESSAGE_MS
    burst_ms: int = BURST_MS
    lease_messages: float = LEASE_MS / MESSAGE_MS
    """How many messages a lease covers; each further one adds `message_ms`."""


DYNAMODB = Pace()


class Waiter(Protocol):
    """A sender whose run is queued, as the others of its process see it."""

    @property
    def is_next(self) -> bool:
        """Whether it leads next of those in its process, and the leader before it has pushed its events."""

    def sleep(self, seconds: float) -> bool:
        """Wait, at most until a notification; return whether the run has been committed by another sender."""


class Waiters(Protocol):
    """The waiters of one process, by conversation."""

    def enter(self, conversation_id: str, queue_id: str) -> Waiter:
        """Add a waiter, before its run is queued."""

    def leave(self, conversation_id: str, queue_id: str) -> None:
        """Remove a waiter; a no-op if it has left."""

    def committed(self, conversation_id: str, queue_ids: Collection[str]) -> None:
        """Notify and remove the waiters of these runs; notify the next leader when the caller's job ends."""


class WaitStrategy(NamedTuple):
    """How the senders of a process wait: the pace of the leaders, and the waiters that they notify."""

    pace: Pace = DYNAMODB
    waiters: Waiters | None = None


LAMBDA = WaitStrategy()


def new_lease(queued: QueuedRun, previous: QueueLease | None, now: int, pace: Pace = DYNAMODB) -> QueueLease:
    """Return the lease of the next leader, the sender of `queued`. `now` is in ms."""
    tat = now if previous is None else min(max(previous.tat, now), now + pace.burst_ms)
    length = pace.lease_ms
    return QueueLease(queued.queue_id, max(now + length, tat + length - pace.burst_ms), tat + length)


def with_messages(lease: QueueLease, count: int, pace: Pace = DYNAMODB) -> QueueLease:
    """Return the lease after its leader found out how many messages it appends."""
    tat = lease.tat + max(round(pace.message_ms * (count - pace.lease_messages)), 0)
    return QueueLease(lease.holder, max(lease.until, tat - pace.burst_ms), tat)


class QueueWait:
    """The waiting of one sender; a context manager, which is entered before the run is queued."""

    def __init__(self, queued: QueuedRun, clock: Clock, waiters: Waiters | None = None) -> None:
        self._queued = queued
        self._clock = clock
        self._waiters = waiters
        self._waiter: Waiter | None = None
        self._looks = 0
        self._failures = 0
        self._lease_until = 0
        self._lease_since = 0.0

    def __enter__(self) -> Self:
        if self._waiters is not None:
            run = self._queued
            self._waiter = self._waiters.enter(run.member.conversation_id, run.queue_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._waiters is not None:
            self._waiters.leave(self._queued.member.conversation_id, self._queued.queue_id)

    def sleep(self, front: QueueFront) -> bool:
        """Wait until the next look at the queue; return whether the run has been committed meanwhile."""
        delay = self.next_delay(front)
        if self._waiter is not None:
            return self._waiter.sleep(delay)
        self._clock.sleep(delay)
        return False

    def may_lead(self, front: QueueFront) -> bool:
        """Return whether to take the lease: it is free, or is this sender's.

        At the first look, which may not see the own run yet, only if the queue looks empty: otherwise another
        sender is about to lead.
        """
        lease = front.lease
        if self._looks == 0 and front.oldest_id is not None and front.oldest_id < self._queued.queue_id:
            return False
        if lease is None or self._is_leader(front):
            return True
        free = milliseconds(self._clock) - lease.until
        if free >= 0:
            if self._waiter is not None:
                return self._waiter.is_next or free >= NEXT_TIMEOUT_MS
            return random_delay(0, 1) < 0.25 + free / ALL_TRY_AFTER_MS
        now = self._clock.monotonic()
        if lease.until != self._lease_until:
            self._lease_until, self._lease_since = lease.until, now
        return now - self._lease_since > LEASE_TIMEOUT

    def failed(self) -> None:
        """Record that this sender led and could not append."""
        self._failures += 1

    def next_delay(self, front: QueueFront) -> float:
        """Return the seconds until the next look at the queue."""
        if self._failures and self._is_leader(front):
            return full_jitter(self._failures, **LEADER_DELAY)
        ahead = 0 if not front.oldest_at else self._queued.queued_at - front.oldest_at
        longest = min(max(FIRST_LOOK * GROWTH**self._looks, ahead / 1000), LONGEST_LOOK)
        self._looks += 1
        delay = random_delay(longest / 2, longest)
        leased = 0.0 if front.lease is None else (front.lease.until - milliseconds(self._clock)) / 1000
        if self._is_next() and leased < LONGEST_LEASE:
            return min(delay, max(leased, SHORTEST_LOOK))
        if delay < leased < LONGEST_LEASE:
            # Nothing changes before, and not all may look at the same time.
            delay = leased + random_delay(0, LEASE_SPREAD)
        return delay

    def _is_next(self) -> bool:
        return self._waiter is not None and self._waiter.is_next

    def _is_leader(self, front: QueueFront) -> bool:
        return front.lease is not None and front.lease.holder == self._queued.queue_id
