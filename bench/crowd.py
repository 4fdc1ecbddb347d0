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
from .histories import Acked, Faults, check
from .meter import Tally
from .world import World

START_SPREAD = 0.05
WARM_UP = 0.1
"""Seconds at the beginning that do not count for the rate."""
REPEATS = 30


@dataclass
class Run:
    """What came of a run."""

    people: int
    rate: float
    """Accepted messages per second."""
    acked: list[Acked]
    unacknowledged: int
    busy: int
    tally: Tally
    faults: Faults

    @property
    def latencies(self) -> list[float]:
        """Seconds to each acknowledgement."""
        return [each.seconds for each in self.acked]

    def per_message(self, count: float) -> float:
        """A count, divided by the accepted messages."""
        return count / max(len(self.acked), 1)


@dataclass
class _Course:
    """A run under way: when it ends, and what was acknowledged so far."""

    world: World
    design: Design
    until: float
    at_most: int
    acked: list[Acked] = field(default_factory=list)
    started: int = 0
    unacknowledged: int = 0
    busy: int = 0
    ended: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def goes_on(self) -> bool:
        """Whether one more message is to be started; if so, it counts as started."""
        with self.lock:
            if self.world.time.now() < self.until and self.started < self.at_most:
                self.started += 1
                return True
            self.ended = self.ended or self.world.time.now()
            return False

    def loop(self, person: str) -> None:
        """One person, who says one thing after the other."""
        self.world.time.sleep(random.uniform(0, START_SPREAD))
        number = 0
        while self.goes_on():
            self.say(person, f"{person}:{number}", self.world.time.now())
            number += 1

    def say(self, person: str, client_message_id: str, due: float) -> None:
        """One message, repeated until it is acknowledged."""
        time = self.world.time
        for _ in range(REPEATS):
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
            self.acked.append(Acked(client_message_id, sequence_id, now - due, now))
            return
        with self.lock:
            self.unacknowledged += 1


def run_closed(world: World, design: Design, *, seconds: float, at_most: int) -> Run:
    """Everybody sends, for so many seconds or until so many messages were begun."""
    begun = world.time.now()
    course = _Course(world, design, begun + seconds, at_most)
    calls = [_call(course.loop, each) for each in world.people]
    return _carried_out(course, begun + WARM_UP, calls)


def run_scheduled(world: World, design: Design, *, rate: float, seconds: float) -> Run:
    """Messages at random times, so many a second on the average, from everybody in turn (a Poisson process)."""
    begun = world.time.now()
    course = _Course(world, design, begun + seconds, 10**9)
    calls: list[Callable[[], Any]] = []
    due = random.expovariate(rate)
    while due < seconds:
        number, place = divmod(len(calls), len(world.people))
        person = world.people[place]
        calls.append(_scheduled(course, begun + due, person, f"{person}:{number}"))
        due += random.expovariate(rate)
    course.ended = begun + seconds
    return _carried_out(course, begun, calls)


def _scheduled(course: _Course, due: float, person: str, client_message_id: str) -> Callable[[], None]:
    def send() -> None:
        course.world.time.sleep(due - course.world.time.now())
        course.say(person, client_message_id, due)

    return send


def _call(function: Callable[[str], None], argument: str) -> Callable[[], None]:
    return lambda: function(argument)


def _carried_out(course: _Course, counts_from: float, calls: list[Callable[[], Any]]) -> Run:
    world = course.world
    before = world.meter.tally.copy()
    world.time.gather(*calls)
    ended = course.ended or world.time.now()
    counted = sum(counts_from <= each.at <= ended for each in course.acked)
    return Run(
        people=len(world.people),
        rate=counted / max(ended - counts_from, 0.001),
        acked=course.acked,
        unacknowledged=course.unacknowledged,
        busy=course.busy,
        tally=world.meter.tally.since(before),
        faults=check(course.acked, world.log()),
    )
