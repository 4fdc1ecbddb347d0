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
from .crowd import Run, run_closed_loop, run_open_loop
from .designs import DESIGNS, Design
from .figures import milliseconds, percentile, table
from .latencies import TYPICAL_LATENCY, GrowingLatency
from .realtime import RealTime
from .simulation import Simulation
from .stores import ministack
from .targets import Targets
from .world import Harness, make_harness

Print = Callable[[str], None]
_VIOLATION_COLUMN = "lost / doubled / reordered"
A, B, GROUP_COMMIT = "(a) optimistic", "(b) sequencer", "ours"
PARTITION_READ_UNITS, PARTITION_WRITE_UNITS = 3_000, 1_000
"""Units a second ("Designing partition keys to distribute your workload", developer guide)."""
HOT_PARTITIONS = ("C", "Q")
"""The kinds of partitions of which a conversation has one; the others are spread over people and messages."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    senders: tuple[int, ...] = (1, 2, 10, 50, 100)
    seconds: float = 5.0
    messages: int = 1_000
    rates: tuple[int, ...] = (20, 100, 200)
    schedule_seconds: float = 4.0
    real_seconds: float = 3.0
    """Seconds of the machine for each run in real time, or more, if that is less than `real_least`."""
    min_real_seconds: float = 1.0
    """Seconds of the program for each run in real time: a crowd needs a while to become one."""
    stretches: tuple[int, ...] = (1, 2, 4, 8)
    ministack_stretches: tuple[int, ...] = (1, 8)
    ministack_senders: int = 10
    crashes: int = 4
    seed: int = 1


def closed_loop(name: str, senders: int, scale: Scale, latency: Latency = TYPICAL_LATENCY) -> Run:
    """A design with so many people in a closed loop, in simulated time."""

    def measure(world: Harness, design: Design) -> Run:
        return run_closed_loop(world, design, seconds=scale.seconds, max_messages=scale.messages)

    return _simulated(name, senders, scale.seed, latency, measure)


def open_loop(name: str, rate: int, scale: Scale, senders: int = 100) -> Run:
    """A design with messages by a schedule, in simulated time."""

    def measure(world: Harness, design: Design) -> Run:
        return run_open_loop(world, design, rate=rate, seconds=scale.schedule_seconds)

    return _simulated(name, senders, scale.seed, TYPICAL_LATENCY, measure)


def _simulated(
    name: str, senders: int, seed: int, latency: Latency, measure: Callable[[Harness, Design], Run]
) -> Run:
    random.seed(seed)
    simulation = Simulation()

    def run() -> Run:
        world = make_harness(simulation, senders, latency=latency, seed=seed)
        return measure(world, DESIGNS[name](world))

    (result,) = simulation.run(run)
    measured: Run = result
    return measured


def in_real_time(senders: int, stretch: float, scale: Scale, engine: DynamoClient | None = None) -> Run:
    """Ours in a closed loop, in real time that is stretched."""
    random.seed(scale.seed)
    world = make_harness(RealTime(stretch), senders, latency=TYPICAL_LATENCY, seed=scale.seed, engine=engine)
    seconds = max(scale.real_seconds / stretch, scale.min_real_seconds)
    return run_closed_loop(world, DESIGNS[GROUP_COMMIT](world), seconds=seconds, max_messages=10**9)


def partition_ceiling(run: Run) -> float:
    """Messages a second at which the hottest partition would reach what DynamoDB gives to one."""
    shares = [run.per_message(run.tally.reads[kind]) / PARTITION_READ_UNITS for kind in HOT_PARTITIONS]
    shares += [run.per_message(run.tally.writes[kind]) / PARTITION_WRITE_UNITS for kind in HOT_PARTITIONS]
    return 1 / max(shares)


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and show everything; whether nothing was lost, doubled, reordered or left unacknowledged."""
    runs = {(people, name): closed_loop(name, people, scale) for people in scale.senders for name in DESIGNS}
    show("Closed loop: everybody sends the next message when the one before is acknowledged.\n")
    show(_closed_table(runs))
    show("\nThe same as ratios, in accepted messages/s:\n")
    show(_ratios(scale, runs))
    show("\nBy a schedule: 100 people, messages at random times; from when it was due to the acknowledgement.\n")
    open_runs = {(rate, name): open_loop(name, rate, scale) for rate in scale.rates for name in DESIGNS}
    show(_open_loop_table(open_runs))
    show("\nA writer dies in the middle of an append; 10 people, the worst of several runs.\n")
    show(_crash_table(scale))
    most = max(scale.senders)
    show(f"\nOurs with {most} people if a transaction takes longer the more items it has.\n")
    growing, slower = _growing_latency_table(most, scale)
    show(growing)
    show("\nWhat limits: ours in real time, in one process.\n")
    show("Slowed so many times: everything that waits takes longer, and what is computed does not.\n")
    real, checked = _real_time_table(most, scale)
    show(real)
    crowd = runs[most, GROUP_COMMIT]
    targets.at_least(f"accepted messages/s of {most} senders in one conversation", crowd.rate, 100)
    targets.at_most("and the p99 of their acknowledgement, in seconds", percentile(crowd.latencies, 0.99), 1)
    return all(_is_correct(run) for run in [*runs.values(), *open_runs.values(), *slower, *checked])


def _is_correct(run: Run) -> bool:
    return run.faults.total == 0 and run.unacknowledged == 0


def _violations(run: Run) -> str:
    faults = run.faults
    return f"{faults.lost + run.unacknowledged} / {faults.duplicated} / {faults.reordered}"


def _closed_table(runs: Mapping[tuple[int, str], Run]) -> str:
    header = (
        "people", "design", "accepted/s", "ack ms p50 / p95 / p99", "calls", "read units", "write units",
        "lost races", "busy", _VIOLATION_COLUMN, "partition ceiling/s",
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
                _violations(run),
                f"{partition_ceiling(run):.0f}",
            )
        )
    return table(header, rows)


def _ratios(scale: Scale, runs: Mapping[tuple[int, str], Run]) -> str:
    rows = []
    for name in (A, B):
        ratios = [f"{runs[people, GROUP_COMMIT].rate / runs[people, name].rate:.2f}" for people in scale.senders]
        rows.append((f"ours / {name}", *ratios))
    return table(("people", *map(str, scale.senders)), rows)


def _open_loop_table(runs: Mapping[tuple[int, str], Run]) -> str:
    rows = [
        (
            str(rate),
            name,
            milliseconds(run.latencies),
            f"{run.per_message(sum(run.tally.calls.values())):.1f}",
            str(run.busy),
            _violations(run),
        )
        for (rate, name), run in runs.items()
    ]
    header = ("offered/s", "design", "ack ms p50 / p95 / p99", "calls", "busy", _VIOLATION_COLUMN)
    return table(header, rows)


def _crash_table(scale: Scale) -> str:
    rows = []
    for name in DESIGNS:
        damages = [dying.measure(name, TYPICAL_LATENCY, scale.seed + number) for number in range(scale.crashes)]
        rows.append(
            (
                name,
                str(sum(each.crashed for each in damages)),
                f"{max(each.longest_ack for each in damages):.2f}",
                f"{max(each.longest_unreadable for each in damages):.2f}",
            )
        )
    return table(("design", "deaths", "longest wait for an ack, s", "acknowledged but not readable, s"), rows)


def _growing_latency_table(senders: int, scale: Scale) -> tuple[str, list[Run]]:
    rows, runs = [], []
    for per_item in (0.0005, 0.001):
        latency = GrowingLatency(jitter=TYPICAL_LATENCY.jitter, per_item=per_item)
        run = closed_loop(GROUP_COMMIT, senders, scale, latency)
        runs.append(run)
        rows.append(
            (f"{1000 * per_item:.1f} ms", f"{run.rate:.0f}", milliseconds(run.latencies), _violations(run))
        )
    header = ("for each item more", "accepted/s", "ack ms p50 / p95 / p99", _VIOLATION_COLUMN)
    return table(header, rows), runs


def _real_time_table(senders: int, scale: Scale) -> tuple[str, list[Run]]:
    runs: dict[tuple[str, int, int], Run] = {}
    for stretch in scale.stretches:
        runs["in memory", senders, stretch] = in_real_time(senders, stretch, scale)
    for stretch in scale.ministack_stretches:
        few = scale.ministack_senders
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
            _violations(run),
        )
        for (engine, count, stretch), run in runs.items()
    ]
    header = (
        "engine",
        "people",
        "slowed",
        "accepted/s",
        "ack ms p50 / p95 / p99",
        "calls",
        "busy",
        _VIOLATION_COLUMN,
    )
    return table(header, rows), list(runs.values())
