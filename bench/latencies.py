"""Latencies in front of the store."""

from __future__ import annotations

from dataclasses import dataclass

from local.faults import Call, Latency

JITTER = 0.25
TYPICAL_LATENCY = Latency(jitter=JITTER)
"""4 ms per call and 10 ms per transaction, ± 25 %: without jitter, all senders would run in lockstep."""


@dataclass(frozen=True)
class GrowingLatency(Latency):
    """Transactions whose duration grows with their number of items, as for batches of messages."""

    per_item: float = 0.0
    """Seconds per item beyond the four of a single message."""
    small: int = 4

    def seconds(self, call: Call, seed: int) -> float:
        """Return the duration of this call."""
        if call.operation != "transact_write_items":
            return super().seconds(call, seed)
        grown = self.transaction + self.per_item * max(len(call.keys) - self.small, 0)
        return super().seconds(call, seed) * grown / self.transaction
