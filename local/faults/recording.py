"""A record of every store call, for counting calls and for finding sequential ones."""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.faults.calls import Call, ItemKey
from local.faults.client import DynamoClient, Layer
from local.faults.clock import Clock, MonotonicClock


@dataclass(frozen=True)
class CallRecord:
    """One finished call.

    ``outcome`` is ``"ok"``, a DynamoDB error code, or the name of another exception. ``started`` and ``ended`` are
    seconds of the journal's clock; ``started_order`` and ``ended_order`` number the starts and ends of all calls
    consecutively, which orders them where the clock does not.
    """

    call: Call
    thread: str
    outcome: str
    started: float
    ended: float
    started_order: int
    ended_order: int

    @property
    def operation(self) -> str:
        """The name of the operation."""
        return self.call.operation

    @property
    def tables(self) -> frozenset[str]:
        """The tables that it accessed."""
        return self.call.tables

    @property
    def keys(self) -> tuple[ItemKey, ...]:
        """The items that it named; empty for a query, whose range is in ``call.arguments``."""
        return self.call.keys


class Journal:
    """The calls of any number of clients, in the order in which they ended. Thread-safe."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._ticks = 0
        self._entries: list[CallRecord] = []

    def next_stamp(self) -> tuple[int, float]:
        """Return the next sequence number and the time."""
        with self._lock:
            self._ticks += 1
            return self._ticks, self._clock.now()

    def add(self, entry: CallRecord) -> None:
        """Record a finished call."""
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        """Discard the calls so far."""
        with self._lock:
            self._entries.clear()

    def entries(self, *operations: str, table: str | None = None) -> list[CallRecord]:
        """Return the calls so far, optionally only of some operations or of one table."""
        with self._lock:
            return [
                entry
                for entry in self._entries
                if (not operations or entry.operation in operations) and (table is None or table in entry.tables)
            ]

    def count(self, *operations: str, table: str | None = None) -> int:
        """Return the number of calls that ``entries`` returns."""
        return len(self.entries(*operations, table=table))

    def counts(self) -> Counter[str]:
        """Return the number of calls per operation."""
        return Counter(entry.operation for entry in self.entries())

    def sequential_depth(self, *operations: str) -> int:
        """Return the length of the longest sequential chain: the round trips on the critical path.

        In a chain, each call started after the previous one had ended. Calls submitted to an executor together
        overlap only if they take long enough, so add latency behind the recorder.
        """
        depth, last_end = 0, 0
        # Greedy interval scheduling: taking the call that ends first gives the longest chain.
        for entry in sorted(self.entries(*operations), key=lambda entry: entry.ended_order):
            if entry.started_order > last_end:
                depth, last_end = depth + 1, entry.ended_order
        return depth


class RecordingClient(Layer):
    """Records every call in ``journal``, including failures and crashes."""

    def __init__(self, inner: DynamoClient, journal: Journal) -> None:
        super().__init__(inner)
        self._journal = journal

    def call(self, call: Call) -> Any:
        """Execute the call and record it."""
        begin, started = self._journal.next_stamp()
        outcome = "ok"
        try:
            return self.forward(call)
        except BaseException as error:
            outcome = _outcome(error)
            raise
        finally:
            end, ended = self._journal.next_stamp()
            thread = threading.current_thread().name
            self._journal.add(CallRecord(call, thread, outcome, started, ended, begin, end))


def _outcome(error: BaseException) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__
