"""Counts store calls, their outcomes, and capacity units (`local/faults/units.py`), by kind of partition.

A throttled call consumes nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError

from local.faults import Call, DynamoClient, ItemKey, Layer, is_conflict, is_throttled
from local.faults.units import Partition, SizeOf, read_units, write_units


@dataclass
class Tally:
    """Counts since the start or between two points in time."""

    calls: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    """Transactions cancelled and single writes rejected because of a running transaction."""
    conditions: int = 0
    """Transactions cancelled because a condition failed: another writer was faster."""
    throttled: int = 0
    """Calls that were rejected because of the limits of a partition."""
    reads: Counter[str] = field(default_factory=Counter)
    """Read units by kind of partition (the part of its key before `#`)."""
    writes: Counter[str] = field(default_factory=Counter)

    def copy(self) -> Tally:
        """Return a copy."""
        return replace(self, calls=Counter(self.calls), reads=Counter(self.reads), writes=Counter(self.writes))

    def since(self, before: Tally) -> Tally:
        """Return the difference to an earlier copy."""
        return Tally(
            self.calls - before.calls,
            self.conflicts - before.conflicts,
            self.conditions - before.conditions,
            self.throttled - before.throttled,
            self.reads - before.reads,
            self.writes - before.writes,
        )


class Meter(Layer):
    """Counts calls in `tally`. In front of all other layers it counts rejected calls too."""

    def __init__(self, inner: DynamoClient, size_of: SizeOf) -> None:
        super().__init__(inner)
        self._size_of = size_of
        self._lock = threading.Lock()
        self.tally = Tally()

    def call(self, call: Call) -> Any:
        """Forward the call and count it."""
        before = {key: self._size_of(key) for key in call.written} if call.writes else {}
        answer, error = None, None
        try:
            answer = self.forward(call)
            return answer
        except ClientError as refused:
            error = refused
            raise
        finally:
            with self._lock:
                self._count(call, before, answer, error)

    def _count(self, call: Call, before: Mapping[ItemKey, int], answer: Any, error: ClientError | None) -> None:
        self.tally.calls[call.operation] += 1
        if error is not None and is_throttled(error):
            self.tally.throttled += 1
            return
        if error is not None and is_conflict(error):
            self.tally.conflicts += 1
        elif error is not None and call.operation == "transact_write_items":
            self.tally.conditions += 1
        if call.writes:
            _add(self.tally.writes, write_units(call, before, self._size_of))
        elif answer is not None:
            _add(self.tally.reads, read_units(call, answer, self._size_of))


def _add(counts: Counter[str], units: Iterable[tuple[Partition, float]]) -> None:
    for partition, amount in units:
        counts[partition.pk.partition("#")[0]] += amount  # type: ignore[assignment]  # units may be halves
