"""Counts store calls, their outcomes, and capacity units.

Units follow the developer guide ("Read/write capacity mode", "Amazon DynamoDB Transactions"): a strongly
consistent read takes one unit per 4 KB, of the total for a query and per item otherwise; a write takes one unit
per KB of the larger of the old and the new item, twice that in a transaction. A rejected write counts like a
successful one; for a cancelled transaction that is an upper bound, as the cost of a conflict is undocumented.
Units are also counted per partition: DynamoDB's limit is 3,000 reads and 1,000 writes per second ("Designing
partition keys to distribute your workload").
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError

from local.dynamodb.sizes import item_size
from local.faults import Call, DynamoClient, ItemKey, Layer, is_conflict

SizeOf = Callable[[ItemKey], int]


@dataclass
class Tally:
    """Counts since the start or between two points in time."""

    calls: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    """Transactions cancelled and single writes rejected because of a running transaction."""
    conditions: int = 0
    """Transactions cancelled because a condition failed: another writer was faster."""
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
        if error is not None and is_conflict(error):
            self.tally.conflicts += 1
        elif error is not None and call.operation == "transact_write_items":
            self.tally.conditions += 1
        if call.writes:
            self._count_writes(call, before)
        elif answer is not None:
            self._count_reads(call, answer)

    def _count_writes(self, call: Call, before: Mapping[ItemKey, int]) -> None:
        factor = 2 if call.operation == "transact_write_items" else 1
        for key in call.keys:
            size = max(before.get(key, 0), self._size_of(key), 1)
            self.tally.writes[_partition_kind(key.pk)] += factor * math.ceil(size / 1024)

    def _count_reads(self, call: Call, answer: Any) -> None:
        if call.operation == "query":
            partition = call.arguments["ExpressionAttributeValues"][":pk"]["S"]
            self.tally.reads[_partition_kind(partition)] += _read_units(sum(map(item_size, answer["Items"])))
            return
        for key in call.keys:
            self.tally.reads[_partition_kind(key.pk)] += _read_units(self._size_of(key))


def _read_units(size: int) -> int:
    return math.ceil(max(size, 1) / 4096)


def _partition_kind(pk: str) -> str:
    return pk.partition("#")[0]
