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


@pytest.fixture
def waiters(sleeps: Sleeps) -> Waiters:
    return Waiters(sleeps)


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
    assert third.is_next


def test_notification_before_the_sleep_is_not_lost(waiters: Waiters, sleeps: Sleeps) -> None:
    waiters.enter("c", "leader")
    second = waiters.enter("c", "second")
    waiters.committed("c", ["leader", "second"])
    assert second.sleep(0.25)
    assert sleeps.was_notified


def test_next_leader_is_notified_once_and_goes_on_waiting(waiters: Waiters, sleeps: Sleeps) -> None:
    waiters.enter("c", "leader")
    second = waiters.enter("c", "second")
    waiters.committed("c", ["leader"])
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


def test_conversation_without_senders_leaves_nothing(waiters: Waiters) -> None:
    waiters.enter("c", "a")
    waiters.committed("c", ["a", "of another process"])
    waiters.committed("c", ["of another process"])
    assert waiters.enter("c", "b").is_next
