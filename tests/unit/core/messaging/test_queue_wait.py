"""When a sender in the queue looks at it again, and when it leads."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.messaging.queue_wait import (
    ALL_TRY_AFTER_MS,
    BURST_MS,
    FIRST_LOOK,
    LEASE_MS,
    LEASE_SPREAD,
    LEASE_TIMEOUT,
    LONGEST_LOOK,
    MESSAGE_MS,
    NEXT_TIMEOUT_MS,
    SHORTEST_LOOK,
    Pace,
    QueueWait,
    new_lease,
    with_messages,
)
from chalicelib.core.model.messages import QueuedRun, QueueFront, QueueLease
from tests.support.fakes import FakeClock
from tests.unit.aws.dynamodb.samples import MEMBER

CLOCK = FakeClock()
NOW = milliseconds(CLOCK)
OWN = QueuedRun(f"{NOW:015d}#m", NOW, [], MEMBER)
OLDER, NEWER = f"{NOW - 100:015d}#m", f"{NOW:015d}#z"
FREE = QueueLease("another", NOW - 1000, NOW)
HELD = QueueLease("another", NOW + LEASE_MS, NOW)
ATTEMPTS = 200


def waiting(looks: int = 1, clock: FakeClock | None = None) -> QueueWait:
    """Return a wait after some looks at the queue."""
    wait = QueueWait(OWN, clock or FakeClock())
    for _ in range(looks):
        wait.next_delay(QueueFront(None, None))
    return wait


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        (QueueFront(None, OWN.queue_id, NOW), True),
        (QueueFront(None, OLDER, NOW - 100), True),
        (QueueFront(FREE, OLDER, NOW - 100), True),
        (QueueFront(HELD, OWN.queue_id, NOW), False),
        (QueueFront(HELD._replace(holder=OWN.queue_id), OWN.queue_id, NOW), True),
    ],
    ids=["no lease", "no lease and older runs", "free lease", "held by another", "held by itself"],
)
def test_sender_leads_if_the_lease_is_free_or_its_own(front: QueueFront, expected: bool) -> None:
    assert waiting().may_lead(front) is expected


@pytest.mark.parametrize(
    ("oldest", "expected"), [(None, True), (OWN.queue_id, True), (NEWER, True), (OLDER, False)]
)
def test_sender_leads_at_its_first_look_only_if_no_older_run_is_there(oldest: str | None, expected: bool) -> None:
    assert waiting(looks=0).may_lead(QueueFront(FREE, oldest, NOW)) is expected


def test_only_some_senders_try_right_after_the_end_of_a_lease() -> None:
    ended, long_ended = FREE._replace(until=NOW), FREE._replace(until=NOW - ALL_TRY_AFTER_MS)
    trying = sum(waiting().may_lead(QueueFront(ended, OLDER, NOW - 100)) for _ in range(ATTEMPTS))
    assert 0 < trying < ATTEMPTS / 2
    assert all(waiting().may_lead(QueueFront(long_ended, OLDER, NOW - 100)) for _ in range(ATTEMPTS))


def test_lease_of_a_wrong_clock_is_ignored_after_a_while() -> None:
    clock = FakeClock()
    wait = waiting(clock=clock)
    front = QueueFront(HELD._replace(until=NOW + 3_600_000), OLDER, NOW - 100)
    assert not wait.may_lead(front)
    clock.advance(LEASE_TIMEOUT)
    assert not wait.may_lead(front)
    clock.advance(0.001)
    assert wait.may_lead(front)
    renewed = front._replace(lease=HELD._replace(until=NOW + 3_600_001))
    assert not wait.may_lead(renewed), "another leader has taken it in the meantime"


def delays(front: QueueFront, looks: int = 1) -> list[float]:
    return [waiting(looks).next_delay(front) for _ in range(ATTEMPTS)]


def test_first_look_comes_soon_and_later_ones_at_growing_intervals() -> None:
    front = QueueFront(None, OLDER, NOW)
    first, second, late = (delays(front, looks) for looks in (0, 1, 20))
    assert FIRST_LOOK / 2 <= min(first) < max(first) <= FIRST_LOOK
    assert FIRST_LOOK < max(second) < 2 * FIRST_LOOK
    assert LONGEST_LOOK / 2 <= min(late) < max(late) <= LONGEST_LOOK


def test_next_look_is_due_when_the_runs_before_the_own_one_are_appended() -> None:
    """At its front, a queue moves at the pace at which it grew, so the time between two runs is the time left."""
    found = delays(QueueFront(None, f"{NOW - 200:015d}#m", NOW - 200))
    assert 0.1 <= min(found) < max(found) <= 0.2
    assert max(delays(QueueFront(None, f"{NOW - 9000:015d}#m", NOW - 9000))) <= LONGEST_LOOK


def test_looks_are_spread_after_the_end_of_a_lease() -> None:
    lease = HELD._replace(until=NOW + 80)
    found = delays(QueueFront(lease, OLDER, NOW), looks=0)
    assert 0.08 <= min(found) < max(found) <= 0.08 + LEASE_SPREAD
    assert max(found) - min(found) > LEASE_SPREAD / 2
    other_clock = HELD._replace(until=NOW + 200)
    assert max(delays(QueueFront(other_clock, OLDER, NOW), looks=0)) <= FIRST_LOOK


def test_leader_that_failed_tries_again_soon_and_then_less_often() -> None:
    front = QueueFront(HELD._replace(holder=OWN.queue_id), OWN.queue_id, NOW)

    def after(failures: int) -> float:
        found = []
        for _ in range(ATTEMPTS):
            wait = waiting()
            for _ in range(failures):
                wait.failed()
            found.append(wait.next_delay(front))
        return max(found)

    assert after(1) <= 0.024 < after(3) <= 0.1
    assert after(20) <= 0.1


# ---- waiters --------------------------------------------------------------------------------------------


class OneWaiter:
    """The senders of a process with one, which records its sleeps."""

    def __init__(self, *, is_next: bool) -> None:
        self.is_next = is_next
        self.slept: list[float] = []
        self.waiting: list[str] = []

    def enter(self, conversation_id: str, queue_id: str) -> OneWaiter:
        """Add the sender."""
        self.waiting.append(f"{conversation_id} {queue_id}")
        return self

    def leave(self, conversation_id: str, queue_id: str) -> None:
        """Remove it."""
        self.waiting.remove(f"{conversation_id} {queue_id}")

    def committed(self, conversation_id: str, queue_ids: Collection[str]) -> None:
        """Do nothing."""

    def sleep(self, seconds: float) -> bool:
        """Be notified at once."""
        self.slept.append(seconds)
        return True


def looks_of(front: QueueFront, *, is_next: bool) -> list[tuple[float, bool]]:
    """Return the delay before the second look, and whether the sender leads then, of many senders."""
    found = []
    for _ in range(ATTEMPTS):
        waiters = OneWaiter(is_next=is_next)
        with QueueWait(OWN, FakeClock(), waiters) as wait:
            assert wait.sleep(front), "notified"
            (delay,) = waiters.slept
            found.append((delay, wait.may_lead(front)))
    return found


def test_next_leader_looks_when_the_lease_ends() -> None:
    front = QueueFront(HELD, OLDER, NOW)
    assert looks_of(front, is_next=True) == [(LEASE_MS / 1000, False)] * ATTEMPTS
    assert all(delay > LEASE_MS / 1000 for delay, _ in looks_of(front, is_next=False))
    other_clock = QueueFront(HELD._replace(until=NOW + 3_600_000), OLDER, NOW)
    assert all(delay <= FIRST_LOOK for delay, _ in looks_of(other_clock, is_next=True))


def test_next_leader_takes_a_free_lease_and_looks_soon_if_another_was_first() -> None:
    front = QueueFront(FREE._replace(until=NOW), OLDER, NOW)
    assert looks_of(front, is_next=True) == [(SHORTEST_LOOK, True)] * ATTEMPTS


def test_other_senders_of_the_process_lead_only_if_the_next_one_does_not() -> None:
    """It has failed, or the leader before it pushes for long."""
    just_before = QueueFront(FREE._replace(until=NOW - NEXT_TIMEOUT_MS + 1), OLDER, NOW)
    assert not any(leads for _, leads in looks_of(just_before, is_next=False))
    at_last = QueueFront(FREE._replace(until=NOW - NEXT_TIMEOUT_MS), OLDER, NOW)
    assert all(leads for _, leads in looks_of(at_last, is_next=False))


def test_sender_is_no_waiter_after_an_error() -> None:
    waiters = OneWaiter(is_next=True)
    with pytest.raises(RuntimeError), QueueWait(OWN, FakeClock(), waiters):
        assert waiters.waiting
        raise RuntimeError
    assert not waiters.waiting


# ---- pace --------------------------------------------------------------------------------------------------


def test_first_lease_is_short() -> None:
    assert new_lease(OWN, None, NOW) == QueueLease(OWN.queue_id, NOW + LEASE_MS, NOW + LEASE_MS)


def test_full_batches_follow_each_other_quickly_until_the_burst_is_used_up() -> None:
    """Then they take as long as the partition of the queue needs: 24 messages of three units each."""
    lease, now, starts = None, NOW, []
    for _ in range(60):
        starts.append(now)
        lease = with_messages(new_lease(OWN, lease, now), 24)
        now = lease.until
    assert starts[10] - starts[0] == 10 * LEASE_MS
    sustained = 1000 * 24 * 30 / (starts[59] - starts[29])
    assert sustained == pytest.approx(1000 / MESSAGE_MS, rel=0.01)
    units_of_the_first_second = 3 * 24 * sum(start < NOW + 1000 for start in starts)
    assert units_of_the_first_second < 2000, "a second's units are saved, and a second's are added"


def test_small_batches_are_not_slowed_down() -> None:
    lease, now = None, NOW
    for _ in range(200):
        lease = with_messages(new_lease(OWN, lease, now), 7)
        assert lease.until - now == LEASE_MS
        now = lease.until


@pytest.mark.parametrize(("count", "milliseconds_between"), [(1, 15), (10, 15), (11, 17), (24, 47)])
def test_pace_without_a_burst_follows_the_size_of_each_commit(count: int, milliseconds_between: int) -> None:
    pace = Pace(lease_ms=15, message_ms=2.3, burst_ms=0, lease_messages=10)
    lease, now = None, NOW
    for _ in range(20):
        lease = with_messages(new_lease(OWN, lease, now, pace), count, pace)
        assert lease.until - now == milliseconds_between
        now = lease.until


def test_lease_of_a_clock_that_is_ahead_delays_the_next_one_no_longer_than_a_batch() -> None:
    lease = new_lease(OWN, QueueLease("another", NOW + 10**9, NOW + 10**9), NOW)
    assert lease.until == NOW + LEASE_MS
    assert lease.tat == NOW + BURST_MS + LEASE_MS
