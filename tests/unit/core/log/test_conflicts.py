"""Writes that conflict are repeated, up to the deadline of an append."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import ConversationBusy
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.ports.commits import WriteConflict
from tests.support.fakes import FakeClock
from tests.support.runtime import new_runtime


def fake_clock() -> FakeClock:
    """Return a clock on which every delay lasts a second."""
    return FakeClock(0.0, quantum=1.0)


def test_conflicting_write_is_repeated_until_it_succeeds() -> None:
    conflicts = [WriteConflict(), WriteConflict()]

    def write() -> str:
        if conflicts:
            raise conflicts.pop()
        return "written"

    clock = fake_clock()
    assert retry_on_conflict(new_runtime(clock=clock), write) == "written"
    assert clock.now() == 2
    assert max(clock.sleeps) <= 0.25


def test_write_that_conflicts_until_the_deadline_is_busy() -> None:
    attempts = []

    def write() -> None:
        attempts.append(True)
        raise WriteConflict

    runtime = new_runtime(clock=fake_clock(), timing=Timing(append_deadline=3))
    with pytest.raises(ConversationBusy) as busy:
        retry_on_conflict(runtime, write)
    assert len(attempts) == 4
    assert busy.value.retry_after is not None
    assert 1 <= busy.value.retry_after <= 3


def test_other_errors_end_the_attempts() -> None:
    attempts = []

    def write() -> None:
        attempts.append(True)
        raise LookupError

    with pytest.raises(LookupError):
        retry_on_conflict(new_runtime(clock=fake_clock()), write)
    assert len(attempts) == 1
