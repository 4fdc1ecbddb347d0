"""Many messages in one conversation at once, within the limits of DynamoDB's partitions, in simulated time.

A *flood* is three members with 100 messages each in flight, within the default limits. A *hot room* is a closed
loop of 100 senders. An *overload* is 100 senders at twice the rate that the partition takes. A *siege* is a flood
that is not appended before a short deadline, so that many senders are sent away at the same moment.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from local.faults.capacity import WRITE_UNITS

from .designs import ProductSender
from .harness import CONTENT, ENVIRONMENT, Harness, make_harness
from .latencies import TYPICAL_LATENCY
from .simulation import Simulation
from .stats import milliseconds, table
from .targets import Targets
from .workload import Run, run_at_once, run_closed_loop, run_open_loop

Print = Callable[[str], None]
T = TypeVar("T")
DEFAULT_LIMITS = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("CHAT_LIMIT_")}
SHORT_DEADLINE = {"CHAT_TIME_APPEND_DEADLINE": "0.4"}
LONG_CONTENT = "x" * 580
"""A text whose event has just under 1 KB as an item."""
WAVE = 0.1
"""Seconds: the resolution of waves."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    senders: int = 100
    in_flight: int = 100
    """Messages of each of three members."""
    messages: int = 2_000
    overload: float = 660.0
    """Messages a second."""
    seconds: float = 3.0
    seed: int = 1


def simulated(seed: int, measure: Callable[[Simulation], T]) -> T:
    """Run in simulated time."""
    random.seed(seed)
    simulation = Simulation()
    (result,) = simulation.run(lambda: measure(simulation))
    measured: T = result
    return measured


def harness_for(
    time: Simulation,
    senders: int,
    seed: int,
    *,
    write_units: int | None = WRITE_UNITS,
    settings: Mapping[str, str] = ENVIRONMENT,
    content: str = CONTENT,
) -> Harness:
    """Return a system under test with typical latencies."""
    return make_harness(
        time,
        senders,
        latency=TYPICAL_LATENCY,
        seed=seed,
        write_units=write_units,
        settings=settings,
        content=content,
    )


def flood(in_flight: int, seed: int = 1) -> Run:
    """Three members send this many messages each at the same moment, within the default limits."""

    def measure(time: Simulation) -> Run:
        harness = harness_for(time, 3, seed, settings=DEFAULT_LIMITS)
        return run_at_once(harness, ProductSender(harness), each=in_flight)

    return simulated(seed, measure)


def hot_room(
    senders: int, messages: int, *, content: str = CONTENT, write_units: int | None = WRITE_UNITS, seed: int = 1
) -> Run:
    """Run a closed loop of senders until this many messages were started."""

    def measure(time: Simulation) -> Run:
        harness = harness_for(time, senders, seed, write_units=write_units, content=content)
        return run_closed_loop(harness, ProductSender(harness), seconds=3600, max_messages=messages)

    return simulated(seed, measure)


def overload(senders: int, rate: float, seconds: float, *, write_units: int = WRITE_UNITS, seed: int = 1) -> Run:
    """Offer this many messages a second at random times, and wait until all are acknowledged."""

    def measure(time: Simulation) -> Run:
        harness = harness_for(time, senders, seed, write_units=write_units)
        return run_open_loop(harness, ProductSender(harness), rate=rate, seconds=seconds)

    return simulated(seed, measure)


def siege(senders: int, each: int, *, seed: int = 1) -> Run:
    """Let all senders send `each` messages at the same moment, and wait until all are acknowledged."""

    def measure(time: Simulation) -> Run:
        harness = harness_for(time, senders, seed, settings={**ENVIRONMENT, **SHORT_DEADLINE})
        return run_at_once(harness, ProductSender(harness), each=each)

    return simulated(seed, measure)


def highest_wave(attempts: Sequence[float], after: float) -> float:
    """Return the largest share within a tenth of a second of the attempts `after` seconds from the first one."""
    first = min(attempts)
    late = Counter(int((at - first) / WAVE) for at in attempts if at - first > after)
    return max(late.values(), default=0) / max(sum(late.values()), 1)


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and print everything; return whether all messages were acknowledged, and none lost or reordered."""
    runs = {
        f"flood: 3 members, {scale.in_flight} messages each": flood(scale.in_flight, scale.seed),
        f"hot room: {scale.senders} senders": hot_room(scale.senders, scale.messages, seed=scale.seed),
        "the same, events of 1 KB": hot_room(scale.senders, scale.messages, content=LONG_CONTENT, seed=scale.seed),
        "the same, without limits": hot_room(scale.senders, scale.messages, write_units=None, seed=scale.seed),
        f"overload: {scale.overload:.0f}/s for {scale.seconds:.0f} s": overload(
            scale.senders, scale.overload, scale.seconds, seed=scale.seed
        ),
        "siege: all at once, a deadline of 0.4 s": siege(scale.senders, 5, seed=scale.seed),
    }
    show(_table(runs))
    flooded, _, long, _, overloaded, besieged = runs.values()
    targets.at_most("a flood: store calls per message", flooded.per_message(sum(flooded.tally.calls.values())), 12)
    units = flooded.per_message(flooded.tally.writes["C"])
    targets.at_most("and write units of the conversation's partition", units, 6)
    targets.at_least("a hot room with events of 1 KB, within the limits: accepted/s", long.rate, 250)
    lost = overloaded.unacknowledged + overloaded.faults.total
    targets.at_most("an overload: messages that are lost or never acknowledged", lost, 0)
    wave = highest_wave(besieged.attempts, after=1)
    targets.at_most("a siege: largest share of the repeats within 0.1 s", wave, 0.2)
    return all(run.faults.total == 0 and run.unacknowledged == 0 for run in runs.values())


def _table(runs: Mapping[str, Run]) -> str:
    header = (
        "load", "accepted/s", "ack ms p50 / p95 / p99", "seconds", "calls", "write units: log", "queue",
        "read units: log", "queue", "throttled", "sent again", "lost",
    )  # fmt: skip
    rows = []
    for name, run in runs.items():
        tally = run.tally
        ended = max(acked.acked_at for acked in run.acked) - min(run.attempts)
        rows.append(
            (
                name,
                f"{run.rate:.0f}",
                milliseconds(run.latencies),
                f"{ended:.1f}",
                f"{run.per_message(sum(tally.calls.values())):.1f}",
                *(f"{run.per_message(units[kind]):.1f}" for units in (tally.writes, tally.reads) for kind in "CQ"),
                str(tally.throttled),
                str(len(run.attempts) - len(run.acked)),
                str(run.unacknowledged + run.faults.total),
            )
        )
    return table(header, rows)
