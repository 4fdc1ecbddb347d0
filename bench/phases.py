"""What was measured of the whole chat, and the tables of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .figures import milliseconds, table
from .histories import Acked, Faults


@dataclass(frozen=True, slots=True)
class Seen:
    """What clients have to put up with by the contract, and do: the sums over all sockets."""

    recovered: int
    """Events that came by `sync` because their push did not come."""
    repeated: int
    """Pushes of an event that had been pushed before."""
    overtaken: int
    """Pushes that came after one with a higher number."""
    busy: int
    """Messages that had to be repeated."""

    def since(self, before: Seen) -> Seen:
        """What came after `before`."""
        return Seen(
            self.recovered - before.recovered,
            self.repeated - before.repeated,
            self.overtaken - before.overtaken,
            self.busy - before.busy,
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """What was measured."""

    people: int
    load: str
    seconds: float
    """Until the last acknowledgement."""
    whole_seconds: float
    """Until everybody had heard everything."""
    acked: list[Acked]
    fan_out: list[float]
    """Seconds from when a message was due to each receiver's push."""
    deliveries: int
    faults: Faults
    seen: Seen
    calls: Counter[str]
    processor: dict[str, float]
    """Seconds of the processor, by process."""

    @property
    def is_well(self) -> bool:
        """Whether nothing was lost, doubled or reordered."""
        return self.faults.total == 0 and bool(self.acked)


def main_table(phases: Sequence[Phase]) -> str:
    """Throughput, latencies, and what must be zero."""
    header = (
        "people", "load", "accepted/s", "deliveries/s", "ack ms p50 / p95 / p99", "fan-out ms p50 / p95 / p99",
        "store calls a message", "lost / doubled / reordered",
    )  # fmt: skip
    rows = [
        (
            str(each.people),
            each.load,
            f"{len(each.acked) / each.seconds:.0f}",
            f"{each.deliveries / each.seconds:.0f}",
            milliseconds([acked.seconds for acked in each.acked]),
            milliseconds(each.fan_out),
            f"{sum(each.calls.values()) / max(len(each.acked), 1):.1f}",
            f"{each.faults.lost} / {each.faults.doubled} / {each.faults.reordered}",
        )
        for each in phases
    ]
    return table(header, rows)


def side_table(phases: Sequence[Phase]) -> str:
    """What clients had to put up with, and what the processor did."""
    names = list(phases[0].processor)
    header = (
        "people", "load", "by sync", "pushed twice", "overtaken", "repeats",
        *(f"CPU ms a message: {name}" for name in names), "cores used",
    )  # fmt: skip
    rows = [
        (
            str(each.people),
            each.load,
            str(each.seen.recovered),
            str(each.seen.repeated),
            str(each.seen.overtaken),
            str(each.seen.busy),
            *(f"{1000 * each.processor[name] / max(len(each.acked), 1):.1f}" for name in names),
            f"{sum(each.processor.values()) / each.whole_seconds:.2f}",
        )
        for each in phases
    ]
    return table(header, rows)
