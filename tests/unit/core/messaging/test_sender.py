"""Sends that lose conflicts: their metrics, and their end at the deadline."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.clock import Clock, milliseconds
from chalicelib.core.kernel.errors import ConversationBusy, Unavailable
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.log.appending import Log
from chalicelib.core.messaging.group_commit import GroupCommit
from chalicelib.core.messaging.queue_wait import LAMBDA, WaitStrategy
from chalicelib.core.messaging.run import SendResult
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.messages import QueuedRun, QueueFront, QueueLease
from chalicelib.core.ports.commits import Commit, HeadConflict, WriteConflict
from chalicelib.core.protocol.requests import SendMessage
from chalicelib.core.realtime.outbox import Activity, ToSubscribers
from local.waiters import Waiters
from tests.support.app_harness import AppHarness
from tests.support.fakes import FakeClock, FakeObserver
from tests.support.runtime import new_runtime


class ConflictingStore:
    """A store whose first commits raise the given errors."""

    def __init__(self, store: Any, errors: list[Exception]) -> None:
        self._store = store
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, commit: Commit) -> None:
        """Raise the next error, or append."""
        if self._errors:
            raise self._errors.pop(0)
        self._store.commit(commit)


def sender(
    harness: AppHarness,
    observer: FakeObserver,
    errors: list[Exception],
    timing: Timing | None = None,
    clock: Clock | None = None,
    store: Any = None,
    wait_strategy: WaitStrategy = LAMBDA,
) -> Sender:
    store = store or ConflictingStore(harness.chat.stores.event_log, errors)
    runtime = new_runtime(observer=observer, timing=timing, clock=clock or harness.clock)
    log = Log(event_log=store, runtime=runtime)
    return Sender(
        event_log=store,
        memberships=harness.chat.stores.memberships,
        rate_limits=harness.chat.stores.rate_limits,
        log=log,
        group_commit=GroupCommit(event_log=store, log=log, runtime=runtime, wait_strategy=wait_strategy),
        runtime=runtime,
    )


@pytest.fixture
def observer() -> FakeObserver:
    return FakeObserver()


def test_message_without_conflict_is_not_queued(harness: AppHarness, observer: FakeObserver) -> None:
    conversation_id = harness.create_conversation("alice")
    sender(harness, observer, []).send(Principal("alice", "alice"), conversation_id, SendMessage(content="hi"))
    assert observer.sums() == {Metric.MESSAGES_ACCEPTED: 1}
    assert observer.ids == {"conversation_id": conversation_id, "participant_id": "alice"}


@pytest.mark.parametrize("kind", ["another append was first", "another append is in progress"])
def test_message_is_queued_after_the_first_conflict(
    harness: AppHarness, observer: FakeObserver, kind: str
) -> None:
    conversation_id = harness.create_conversation("alice")
    head = harness.chat.stores.event_log.head(conversation_id)
    conflict = HeadConflict(head) if kind == "another append was first" else WriteConflict()
    errors: list[Exception] = [conflict]
    sender(harness, observer, errors).send(Principal("alice", "alice"), conversation_id, SendMessage(content="hi"))
    assert observer.sums() == {
        Metric.MESSAGES_ACCEPTED: 1,
        Metric.MESSAGES_QUEUED: 1,
        Metric.APPEND_CONFLICTS: 1,
    }


class Looks:
    """A store that counts the looks at the queue."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def queue_front(self, conversation_id: str) -> QueueFront:
        """Count, and return the front."""
        self.count += 1
        front: QueueFront = self._store.queue_front(conversation_id)
        return front


@pytest.mark.parametrize("is_lost", [False, True], ids=["notified", "the notification is lost"])
def test_waiter_whose_run_a_leader_commits_does_not_look_again(
    harness: AppHarness, observer: FakeObserver, is_lost: bool
) -> None:
    conversation_id = harness.create_conversation("alice", "bob")
    log = harness.chat.stores.event_log
    head = log.head(conversation_id)
    assert head is not None
    assert log.take_lease(conversation_id, QueueLease("another", milliseconds(harness.clock) + 20, 0), None)
    answers: list[SendResult] = []
    waits: list[float] = []

    def wait(seconds: float, until: Callable[[float], object]) -> None:
        waits.append(seconds)
        if len(waits) > 1:
            return  # bob, who leads at his second look
        harness.clock.advance(1)
        bob = sender(harness, observer, [HeadConflict(head)], wait_strategy=WaitStrategy(waiters=waiters))
        answers.append(bob.send(Principal("bob", "bob"), conversation_id, SendMessage(content="second")))
        assert until(0) is (not is_lost)

    waiters = Forgetful(wait) if is_lost else Waiters(wait)
    store = Looks(ConflictingStore(log, [HeadConflict(head)]))
    alice = sender(harness, observer, [], store=store, wait_strategy=WaitStrategy(waiters=waiters))
    answers.append(alice.send(Principal("alice", "alice"), conversation_id, SendMessage(content="first")))
    assert sorted(answer.event["sequence_id"] for answer in answers) == [2, 3]
    assert len(waits) == 2
    assert store.count == (2 if is_lost else 1), "a lost notification costs one look, and nothing else"


class Forgetful(Waiters):
    """Waiters whose notifications are lost."""

    def committed(self, conversation_id: str, queue_ids: Collection[str]) -> None:
        """Notify none of them."""


class StoreWithoutLeases:
    """A store that extends no lease."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def take_lease(self, conversation_id: str, lease: QueueLease, previous: QueueLease | None) -> bool:
        """Take a free lease, or raise Unavailable."""
        if previous is not None and previous.holder == lease.holder:
            self.failures += 1
            raise Unavailable
        taken: bool = self._store.take_lease(conversation_id, lease, previous)
        return taken


def test_lease_that_cannot_be_extended_does_not_affect_the_messages(
    harness: AppHarness, observer: FakeObserver
) -> None:
    conversation_id = harness.create_conversation("alice")
    store: Any = StoreWithoutLeases(ConflictingStore(harness.chat.stores.event_log, [WriteConflict()]))
    messages = [SendMessage(content=f"{number}") for number in range(10)]
    sending = sender(harness, observer, [], store=store)
    result = sending.send_run(Principal("alice", "alice"), conversation_id, messages)
    assert (len(result.sent), result.error) == (10, None)
    assert store.failures == 1
    push, activity = sending.pushes(*result.sent)
    assert isinstance(push, ToSubscribers)
    assert isinstance(activity, Activity)
    assert len(push.frame["events"]) == 10


@pytest.mark.parametrize(("milliseconds", "is_queued"), [(9, True), (10, False)])
def test_message_of_a_burst_is_queued_if_the_previous_one_is_still_being_sent(
    harness: AppHarness, observer: FakeObserver, milliseconds: int, is_queued: bool
) -> None:
    conversation_id = harness.create_conversation("alice")
    sending = sender(harness, observer, [])
    sending.send(Principal("alice", "alice"), conversation_id, SendMessage(content="first"))
    harness.clock.advance(milliseconds / 1000)
    sending.send(Principal("alice", "alice"), conversation_id, SendMessage(content="second"))
    assert observer.sums().get(Metric.MESSAGES_QUEUED, 0) == is_queued
    harness.clock.advance(0.2)
    sending.send(Principal("alice", "alice"), conversation_id, SendMessage(content="at the steady rate"))
    assert observer.sums().get(Metric.MESSAGES_QUEUED, 0) == is_queued, "one sender alone is no contention"


def test_queued_message_is_counted_as_accepted_once(harness: AppHarness, observer: FakeObserver) -> None:
    conversation_id = harness.create_conversation("alice")
    errors: list[Exception] = [WriteConflict() for _ in range(3)]
    sender(harness, observer, errors).send(Principal("alice", "alice"), conversation_id, SendMessage(content="hi"))
    assert observer.sums() == {
        Metric.MESSAGES_ACCEPTED: 1,
        Metric.MESSAGES_QUEUED: 1,
        Metric.APPEND_CONFLICTS: 3,
    }


class LosingStore(ConflictingStore):
    """A store in which each queued run is removed at once, as by a leader whose clock is far ahead."""

    def enqueue(self, queued: QueuedRun) -> None:
        """Queue nothing."""


def test_message_that_keeps_leaving_the_queue_is_rejected_at_the_deadline(
    harness: AppHarness, observer: FakeObserver
) -> None:
    conversation_id = harness.create_conversation("alice")
    store = LosingStore(harness.chat.stores.event_log, [WriteConflict()])
    with pytest.raises(ConversationBusy):
        sender(harness, observer, [], store=store).send(
            Principal("alice", "alice"), conversation_id, SendMessage(content="hi")
        )


def test_message_of_a_sender_whose_clock_is_slow_is_sent(harness: AppHarness, observer: FakeObserver) -> None:
    conversation_id = harness.create_conversation("alice")
    slow = FakeClock(harness.clock.now() - 7200)  # to the store, all that this sender queues has expired
    errors: list[Exception] = [WriteConflict()]
    sender(harness, observer, errors, clock=slow).send(
        Principal("alice", "alice"), conversation_id, SendMessage(content="hi")
    )
    assert harness.events(conversation_id)[-1]["content"] == "hi"


def test_busy_message_is_not_counted_as_accepted(harness: AppHarness, observer: FakeObserver) -> None:
    conversation_id = harness.create_conversation("alice")
    hurried = replace(Timing(), append_deadline=0.2)
    errors: list[Exception] = [WriteConflict() for _ in range(1_000)]
    with pytest.raises(ConversationBusy):
        sender(harness, observer, errors, hurried).send(
            Principal("alice", "alice"), conversation_id, SendMessage(content="hi")
        )
    sums = observer.sums()
    assert sums[Metric.MESSAGES_BUSY] == 1
    assert sums[Metric.APPEND_CONFLICTS] == 1_000 - len(errors)
    assert Metric.MESSAGES_ACCEPTED not in sums
