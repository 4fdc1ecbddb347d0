"""Comparison of append designs: the measurements behind `docs/decisions/0001-append.md`.

All three designs run with the same layer (latencies and conflicts of `local.faults`) on the same engine in
memory, in simulated time: a busy machine makes the run longer, but no figure worse. A run in real time at the end
shows that the simulation leaves out nothing essential.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.faults import DynamoClient, Latency

from . import writer_crash
from .designs import DESIGNS, Design
from .harness import Harness, make_harness
from .latencies import TYPICAL_LATENCY, GrowingLatency
from .realtime import RealTime
from .simulation import Simulation
from .stats import milliseconds, percentile, table
from .stores import ministack
from .targets import Targets
from .workload import Run, run_closed_loop, run_open_loop

Print = Callable[[str], None]
_VIOLATION_COLUMN = "lost / duplicated / reordered"
A, B, GROUP_COMMIT = "(a) optimistic", "(b) sequencer", "group commit"
PARTITION_READ_UNITS, PARTITION_WRITE_UNITS = 3_000, 1_000
"""Units per second ("Designing partition keys to distribute your workload", developer guide)."""
HOT_PARTITIONS = ("C", "Q")
"""The partition kinds of which a conversation has exactly one; others are spread over participants."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    senders: tuple[int, ...] = (1, 2, 10, 50, 100)
    seconds: float = 5.0
    messages: int = 1_000
    rates: tuple[int, ...] = (20, 100, 200)
    schedule_seconds: float = 4.0
    real_seconds: float = 3.0
    """Seconds of the machine per run in real time, or more to reach `min_real_seconds`."""
    min_real_seconds: float = 1.0
    """Minimum program seconds per run in real time: contention takes a while to build up."""
    stretches: tuple[int, ...] = (1, 2, 4, 8)
    ministack_stretches: tuple[int, ...] = (1, 8)
    ministack_senders: int = 10
    crashes: int = 4
    seed: int = 1


def closed_loop(name: str, senders: int, scale: Scale, latency: Latency = TYPICAL_LATENCY) -> Run:
    """Run a design with this many senders in a closed loop, in simulated time."""

    def measure(harness: Harness, design: Design) -> Run:
        return run_closed_loop(harness, design, seconds=scale.seconds, max_messages=scale.messages)

    return _simulated(name, senders, scale.seed, latency, measure)


def open_loop(name: str, rate: int, scale: Scale, senders: int = 100) -> Run:
    """Run a design with messages on an open-loop schedule, in simulated time."""

    def measure(harness: Harness, design: Design) -> Run:
        return run_open_loop(harness, design, rate=rate, seconds=scale.schedule_seconds)

    return _simulated(name, senders, scale.seed, TYPICAL_LATENCY, measure)


def _simulated(
    name: str, senders: int, seed: int, latency: Latency, measure: Callable[[Harness, Design], Run]
) -> Run:
    random.seed(seed)
    simulation = Simulation()

    def run() -> Run:
        harness = make_harness(simulation, senders, latency=latency, seed=seed)
        return measure(harness, DESIGNS[name](harness))

    (result,) = simulation.run(run)
    measured: Run = result
    return measured


def in_real_time(senders: int, stretch: float, scale: Scale, engine: DynamoClient | None = None) -> Run:
    """Run group commit in a closed loop, in stretched real time."""
    random.seed(scale.seed)
    harness = make_harness(RealTime(stretch), senders, latency=TYPICAL_LATENCY, seed=scale.seed, engine=engine)
    seconds = max(scale.real_seconds / stretch, scale.min_real_seconds)
    return run_closed_loop(harness, DESIGNS[GROUP_COMMIT](harness), seconds=seconds, max_messages=10**9)


def partition_ceiling(run: Run) -> float:
    """Return the messages per second at which the hottest partition reaches DynamoDB's limit per partition."""
    shares = [run.per_message(run.tally.reads[kind]) / PARTITION_READ_UNITS for kind in HOT_PARTITIONS]
    shares += [run.per_message(run.tally.writes[kind]) / PARTITION_WRITE_UNITS for kind in HOT_PARTITIONS]
    return 1 / max(shares)


# ---- the report ----------------------------------------------------------------------------------------


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and print everything; return whether no message was lost, duplicated or reordered."""
    runs = {(senders, name): closed_loop(name, senders, scale) for senders in scale.senders for name in DESIGNS}
    show("Closed loop: each sender sends its next message after the acknowledgement of the previous one.\n")
    show(_closed_table(runs))
    show("\nThe same as ratios of accepted messages/s:\n")
    show(_ratios(scale, runs))
    show("\nOpen loop: 100 senders, messages at random times; latency from the scheduled time to the ack.\n")
    open_runs = {(rate, name): open_loop(name, rate, scale) for rate in scale.rates for name in DESIGNS}
    show(_open_loop_table(open_runs))
    show("\nA writer crashes during an append; 10 senders, the worst of several runs.\n")
    show(_crash_table(scale))
    most = max(scale.senders)
    show(f"\nGroup commit with {most} senders if the duration of a transaction grows with its items.\n")
    growing, slower = _growing_latency_table(most, scale)
    show(growing)
    show("\nBottleneck: group commit in real time, in one process.\n")
    show("Time is stretched by a factor: waiting takes longer, computing does not.\n")
    real, checked = _real_time_table(most, scale)
    show(real)
    busiest = runs[most, GROUP_COMMIT]
    targets.at_least(f"accepted messages/s of {most} senders in one conversation", busiest.rate, 100)
    targets.at_most("and the p99 of their acknowledgement, in seconds", percentile(busiest.latencies, 0.99), 1)
    return all(_is_correct(run) for run in [*runs.values(), *open_runs.values(), *slower, *checked])


def _is_correct(run: Run) -> bool:
    return run.faults.total == 0 and run.unacknowledged == 0


def _violations(run: Run) -> str:
    faults = run.faults
    return f"{faults.lost + run.unacknowledged} / {faults.duplicated} / {faults.reordered}"


def _closed_table(runs: Mapping[tuple[int, str], Run]) -> str:
    header = (
        "senders", "design", "accepted/s", "ack ms p50 / p95 / p99", "calls", "read units", "write units",
        "conflicts", "busy", _VIOLATION_COLUMN, "partition ceiling/s",
    )  # fmt: skip
    rows = []
    for (senders, name), run in runs.items():
        tally = run.tally
        rows.append(
            (
                str(senders),
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
        ratios = [
            f"{runs[senders, GROUP_COMMIT].rate / runs[senders, name].rate:.2f}" for senders in scale.senders
        ]
        rows.append((f"group commit / {name}", *ratios))
    return table(("senders", *map(str, scale.senders)), rows)


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
        damages = [
            writer_crash.measure(name, TYPICAL_LATENCY, scale.seed + number) for number in range(scale.crashes)
        ]
        rows.append(
            (
                name,
                str(sum(damage.crashed for damage in damages)),
                f"{max(damage.longest_ack for damage in damages):.2f}",
                f"{max(damage.longest_unreadable for damage in damages):.2f}",
            )
        )
    return table(("design", "crashes", "longest wait for an ack, s", "acknowledged but not readable, s"), rows)


def _growing_latency_table(senders: int, scale: Scale) -> tuple[str, list[Run]]:
    rows, runs = [], []
    for per_item in (0.0005, 0.001):
        latency = GrowingLatency(jitter=TYPICAL_LATENCY.jitter, per_item=per_item)
        run = closed_loop(GROUP_COMMIT, senders, scale, latency)
        runs.append(run)
        rows.append(
            (f"{1000 * per_item:.1f} ms", f"{run.rate:.0f}", milliseconds(run.latencies), _violations(run))
        )
    header = ("per additional item", "accepted/s", "ack ms p50 / p95 / p99", _VIOLATION_COLUMN)
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
        "engine", "senders", "stretched", "accepted/s", "ack ms p50 / p95 / p99", "calls", "busy",
        _VIOLATION_COLUMN,
    )  # fmt: skip
    return table(header, rows), list(runs.values())
