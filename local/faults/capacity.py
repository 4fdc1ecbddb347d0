"""The limits of DynamoDB's partitions: 1,000 write units and 3,000 read units a second.

(Developer guide, "Designing partition keys to distribute your workload".) A partition here is all items with one
partition key. The limits of a single item are the same, so they are included. DynamoDB may split a partition
between its items, but not if they grow at their end, like a log or a queue.

A partition has a balance of at most one second's units. A request is admitted while the balances of all its
partitions are positive, and may make them negative: a transaction of 2,500 units blocks its partition for one and
a half seconds. A rejected request consumes nothing. (DynamoDB keeps unused units for up to five minutes, but does
not promise to.)
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from local.faults.calls import Call, ItemKey
from local.faults.units import Partition, SizeOf, partitions, read_units, write_units

READ_UNITS, WRITE_UNITS = 3_000, 1_000
"""Units a second of one partition."""


@dataclass
class _Balance:
    """The units that a partition has left."""

    rate: int
    left: float
    as_of: float

    def refill(self, now: float) -> None:
        """Add the units since the last call."""
        self.left = min(self.rate, self.left + self.rate * max(now - self.as_of, 0.0))
        self.as_of = now


@dataclass
class Charge:
    """The units that a write was charged when it was admitted."""

    before: dict[ItemKey, int] = field(default_factory=dict)
    """The sizes of its items at that time."""
    units: list[tuple[Partition, int]] = field(default_factory=list)


class PartitionLimits:
    """The balances of all partitions of a store; its clients share them. Thread-safe."""

    def __init__(
        self, size_of: SizeOf, now: Callable[[], float], *, reads: int = READ_UNITS, writes: int = WRITE_UNITS
    ) -> None:
        """`size_of` looks at the engine, `now` returns the time in seconds; other limits make a scaled region."""
        self._size_of = size_of
        self._now = now
        self._lock = threading.Lock()
        self._rates = {False: reads, True: writes}
        """Units a second, by whether they are written."""
        self._balances: dict[tuple[Partition, bool], _Balance] = {}

    def exhausted(self, call: Call) -> frozenset[int]:
        """Return the positions (from 0) of a call's items, or of a query, whose partitions reject it now."""
        with self._lock:
            balances = [self._balance(partition, is_write=call.writes) for partition in partitions(call)]
        return frozenset(at for at, balance in enumerate(balances) if balance.left <= 0)

    def charge_write(self, call: Call) -> Charge:
        """Charge an admitted write, by the sizes that are known before it is executed."""
        before = {key: self._size_of(key) for key in call.keys}
        units = list(write_units(call, before, lambda key: 0))
        self._charge(units, is_write=True)
        return Charge(before, units)

    def charge_growth(self, call: Call, charge: Charge) -> None:
        """Charge the growth of the updated items, after the write."""
        after = write_units(call, charge.before, self._size_of)
        grown = [
            (partition, units - charged)
            for (partition, units), (_, charged) in zip(after, charge.units, strict=True)
        ]
        self._charge(grown, is_write=True)

    def charge_read(self, call: Call, answer: dict[str, object]) -> None:
        """Charge a read by its answer."""
        self._charge(read_units(call, answer, self._size_of), is_write=False)

    def _charge(self, units: Iterable[tuple[Partition, float]], *, is_write: bool) -> None:
        with self._lock:
            for partition, amount in units:
                self._balance(partition, is_write=is_write).left -= amount

    def _balance(self, partition: Partition, *, is_write: bool) -> _Balance:
        now, rate = self._now(), self._rates[is_write]
        balance = self._balances.setdefault((partition, is_write), _Balance(rate, rate, now))
        balance.refill(now)
        return balance
