"""Sends that lose conflicts: their metrics, and their end at the deadline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import ConversationBusy
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.log.appending import Log
from chalicelib.core.messaging.appender import DIRECT_ATTEMPTS
from chalicelib.core.messaging.group_commit import GroupCommit
from chalicelib.core.messaging.sender import Sender
from chalicelib.core.model.actors import Principal
from chalicelib.core.ports.commits import Commit, HeadConflict, WriteConflict
from chalicelib.core.protocol.requests import SendMessage
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
) -> Sender:
    store: Any = ConflictingStore(harness.chat.stores.event_log, errors)
    runtime = new_runtime(observer=observer, timing=timing, clock=clock or harness.clock)
    log = Log(event_log=store, runtime=runtime)
    return Sender(
        event_log=store,
        memberships=harness.chat.stores.memberships,
        rate_limits=harness.chat.stores.rate_limits,
        log=log,
        group_commit=GroupCommit(event_log=store, log=log, runtime=runtime),
        runtime=runtime,
    )


@pytest.fixture
def observer() -> FakeObserver:
    return FakeObserver()


@pytest.mark.parametrize("lost", range(DIRECT_ATTEMPTS))
def test_each_head_conflict_is_counted(harness: AppHarness, observer: FakeObserver, lost: int) -> None:
    conversation_id = harness.create_conversation("alice")
    head = harness.chat.stores.event_log.head(conversation_id)
    errors: list[Exception] = [HeadConflict(head) for _ in range(lost)]
    sender(harness, observer, errors).send(Principal("alice", "alice"), conversation_id, SendMessage(content="hi"))
    conflicts = {Metric.APPEND_CONFLICTS: lost} if lost else {}
    assert observer.sums() == {Metric.MESSAGES_ACCEPTED: 1, **conflicts}
    assert observer.ids == {"conversation_id": conversation_id, "participant_id": "alice"}


def test_queued_message_is_counted_as_accepted_once(harness: AppHarness, observer: FakeObserver) -> None:
    conversation_id = harness.create_conversation("alice")
    errors: list[Exception] = [WriteConflict() for _ in range(DIRECT_ATTEMPTS + 1)]
    sender(harness, observer, errors).send(Principal("alice", "alice"), conversation_id, SendMessage(content="hi"))
    assert observer.sums() == {
        Metric.MESSAGES_ACCEPTED: 1,
        Metric.MESSAGES_QUEUED: 1,
        Metric.APPEND_CONFLICTS: DIRECT_ATTEMPTS + 1,
    }


def test_message_that_keeps_leaving_the_queue_is_rejected_at_the_deadline(
    harness: AppHarness, observer: FakeObserver
) -> None:
    conversation_id = harness.create_conversation("alice")
    slow = FakeClock(harness.clock.now() - 3600)  # to the store, all that this sender queues has expired
    errors: list[Exception] = [WriteConflict() for _ in range(DIRECT_ATTEMPTS)]
    with pytest.raises(ConversationBusy):
        sender(harness, observer, errors, clock=slow).send(
            Principal("alice", "alice"), conversation_id, SendMessage(content="hi")
        )


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
