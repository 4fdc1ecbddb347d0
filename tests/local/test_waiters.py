"""The senders of one process that wait in the queues of conversations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.waiters import Waiters


class Sleeps:
    """Records the waits, and does something during each."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, seconds: float, wait: Callable[[float], object]) -> None:
        self.seconds.append(seconds)
        self.meanwhile()
        self.was_notified = bool(wait(0))


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


class Leader:
    """The job of a leader, which pushes until `end`."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def after_job(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def end(self) -> None:
        """End one job."""
        self._callbacks.pop(0)()


@pytest.fixture
def leader() -> Leader:
    return Leader()


@pytest.fixture
def waiters(sleeps: Sleeps, leader: Leader) -> Waiters:
    return Waiters(sleeps, leader.after_job)


def test_sender_that_has_waited_longest_is_the_next_leader(waiters: Waiters) -> None:
    first, second, third = (waiters.enter("c", name) for name in ("b", "a", "c"))
    assert [first.is_next, second.is_next, third.is_next] == [True, False, False]
    waiters.leave("c", "b")
    assert [second.is_next, third.is_next] == [True, False]
    waiters.leave("c", "b")
    assert not third.is_next, "to leave twice changes nothing"


def test_committed_sender_is_notified_while_it_sleeps(waiters: Waiters, sleeps: Sleeps) -> None:
    waiters.enter("c", "leader")
    second, third = waiters.enter("c", "second"), waiters.enter("c", "third")
    sleeps.meanwhile = lambda: waiters.committed("c", ["leader", "second"])
    assert second.sleep(0.25)
    assert (sleeps.seconds, sleeps.was_notified) == ([0.25], True)
    assert not third.is_next


def test_next_leader_is_notified_when_the_former_one_has_pushed(
    waiters: Waiters, sleeps: Sleeps, leader: Leader
) -> None:
    waiters.enter("c", "leader")
    second = waiters.enter("c", "second")
    waiters.committed("c", ["leader"])
    waiters.leave("c", "leader")
    assert not second.is_next
    sleeps.meanwhile = leader.end
    assert not second.sleep(0.25)
    assert (second.is_next, sleeps.was_notified) == (True, True)


def test_sender_that_comes_during_the_pushes_leads_after_them(waiters: Waiters, leader: Leader) -> None:
    waiters.enter("c", "leader")
    waiters.committed("c", ["leader"])
    waiter = waiters.enter("c", "later")
    assert not waiter.is_next
    leader.end()
    assert waiter.is_next


def test_next_leader_waits_for_the_pushes_of_all_leaders(waiters: Waiters, leader: Leader) -> None:
    """Two have led if the first one took too long."""
    for name in ("first", "second", "third"):
        waiters.enter("c", name)
    waiters.committed("c", ["first"])
    waiters.committed("c", ["second"])
    leader.end()
    third = waiters.enter("c", "third")
    assert not third.is_next
    leader.end()
    assert third.is_next


def test_notification_before_the_sleep_is_not_lost(waiters: Waiters, sleeps: Sleeps) -> None:
    waiters.enter("c", "leader")
    second = waiters.enter("c", "second")
    waiters.committed("c", ["leader", "second"])
    assert second.sleep(0.25)
    assert sleeps.was_notified


def test_next_leader_is_notified_once_and_goes_on_waiting(
    waiters: Waiters, sleeps: Sleeps, leader: Leader
) -> None:
    waiters.enter("c", "leader")
    second = waiters.enter("c", "second")
    waiters.committed("c", ["leader"])
    leader.end()
    assert not second.sleep(0.25)
    assert sleeps.was_notified
    assert not second.sleep(0.25)
    assert not sleeps.was_notified


def test_sender_without_a_notification_waits_its_time(waiters: Waiters, sleeps: Sleeps) -> None:
    waiters.enter("c", "leader")
    second, elsewhere = waiters.enter("c", "second"), waiters.enter("other", "second")
    assert elsewhere.is_next
    waiters.committed("other", ["second"])
    assert not second.sleep(0.25)
    assert not sleeps.was_notified


def test_conversation_without_senders_leaves_nothing(waiters: Waiters, leader: Leader) -> None:
    waiters.enter("c", "a")
    waiters.committed("c", ["a", "of another process"])
    waiters.committed("c", ["of another process"])
    leader.end()
    leader.end()
    assert waiters.enter("c", "b").is_next
