"""Which design appends best: the measurements behind `docs/decisions/0001-append.md`.

All three designs run in the same run, over the same layer (latencies and conflicts of `local.faults`) and on
the same engine in memory, in simulated time: so a busy machine makes the run longer and no figure worse. That
nothing of substance is left out by that is shown last, by the same in real time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.faults import DynamoClient, Latency

from . import dying
from .crowd import Run, run_closed, run_scheduled
from .designs import DESIGNS, Design
from .figures import milliseconds, percentile, table
from .latencies import USUAL, GrowingLatency
from .realtime import RealTime
from .simulation import Simulation
from .stores import ministack
from .targets import Targets
from .world import World, make_world

Print = Callable[[str], None]
_FAULTS = "lost / doubled / reordered"
A, B, OURS = "(a) optimistic", "(b) sequencer", "ours"
READS_A_PARTITION, WRITES_A_PARTITION = 3_000, 1_000
"""Units a second ("Designing partition keys to distribute your workload", developer guide)."""
ONE_PARTITION = ("C", "Q")
"""The kinds of partitions of which a conversation has one; the others are spread over people and messages."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    people: tuple[int, ...] = (1, 2, 10, 50, 100)
    seconds: float = 5.0
    messages: int = 1_000
    rates: tuple[int, ...] = (20, 100, 200)
    schedule_seconds: float = 4.0
    real_seconds: float = 3.0
    """Seconds of the machine for each run in real time, or more, if that is less than `real_least`."""
    real_least: float = 1.0
    """Seconds of the program for each run in real time: a crowd needs a while to become one."""
    stretches: tuple[int, ...] = (1, 2, 4, 8)
    stretches_of_ministack: tuple[int, ...] = (1, 8)
    people_on_ministack: int = 10
    deaths: int = 4
    seed: int = 1


def closed(name: str, people: int, scale: Scale, latency: Latency = USUAL) -> Run:
    """A design with so many people in a closed loop, in simulated time."""

    def measure(world: World, design: Design) -> Run:
        return run_closed(world, design, seconds=scale.seconds, at_most=scale.messages)

    return _simulated(name, people, scale.seed, latency, measure)


def scheduled(name: str, rate: int, scale: Scale, people: int = 100) -> Run:
    """A design with messages by a schedule, in simulated time."""

    def measure(world: World, design: Design) -> Run:
        return run_scheduled(world, design, rate=rate, seconds=scale.schedule_seconds)

    return _simulated(name, people, scale.seed, USUAL, measure)


def _simulated(
    name: str, people: int, seed: int, latency: Latency, measure: Callable[[World, Design], Run]
) -> Run:
    random.seed(seed)
    simulation = Simulation()

    def run() -> Run:
        world = make_world(simulation, people, latency=latency, seed=seed)
        return measure(world, DESIGNS[name](world))

    (result,) = simulation.run(run)
    found: Run = result
    return found


def in_real_time(people: int, stretch: float, scale: Scale, engine: DynamoClient | None = None) -> Run:
    """Ours in a closed loop, in real time that is stretched."""
    random.seed(scale.seed)
    world = make_world(RealTime(stretch), people, latency=USUAL, seed=scale.seed, engine=engine)
    seconds = max(scale.real_seconds / stretch, scale.real_least)
    return run_closed(world, DESIGNS[OURS](world), seconds=seconds, at_most=10**9)


def ceiling(run: Run) -> float:
    """Messages a second at which the hottest partition would reach what DynamoDB gives to one."""
    shares = [run.per_message(run.tally.reads[kind]) / READS_A_PARTITION for kind in ONE_PARTITION]
    shares += [run.per_message(run.tally.writes[kind]) / WRITES_A_PARTITION for kind in ONE_PARTITION]
    return 1 / max(shares)


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and show everything; whether nothing was lost, doubled, reordered or left unacknowledged."""
    runs = {(people, name): closed(name, people, scale) for people in scale.people for name in DESIGNS}
    show("Closed loop: everybody sends the next message when the one before is acknowledged.\n")
    show(_closed_table(runs))
    show("\nThe same as ratios, in accepted messages/s:\n")
    show(_ratios(scale, runs))
    show("\nBy a schedule: 100 people, messages at random times; from when it was due to the acknowledgement.\n")
    by_rate = {(rate, name): scheduled(name, rate, scale) for rate in scale.rates for name in DESIGNS}
    show(_scheduled_table(by_rate))
    show("\nA writer dies in the middle of an append; 10 people, the worst of several runs.\n")
    show(_deaths(scale))
    everyone = max(scale.people)
    show(f"\nOurs with {everyone} people if a transaction takes longer the more items it has.\n")
    growing, slower = _growing(everyone, scale)
    show(growing)
    show("\nWhat limits: ours in real time, in one process.\n")
    show("Slowed so many times: everything that waits takes longer, and what is computed does not.\n")
    real, checked = _real(everyone, scale)
    show(real)
    crowd = runs[everyone, OURS]
    targets.at_least(f"accepted messages/s of {everyone} senders in one conversation", crowd.rate, 100)
    targets.at_most("and the p99 of their acknowledgement, in seconds", percentile(crowd.latencies, 0.99), 1)
    return all(_is_well(run) for run in [*runs.values(), *by_rate.values(), *slower, *checked])


def _is_well(run: Run) -> bool:
    return run.faults.total == 0 and run.unacknowledged == 0


def _wrong(run: Run) -> str:
    faults = run.faults
    return f"{faults.lost + run.unacknowledged} / {faults.doubled} / {faults.reordered}"


def _closed_table(runs: Mapping[tuple[int, str], Run]) -> str:
    header = (
        "people", "design", "accepted/s", "ack ms p50 / p95 / p99", "calls", "read units", "write units",
        "lost races", "busy", _FAULTS, "partition ceiling/s",
    )  # fmt: skip
    rows = []
    for (people, name), run in runs.items():
        tally = run.tally
        rows.append(
            (
                str(people),
                name,
                f"{run.rate:.0f}",
                milliseconds(run.latencies),
                f"{run.per_message(sum(tally.calls.values())):.1f}",
                f"{run.per_message(sum(tally.reads.values())):.1f}",
                f"{run.per_message(sum(tally.writes.values())):.1f}",
                f"{run.per_message(tally.conflicts + tally.conditions):.2f}",
                str(run.busy),
                _wrong(run),
                f"{ceiling(run):.0f}",
            )
        )
    return table(header, rows)


def _ratios(scale: Scale, runs: Mapping[tuple[int, str], Run]) -> str:
    rows = []
    for name in (A, B):
        ratios = [f"{runs[people, OURS].rate / runs[people, name].rate:.2f}" for people in scale.people]
        rows.append((f"ours / {name}", *ratios))
    return table(("people", *map(str, scale.people)), rows)


def _scheduled_table(runs: Mapping[tuple[int, str], Run]) -> str:
    rows = [
        (
            str(rate),
            name,
            milliseconds(run.latencies),
            f"{run.per_message(sum(run.tally.calls.values())):.1f}",
            str(run.busy),
            _wrong(run),
        )
        for (rate, name), run in runs.items()
    ]
    header = ("offered/s", "design", "ack ms p50 / p95 / p99", "calls", "busy", _FAULTS)
    return table(header, rows)


def _deaths(scale: Scale) -> str:
    rows = []
    for name in DESIGNS:
        damages = [dying.measure(name, USUAL, scale.seed + number) for number in range(scale.deaths)]
        rows.append(
            (
                name,
                str(sum(each.died for each in damages)),
                f"{max(each.longest_ack for each in damages):.2f}",
                f"{max(each.longest_unreadable for each in damages):.2f}",
            )
        )
    return table(("design", "deaths", "longest wait for an ack, s", "acknowledged but not readable, s"), rows)


def _growing(people: int, scale: Scale) -> tuple[str, list[Run]]:
    rows, runs = [], []
    for per_item in (0.0005, 0.001):
        latency = GrowingLatency(jitter=USUAL.jitter, per_item=per_item)
        run = closed(OURS, people, scale, latency)
        runs.append(run)
        rows.append((f"{1000 * per_item:.1f} ms", f"{run.rate:.0f}", milliseconds(run.latencies), _wrong(run)))
    header = ("for each item more", "accepted/s", "ack ms p50 / p95 / p99", _FAULTS)
    return table(header, rows), runs


def _real(people: int, scale: Scale) -> tuple[str, list[Run]]:
    runs: dict[tuple[str, int, int], Run] = {}
    for stretch in scale.stretches:
        runs["in memory", people, stretch] = in_real_time(people, stretch, scale)
    for stretch in scale.stretches_of_ministack:
        few = scale.people_on_ministack
        with ministack() as client:
            runs["MiniStack", few, stretch] = in_real_time(few, stretch, scale, client)
    rows = [
        (
            engine,
            str(count),
            f"{stretch} ×",
            f"{run.rate:.0f}",
            milliseconds(run.latencies),
            f"{run.per_message(sum(run.tally.calls.values())):.1f}",
            str(run.busy),
            _wrong(run),
        )
        for (engine, count, stretch), run in runs.items()
    ]
    header = ("engine", "people", "slowed", "accepted/s", "ack ms p50 / p95 / p99", "calls", "busy", _FAULTS)
    return table(header, rows), list(runs.values())
