"""The local cloud under a closed loop: 2, 10, 50 and 100 people in one conversation, all of them sending.

The server runs as `python -m local` starts it, with its own store and nothing in between. The load generator runs
on the same cores, and its CPU time is not counted. With another checkout, both run by turns, so that a change of
the machine's speed affects both; a calibration loop beside each run shows such changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from local.settings import ROOT

from .checkout import RunningChat, running_chat
from .people import People
from .stats import percentile, table
from .targets import Targets

PUSH_TIMEOUT = 15.0
"""Seconds that the last pushes are awaited; those that have not arrived then were dropped."""
MAX_GENERATOR_MICROSECONDS = 60.0
_CALIBRATION_STEPS = 300_000


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    people: tuple[int, ...] = (2, 10, 50, 100)
    runs: int = 5
    warm_up_seconds: float = 1.0
    seconds: float = 6.0


@dataclass(frozen=True, slots=True)
class Run:
    """The measurements of one closed loop."""

    people: int
    messages_per_second: float
    cpu_per_delivery: float
    """Microseconds of the server's CPU time."""
    dropped: int
    """Pushes of acknowledged messages that did not arrive."""
    violations: int
    """Acknowledged messages that are not in the log exactly once."""
    refused: int
    latency_median: float
    latency_high: float
    cores: float
    generator: float
    """Microseconds of the load generator's CPU time per frame."""
    calibration: float
    """Nanoseconds per step of the calibration loop."""


def calibrate() -> float:
    """Return the CPU time of one step of a fixed loop, in nanoseconds."""
    started, total = time.thread_time_ns(), 0
    for number in range(_CALIBRATION_STEPS):
        total += number & 7
    return (time.thread_time_ns() - started) / _CALIBRATION_STEPS


def measure(chat: RunningChat, count: int, scale: Scale) -> Run:
    """Run one closed loop in a new conversation. Raises ClientFailed."""
    people = People(chat.http_url, chat.ws_url, chat.tokens([f"person-{number}" for number in range(count)]))
    try:
        before = calibrate()
        warm = people.chat(scale.warm_up_seconds)
        people.wait_for_pushes(len(warm.acked), PUSH_TIMEOUT)
        delivered = sum(map(len, people.pushed()))
        cpu, own, frames = chat.cpu_seconds(), time.process_time(), people.frames
        started = time.monotonic()
        results = people.chat(scale.seconds)
        acked = warm.acked | results.acked
        people.wait_for_pushes(len(acked), PUSH_TIMEOUT)
        elapsed = max(people.last_frame_at - started, results.seconds)
        cpu, own, frames = chat.cpu_seconds() - cpu, time.process_time() - own, people.frames - frames
        pushed = people.pushed()
        dropped = sum(len(set(acked.values()) - set(numbers)) for numbers in pushed)
        return Run(
            people=count,
            messages_per_second=results.in_time / results.seconds,
            cpu_per_delivery=1e6 * cpu / max(sum(map(len, pushed)) - delivered, 1),
            dropped=dropped,
            violations=people.conversation.violations(acked),
            refused=results.refused + results.timed_out,
            latency_median=percentile(results.latencies, 0.5),
            latency_high=percentile(results.latencies, 0.95),
            cores=cpu / elapsed,
            generator=1e6 * own / max(frames, 1),
            calibration=(before + calibrate()) / 2,
        )
    finally:
        people.close()


def run_all(roots: Sequence[Path], scale: Scale, progress: Callable[[str], None]) -> dict[Path, list[Run]]:
    """Measure each checkout so many times, by turns, each time with a new instance."""
    runs: dict[Path, list[Run]] = {root: [] for root in roots}
    for turn in range(scale.runs):
        for root in roots if turn % 2 == 0 else reversed(roots):
            with running_chat(root) as chat:
                for count in scale.people:
                    run = measure(chat, count, scale)
                    runs[root].append(run)
                    progress(f"run {turn + 1}: {root.name}: {_describe(run)}")
    return runs


def _describe(run: Run) -> str:
    return (
        f"{run.people} people, {run.messages_per_second:.0f} messages/s, {run.cpu_per_delivery:.0f} µs a delivery,"
        f" {run.dropped} dropped"
    )


def _summary(name: str, runs: Sequence[Run]) -> tuple[str, ...]:
    def middle(value: Callable[[Run], float]) -> float:
        return median(map(value, runs))

    return (
        str(runs[0].people),
        name,
        f"{middle(lambda run: run.messages_per_second):.0f}",
        f"{middle(lambda run: run.cpu_per_delivery):.0f}",
        f"{1000 * middle(lambda run: run.latency_median):.0f} / {1000 * middle(lambda run: run.latency_high):.0f}",
        f"{sum(run.dropped for run in runs)}",
        f"{sum(run.refused for run in runs)}",
        f"{sum(run.violations for run in runs)}",
        f"{middle(lambda run: run.cores):.2f}",
        f"{middle(lambda run: run.generator):.0f}",
        f"{middle(lambda run: run.calibration):.0f}",
    )


HEADER = (
    "people", "checkout", "messages/s", "CPU µs a delivery", "ack ms p50 / p95", "dropped pushes", "refused",
    "violations", "cores", "generator µs a frame", "calibration ns",
)  # fmt: skip


def report(
    scale: Scale,
    show: Callable[[str], None],
    progress: Callable[[str], None],
    targets: Targets,
    against: Path | None = None,
) -> bool:
    """Measure and print everything; return whether every acknowledged message is in the log exactly once."""
    roots = [ROOT, *([against.resolve()] if against is not None else [])]
    runs = run_all(roots, scale, progress)
    rows = [
        _summary("this" if root == ROOT else "other", [run for run in runs[root] if run.people == count])
        for count in scale.people
        for root in roots
    ]
    show(table(HEADER, rows))
    for count in scale.people:
        own = [run for run in runs[ROOT] if run.people == count]
        targets.at_most(f"dropped pushes, {count} people", sum(run.dropped for run in own), 0)
        if bound := CPU_BOUNDS.get(count):
            targets.at_most(f"µs a delivery, {count} people", median(run.cpu_per_delivery for run in own), bound)
        if count >= 10:
            cost = median(run.generator for run in own)
            targets.at_most(f"load generator, µs a frame, {count} people", cost, MAX_GENERATOR_MICROSECONDS)
        if against is not None and (bound := SPEED_BOUNDS.get(count)):
            other = [run for run in runs[roots[1]] if run.people == count]
            ratio = _speed(own) / max(_speed(other), 0.01)
            targets.at_least(f"messages/s against the other checkout, {count} people", ratio, bound)
    return all(run.violations == 0 and run.messages_per_second > 0 for run in runs[ROOT])


def _speed(runs: Sequence[Run]) -> float:
    return median(run.messages_per_second for run in runs)


CPU_BOUNDS = {2: 2_200.0, 10: 650.0, 50: 375.0, 100: 350.0}
SPEED_BOUNDS = {2: 5.0, 10: 3.0, 50: 5.0, 100: 6.0}
"""Against the checkout before the local cloud got its own store and its bounded workers."""
