"""The senders of one process that wait in the queues of conversations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.neighbours import Neighbours


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
def neighbours(sleeps: Sleeps) -> Neighbours:
    return Neighbours(sleeps)


def test_sender_that_has_waited_longest_is_the_next_leader(neighbours: Neighbours) -> None:
    first, second, third = (neighbours.enter("c", name) for name in ("b", "a", "c"))
    assert [first.is_next, second.is_next, third.is_next] == [True, False, False]
    neighbours.leave("c", "b")
    assert [second.is_next, third.is_next] == [True, False]
    neighbours.leave("c", "b")
    assert not third.is_next, "to leave twice changes nothing"


def test_committed_sender_is_notified_while_it_sleeps(neighbours: Neighbours, sleeps: Sleeps) -> None:
    neighbours.enter("c", "leader")
    second, third = neighbours.enter("c", "second"), neighbours.enter("c", "third")
    sleeps.meanwhile = lambda: neighbours.committed("c", ["leader", "second"])
    assert second.sleep(0.25)
    assert (sleeps.seconds, sleeps.was_notified) == ([0.25], True)
    assert third.is_next


def test_notification_before_the_sleep_is_not_lost(neighbours: Neighbours, sleeps: Sleeps) -> None:
    neighbours.enter("c", "leader")
    second = neighbours.enter("c", "second")
    neighbours.committed("c", ["leader", "second"])
    assert second.sleep(0.25)
    assert sleeps.was_notified


def test_next_leader_is_notified_once_and_goes_on_waiting(neighbours: Neighbours, sleeps: Sleeps) -> None:
    neighbours.enter("c", "leader")
    second = neighbours.enter("c", "second")
    neighbours.committed("c", ["leader"])
    assert not second.sleep(0.25)
    assert sleeps.was_notified
    assert not second.sleep(0.25)
    assert not sleeps.was_notified


def test_sender_without_a_notification_waits_its_time(neighbours: Neighbours, sleeps: Sleeps) -> None:
    neighbours.enter("c", "leader")
    second, elsewhere = neighbours.enter("c", "second"), neighbours.enter("other", "second")
    assert elsewhere.is_next
    neighbours.committed("other", ["second"])
    assert not second.sleep(0.25)
    assert not sleeps.was_notified


def test_conversation_without_senders_leaves_nothing(neighbours: Neighbours) -> None:
    neighbours.enter("c", "a")
    neighbours.committed("c", ["a", "of another process"])
    neighbours.committed("c", ["of another process"])
    assert neighbours.enter("c", "b").is_next
