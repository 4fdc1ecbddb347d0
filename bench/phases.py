"""The results of the whole chat, and their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .history_check import AckedMessage, Violations
from .stats import milliseconds, table


@dataclass(frozen=True, slots=True)
class ClientCounters:
    """Irregularities that the protocol allows and clients handle, summed over all connections."""

    synced: int
    """Events received by `sync` because their push was missing."""
    duplicates: int
    """Pushes of an event that had already been pushed."""
    out_of_order: int
    """Pushes after one with a higher sequence id."""
    retries: int
    """Messages that had to be retried."""

    def since(self, before: ClientCounters) -> ClientCounters:
        """Return the difference to an earlier state."""
        return ClientCounters(
            self.synced - before.synced,
            self.duplicates - before.duplicates,
            self.out_of_order - before.out_of_order,
            self.retries - before.retries,
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """The results of one load."""

    clients: int
    load: str
    seconds: float
    """Until the last acknowledgement."""
    total_seconds: float
    """Until all clients had received all events."""
    acked: list[AckedMessage]
    fan_out: list[float]
    """Seconds from a message's due time to the push at each recipient."""
    deliveries: int
    violations: Violations
    counters: ClientCounters
    store_calls: Counter[str]
    cpu_seconds: dict[str, float]
    """Seconds of CPU time, by process."""

    @property
    def is_correct(self) -> bool:
        """Whether nothing was lost, duplicated or reordered."""
        return self.violations.total == 0 and bool(self.acked)


def main_table(phases: Sequence[Phase]) -> str:
    """Return the table of throughput, latencies and violations."""
    header = (
        "clients", "load", "accepted/s", "deliveries/s", "ack ms p50 / p95 / p99", "fan-out ms p50 / p95 / p99",
        "store calls per message", "lost / duplicated / reordered",
    )  # fmt: skip
    rows = [
        (
            str(phase.clients),
            phase.load,
            f"{len(phase.acked) / phase.seconds:.0f}",
            f"{phase.deliveries / phase.seconds:.0f}",
            milliseconds([acked.latency for acked in phase.acked]),
            milliseconds(phase.fan_out),
            f"{sum(phase.store_calls.values()) / max(len(phase.acked), 1):.1f}",
            f"{phase.violations.lost} / {phase.violations.duplicated} / {phase.violations.reordered}",
        )
        for phase in phases
    ]
    return table(header, rows)


def side_table(phases: Sequence[Phase]) -> str:
    """Return the table of client counters and CPU time."""
    names = list(phases[0].cpu_seconds)
    header = (
        "clients", "load", "by sync", "duplicate pushes", "out of order", "retries",
        *(f"CPU ms per message: {name}" for name in names), "cores used",
    )  # fmt: skip
    rows = [
        (
            str(phase.clients),
            phase.load,
            str(phase.counters.synced),
            str(phase.counters.duplicates),
            str(phase.counters.out_of_order),
            str(phase.counters.retries),
            *(f"{1000 * phase.cpu_seconds[name] / max(len(phase.acked), 1):.1f}" for name in names),
            f"{sum(phase.cpu_seconds.values()) / phase.total_seconds:.2f}",
        )
        for phase in phases
    ]
    return table(header, rows)
