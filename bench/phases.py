"""What was measured of the whole chat, and the tables of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .figures import milliseconds, table
from .histories import AckedMessage, Violations


@dataclass(frozen=True, slots=True)
class ClientCounters:
    """What clients have to put up with by the contract, and do: the sums over all sockets."""

    synced: int
    """Events that came by `sync` because their push did not come."""
    duplicates: int
    """Pushes of an event that had been pushed before."""
    out_of_order: int
    """Pushes that came after one with a higher number."""
    retries: int
    """Messages that had to be repeated."""

    def since(self, before: ClientCounters) -> ClientCounters:
        """What came after `before`."""
        return ClientCounters(
            self.synced - before.synced,
            self.duplicates - before.duplicates,
            self.out_of_order - before.out_of_order,
            self.retries - before.retries,
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """What was measured."""

    clients: int
    load: str
    seconds: float
    """Until the last acknowledgement."""
    total_seconds: float
    """Until everybody had heard everything."""
    acked: list[AckedMessage]
    fan_out: list[float]
    """Seconds from when a message was due to each receiver's push."""
    deliveries: int
    violations: Violations
    counters: ClientCounters
    store_calls: Counter[str]
    cpu_seconds: dict[str, float]
    """Seconds of the processor, by process."""

    @property
    def is_correct(self) -> bool:
        """Whether nothing was lost, doubled or reordered."""
        return self.violations.total == 0 and bool(self.acked)


def main_table(phases: Sequence[Phase]) -> str:
    """Throughput, latencies, and what must be zero."""
    header = (
        "people", "load", "accepted/s", "deliveries/s", "ack ms p50 / p95 / p99", "fan-out ms p50 / p95 / p99",
        "store calls a message", "lost / doubled / reordered",
    )  # fmt: skip
    rows = [
        (
            str(each.clients),
            each.load,
            f"{len(each.acked) / each.seconds:.0f}",
            f"{each.deliveries / each.seconds:.0f}",
            milliseconds([acked.latency for acked in each.acked]),
            milliseconds(each.fan_out),
            f"{sum(each.store_calls.values()) / max(len(each.acked), 1):.1f}",
            f"{each.violations.lost} / {each.violations.duplicated} / {each.violations.reordered}",
        )
        for each in phases
    ]
    return table(header, rows)


def side_table(phases: Sequence[Phase]) -> str:
    """What clients had to put up with, and what the processor did."""
    names = list(phases[0].cpu_seconds)
    header = (
        "people", "load", "by sync", "pushed twice", "overtaken", "repeats",
        *(f"CPU ms a message: {name}" for name in names), "cores used",
    )  # fmt: skip
    rows = [
        (
            str(each.clients),
            each.load,
            str(each.counters.synced),
            str(each.counters.duplicates),
            str(each.counters.out_of_order),
            str(each.counters.retries),
            *(f"{1000 * each.cpu_seconds[name] / max(len(each.acked), 1):.1f}" for name in names),
            f"{sum(each.cpu_seconds.values()) / each.total_seconds:.2f}",
        )
        for each in phases
    ]
    return table(header, rows)
