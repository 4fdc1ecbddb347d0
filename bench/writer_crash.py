"""The effect of a writer that crashes during an append on all others.

Ten writers send once per second, all at about the same time, and a reader reads the log ten times per second. One
writer crashes at the worst point of its design: after allocating a number and before writing its cell, or as
leader of a queue whose own message is the oldest in it. Measured are the longest wait of other writers for their
acknowledgement, and for how long an acknowledged message is not readable.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.faults import Call, Crash, Fault, FaultyClient, Latency
from local.faults.plans import CRASH_AFTER, CRASH_BEFORE

from .designs import DESIGNS, Sequencer
from .harness import Harness, make_harness
from .history_check import AckedMessage
from .simulation import Simulation

WRITERS = 10
ROUNDS = 20
CRASH_ROUND = 2
READ_INTERVAL = 0.1
SEND_SPREAD = 0.02

_CRASH_POINTS: Mapping[str, tuple[Callable[[Call], bool], Fault]] = {
    "(a) optimistic": (lambda call: call.operation == "transact_write_items", CRASH_BEFORE),
    "(b) sequencer": (lambda call: call.operation == "update_item" and call.keys[0].sk == "HEAD", CRASH_AFTER),
    "group commit": (
        lambda call: any(key.pk.startswith("Q#") for key in call.keys) and len(call.keys) > 1,
        CRASH_BEFORE,
    ),
}


@dataclass(frozen=True, slots=True)
class CrashEffect:
    """The effect of the crash, in seconds."""

    crashed: bool
    longest_ack: float
    longest_unreadable: float
    """Longest time from an acknowledgement until a reader sees the message."""


def measure(name: str, latency: Latency, seed: int) -> CrashEffect:
    """Run a design with one writer that crashes."""
    random.seed(seed)
    simulation = Simulation()
    (damage,) = simulation.run(lambda: _CrashRun(simulation, name, latency, seed).run())
    result: CrashEffect = damage
    return result


class _CrashRun:
    """One run."""

    def __init__(self, simulation: Simulation, name: str, latency: Latency, seed: int) -> None:
        self._time = simulation
        self._name = name
        self._world = make_harness(simulation, WRITERS, latency=latency, seed=seed)
        self._started = simulation.now()
        self._acked: list[AckedMessage] = []
        self._readable_ends: list[tuple[float, int]] = []
        self._active_writers = WRITERS

    def run(self) -> CrashEffect:
        """Run the writers, of which one crashes, and the reader."""
        writers = [self._writer(index) for index in range(WRITERS)]
        *died, _ = self._time.gather(*writers, self._read)
        return CrashEffect(
            crashed=any(died),
            longest_ack=max(item.latency for item in self._acked),
            longest_unreadable=max(self._readable_at(item) - item.acked_at for item in self._acked),
        )

    def _writer(self, index: int) -> Callable[[], bool]:
        sender = self._world.participant_ids[index]
        harness = self._crashing_harness() if index == 0 else self._world
        design = DESIGNS[self._name](harness)

        def write() -> bool:
            try:
                for number in range(ROUNDS):
                    due = self._started + number + random.uniform(0, SEND_SPREAD)
                    self._time.sleep(due - self._time.now())
                    place = design.send(sender, f"{sender}:{number}")
                    now = self._time.now()
                    self._acked.append(AckedMessage(f"{sender}:{number}", place, now - due, now))
                return False
            except Crash:
                return True
            finally:
                self._active_writers -= 1

        return write

    def _crashing_harness(self) -> Harness:
        """Return the harness as seen by the process that will crash."""
        deadly, fault = _CRASH_POINTS[self._name]

        def plan(call: Call) -> Fault | None:
            due = self._time.now() >= self._started + CRASH_ROUND
            return fault if due and deadly(call) else None

        return self._world.with_client(FaultyClient(self._world.client, plan))

    def _read(self) -> None:
        """Record the readable end of the log, until all acknowledged messages are readable."""
        design = DESIGNS[self._name](self._world)
        end = 1
        while self._active_writers or (self._acked and end < max(item.sequence_id for item in self._acked)):
            if isinstance(design, Sequencer):
                end = design.cells.read(self._world.conversation_id, end)
            else:
                head = self._world.chat.stores.event_log.head(self._world.conversation_id)
                end = end if head is None else head.sequence_id
            self._readable_ends.append((self._time.now(), end))
            self._time.sleep(READ_INTERVAL)

    def _readable_at(self, acked: AckedMessage) -> float:
        return max(acked.acked_at, next(at for at, end in self._readable_ends if end >= acked.sequence_id))
