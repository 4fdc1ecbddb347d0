"""A record of every store call, to count them and to see which waited for which."""

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

    ``outcome`` is ``"ok"``, a DynamoDB error code, or the name of another exception. ``started`` and
    ``ended`` are seconds of the journal's clock; ``begin`` and ``end`` number all begins and ends of all
    calls in their order, which tells the order apart where the clock does not.
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
        """Which of the eight operations it was."""
        return self.call.operation

    @property
    def tables(self) -> frozenset[str]:
        """The tables it touched."""
        return self.call.tables

    @property
    def keys(self) -> tuple[ItemKey, ...]:
        """The items it named; none for a query, whose range is in ``call.arguments``."""
        return self.call.keys


class Journal:
    """The calls of any number of clients, in the order in which they ended; safe to use from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._ticks = 0
        self._entries: list[CallRecord] = []

    def next_stamp(self) -> tuple[int, float]:
        """The next number in the order of events, and the time."""
        with self._lock:
            self._ticks += 1
            return self._ticks, self._clock.now()

    def add(self, entry: CallRecord) -> None:
        """Write down a finished call."""
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        """Forget the calls so far, to look at one operation only."""
        with self._lock:
            self._entries.clear()

    def entries(self, *operations: str, table: str | None = None) -> list[CallRecord]:
        """The calls so far: all, or those of some operations, or those that touched a table."""
        with self._lock:
            return [
                entry
                for entry in self._entries
                if (not operations or entry.operation in operations) and (table is None or table in entry.tables)
            ]

    def count(self, *operations: str, table: str | None = None) -> int:
        """How many calls ``entries`` of the same arguments holds."""
        return len(self.entries(*operations, table=table))

    def counts(self) -> Counter[str]:
        """The number of calls of each operation."""
        return Counter(entry.operation for entry in self.entries())

    def sequential_depth(self, *operations: str) -> int:
        """The most calls that came one after the other: round trips on the critical path.

        The longest chain in which each call began after the one before it had ended. Calls given to an
        executor together overlap only if they last long enough, so put a latency behind the recorder.
        """
        depth, last_end = 0, 0
        # Taking the call that ends earliest leaves most room for others: the classic longest chain.
        for entry in sorted(self.entries(*operations), key=lambda entry: entry.ended_order):
            if entry.started_order > last_end:
                depth, last_end = depth + 1, entry.ended_order
        return depth


class RecordingClient(Layer):
    """Writes every call into ``journal``, failed ones and crashes included."""

    def __init__(self, inner: DynamoClient, journal: Journal) -> None:
        super().__init__(inner)
        self._journal = journal

    def call(self, call: Call) -> Any:
        """Carry out the call and note when, on what and how it ended."""
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
