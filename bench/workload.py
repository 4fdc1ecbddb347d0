"""Senders in a closed loop or on an open-loop schedule, and the results of a run.

In a closed loop, each sender sends its next message after the acknowledgement of the previous one. In an open
loop, messages are sent at scheduled times independent of previous ones, and latency counts from the scheduled
time. After a retryable error, a sender waits and retries with the same `client_message_id`, as the protocol
requires of clients.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.kernel.errors import ChatError

from .designs import Design
from .harness import Harness
from .history_check import AckedMessage, Violations, find_violations
from .meter import Tally

START_SPREAD = 0.05
WARM_UP = 0.1
"""Seconds at the start that do not count for the rate."""
MAX_ATTEMPTS = 30


@dataclass
class Run:
    """The results of a run."""

    senders: int
    rate: float
    """Accepted messages per second."""
    acked: list[AckedMessage]
    unacknowledged: int
    busy: int
    attempts: list[float]
    """When messages were sent, and sent again."""
    tally: Tally
    faults: Violations

    @property
    def latencies(self) -> list[float]:
        """Seconds to each acknowledgement."""
        return [item.latency for item in self.acked]

    def per_message(self, count: float) -> float:
        """Return a count divided by the number of accepted messages."""
        return count / max(len(self.acked), 1)


@dataclass
class _RunState:
    """A run in progress: its limits and its results so far."""

    harness: Harness
    design: Design
    ends_at: float
    max_messages: int
    acked: list[AckedMessage] = field(default_factory=list)
    started: int = 0
    unacknowledged: int = 0
    busy: int = 0
    attempts: list[float] = field(default_factory=list)
    ended_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start_message(self) -> bool:
        """Return whether another message may be started, and count it."""
        with self.lock:
            if self.harness.time.now() < self.ends_at and self.started < self.max_messages:
                self.started += 1
                return True
            self.ended_at = self.ended_at or self.harness.time.now()
            return False

    def send_in_loop(self, sender: str) -> None:
        """Send one message after the other."""
        self.harness.time.sleep(random.uniform(0, START_SPREAD))
        number = 0
        while self.start_message():
            self.send(sender, f"{sender}:{number}", self.harness.time.now())
            number += 1

    def send(self, sender: str, client_message_id: str, due: float) -> None:
        """Send a message, with retries until it is acknowledged."""
        time = self.harness.time
        for _ in range(MAX_ATTEMPTS):
            self.attempts.append(time.now())
            try:
                sequence_id = self.design.send(sender, client_message_id)
            except ChatError as busy:
                if not busy.retryable:
                    raise
                with self.lock:
                    self.busy += 1
                time.sleep(busy.retry_after or 1)
                continue
            now = time.now()
            self.acked.append(AckedMessage(client_message_id, sequence_id, now - due, now))
            return
        with self.lock:
            self.unacknowledged += 1


def run_closed_loop(harness: Harness, design: Design, *, seconds: float, max_messages: int) -> Run:
    """Let all participants send for `seconds`, or until `max_messages` were started."""
    begun = harness.time.now()
    course = _RunState(harness, design, begun + seconds, max_messages)
    calls = [_bind(course.send_in_loop, item_id) for item_id in harness.participant_ids]
    return _execute(course, begun + WARM_UP, calls)


def run_open_loop(harness: Harness, design: Design, *, rate: float, seconds: float) -> Run:
    """Send messages at random times with a mean rate, from all participants in turn (a Poisson process)."""
    begun = harness.time.now()
    course = _RunState(harness, design, begun + seconds, 10**9)
    calls: list[Callable[[], Any]] = []
    due = random.expovariate(rate)
    while due < seconds:
        number, place = divmod(len(calls), len(harness.participant_ids))
        sender = harness.participant_ids[place]
        calls.append(_send_at(course, begun + due, sender, f"{sender}:{number}"))
        due += random.expovariate(rate)
    course.ended_at = begun + seconds
    return _execute(course, begun, calls)


def run_at_once(harness: Harness, design: Design, *, each: int) -> Run:
    """Let all participants send `each` messages at the same moment."""
    begun = harness.time.now()
    course = _RunState(harness, design, begun, 0)
    names = [(sender, f"{sender}:{number}") for number in range(each) for sender in harness.participant_ids]
    return _execute(course, begun, [_send_at(course, begun, sender, name) for sender, name in names])


def _send_at(course: _RunState, due: float, sender: str, client_message_id: str) -> Callable[[], None]:
    def send() -> None:
        course.harness.time.sleep(due - course.harness.time.now())
        course.send(sender, client_message_id, due)

    return send


def _bind(function: Callable[[str], None], argument: str) -> Callable[[], None]:
    return lambda: function(argument)


def _execute(course: _RunState, counts_from: float, calls: list[Callable[[], Any]]) -> Run:
    harness = course.harness
    before = harness.meter.tally.copy()
    harness.time.gather(*calls)
    ended = course.ended_at or harness.time.now()
    counted = sum(counts_from <= item.acked_at <= ended for item in course.acked)
    return Run(
        senders=len(harness.participant_ids),
        rate=counted / max(ended - counts_from, 0.001),
        acked=course.acked,
        unacknowledged=course.unacknowledged,
        busy=course.busy,
        attempts=course.attempts,
        tally=harness.meter.tally.since(before),
        faults=find_violations(course.acked, harness.log()),
    )
