"""Senders in a closed loop or by a schedule, and what comes of it.

In a closed loop each sender sends its next message when the one before is acknowledged. By a schedule
messages are sent at their times, however long the ones before take, and the time to the acknowledgement
counts from when a message was due. Whoever is told that it is worth repeating waits and repeats under the same
`client_message_id`, as the contract tells clients to.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.kernel.errors import ChatError

from .designs import Design
from .histories import AckedMessage, Violations, find_violations
from .meter import Tally
from .world import Harness

START_SPREAD = 0.05
WARM_UP = 0.1
"""Seconds at the beginning that do not count for the rate."""
MAX_ATTEMPTS = 30


@dataclass
class Run:
    """What came of a run."""

    senders: int
    rate: float
    """Accepted messages per second."""
    acked: list[AckedMessage]
    unacknowledged: int
    busy: int
    tally: Tally
    faults: Violations

    @property
    def latencies(self) -> list[float]:
        """Seconds to each acknowledgement."""
        return [each.latency for each in self.acked]

    def per_message(self, count: float) -> float:
        """A count, divided by the accepted messages."""
        return count / max(len(self.acked), 1)


@dataclass
class _RunState:
    """A run under way: when it ends, and what was acknowledged so far."""

    world: Harness
    design: Design
    ends_at: float
    max_messages: int
    acked: list[AckedMessage] = field(default_factory=list)
    started: int = 0
    unacknowledged: int = 0
    busy: int = 0
    ended_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start_message(self) -> bool:
        """Whether one more message is to be started; if so, it counts as started."""
        with self.lock:
            if self.world.time.now() < self.ends_at and self.started < self.max_messages:
                self.started += 1
                return True
            self.ended_at = self.ended_at or self.world.time.now()
            return False

    def send_in_loop(self, person: str) -> None:
        """One person, who says one thing after the other."""
        self.world.time.sleep(random.uniform(0, START_SPREAD))
        number = 0
        while self.start_message():
            self.send(person, f"{person}:{number}", self.world.time.now())
            number += 1

    def send(self, person: str, client_message_id: str, due: float) -> None:
        """One message, repeated until it is acknowledged."""
        time = self.world.time
        for _ in range(MAX_ATTEMPTS):
            try:
                sequence_id = self.design.send(person, client_message_id)
            except ChatError as busy:
                if not busy.retryable:
                    raise
                with self.lock:
                    self.busy += 1
                time.sleep(random.uniform(0.5, 1) * (busy.retry_after or 1))
                continue
            now = time.now()
            self.acked.append(AckedMessage(client_message_id, sequence_id, now - due, now))
            return
        with self.lock:
            self.unacknowledged += 1


def run_closed_loop(world: Harness, design: Design, *, seconds: float, max_messages: int) -> Run:
    """Everybody sends, for so many seconds or until so many messages were begun."""
    begun = world.time.now()
    course = _RunState(world, design, begun + seconds, max_messages)
    calls = [_bind(course.send_in_loop, each) for each in world.participant_ids]
    return _execute(course, begun + WARM_UP, calls)


def run_open_loop(world: Harness, design: Design, *, rate: float, seconds: float) -> Run:
    """Messages at random times, so many a second on the average, from everybody in turn (a Poisson process)."""
    begun = world.time.now()
    course = _RunState(world, design, begun + seconds, 10**9)
    calls: list[Callable[[], Any]] = []
    due = random.expovariate(rate)
    while due < seconds:
        number, place = divmod(len(calls), len(world.participant_ids))
        person = world.participant_ids[place]
        calls.append(_send_at(course, begun + due, person, f"{person}:{number}"))
        due += random.expovariate(rate)
    course.ended_at = begun + seconds
    return _execute(course, begun, calls)


def _send_at(course: _RunState, due: float, person: str, client_message_id: str) -> Callable[[], None]:
    def send() -> None:
        course.world.time.sleep(due - course.world.time.now())
        course.send(person, client_message_id, due)

    return send


def _bind(function: Callable[[str], None], argument: str) -> Callable[[], None]:
    return lambda: function(argument)


def _execute(course: _RunState, counts_from: float, calls: list[Callable[[], Any]]) -> Run:
    world = course.world
    before = world.meter.tally.copy()
    world.time.gather(*calls)
    ended = course.ended_at or world.time.now()
    counted = sum(counts_from <= each.acked_at <= ended for each in course.acked)
    return Run(
        senders=len(world.participant_ids),
        rate=counted / max(ended - counts_from, 0.001),
        acked=course.acked,
        unacknowledged=course.unacknowledged,
        busy=course.busy,
        tally=world.meter.tally.since(before),
        faults=find_violations(course.acked, world.log()),
    )
