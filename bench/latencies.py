"""The latencies that are put before the store."""

from __future__ import annotations

from dataclasses import dataclass

from local.faults import Call, Latency

JITTER = 0.25
TYPICAL_LATENCY = Latency(jitter=JITTER)
"""4 ms a call and 10 ms a transaction, each ± 25 %: with none, everybody would march in step."""


@dataclass(frozen=True)
class GrowingLatency(Latency):
    """Transactions that take longer the more items they have, as a batch of messages may."""

    per_item: float = 0.0
    """Seconds for each item beyond the four of a single message."""
    small: int = 4

    def seconds(self, call: Call, seed: int) -> float:
        """The duration of this call."""
        if call.operation != "transact_write_items":
            return super().seconds(call, seed)
        grown = self.transaction + self.per_item * max(len(call.keys) - self.small, 0)
        return super().seconds(call, seed) * grown / self.transaction
