"""Operations that stop before every store call until the scheduler lets them continue.

They are greenlets, so one runs at a time: an operation passes its gate, makes one store call, and runs until its
next gate or its end. So the result depends only on the order of the gates. Threads would do the same at a seventh
of the speed for each gate.
"""

import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from greenlet import getcurrent, greenlet

from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from local.faults.clock import VirtualClock
from local.faults.errors import is_conflict
from local.faults.region import Latency, RegionClient, ShowsOld
from local.faults.windows import TransactionWindows
from tests.support.alarm import Alarm

Action = Callable[[], object]
DEADLINE = 30.0
"""Seconds for a step, which takes milliseconds unless the machine is overloaded."""


class StuckError(Exception):
    """An operation neither reached a store call nor ended in time."""


class Abandoned(BaseException):  # not an Exception: the operation must not handle it
    """Raised in an operation that will not be continued."""


@dataclass(frozen=True)
class Step:
    """The next step of an operation: a store call, or the end of a transaction that has taken effect."""

    operation: str
    call: Call
    ends: bool = False

    def __str__(self) -> str:
        return f"{self.operation}:{'end_of_transaction' if self.ends else self.call.operation}"


@dataclass(frozen=True)
class Outcome:
    """The result of an operation."""

    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        """Return what it returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self.value


class Operation:
    """One operation in its own greenlet: its calls run in the thread of the scheduler."""

    def __init__(self, name: str, action: Action) -> None:
        self.name = name
        self.pending: Step | None = None
        self.outcome: Outcome | None = None
        self.lost_conflict = False
        self._action = action
        self._abandoned = False
        self._stuck: StuckError | None = None
        self._greenlet = greenlet(self._run)

    def start(self) -> None:
        """Run to the first gate. Raises StuckError."""
        self._continue()

    def advance(self) -> None:
        """Pass the gate and run to the next one. Raises StuckError."""
        self.pending = None
        self._continue()

    def abandon(self) -> None:
        """End the operation at its gate; a no-op if it has ended or was never started."""
        self._abandoned = True
        if self._greenlet:  # it has started, and not ended
            self._continue()

    def gate(self, step: Step) -> None:
        """Wait at a gate; called by the operation. Raises RuntimeError elsewhere."""
        if getcurrent() is not self._greenlet:
            raise RuntimeError(
                f"{step} comes from outside its operation, in the thread {threading.current_thread().name!r}: "
                "set up and check with the engine itself, and give the operation a SerialExecutor"
            )
        if not self._abandoned:
            self.pending = step
            self._greenlet.parent.switch()
        if self._abandoned:
            raise Abandoned

    def _run(self) -> None:
        try:
            outcome = Outcome(value=self._action())
        except BaseException as error:  # noqa: BLE001  # a Crash is an outcome like any other
            outcome = Outcome(error=error)
        self.outcome = outcome

    def end_stuck(self, frame: FrameType | None, deadline: float) -> None:
        """End the operation in the middle of a step, which has begun so many seconds ago."""
        position = "".join(traceback.format_stack(frame)[-3:])
        self._abandoned = True
        self._stuck = StuckError(
            f"operation {self.name} came to no store call and no end within {deadline} s; it waits for something "
            f"that is not stepped (a real sleep, a lock, another thread). It is at\n{position}"
        )
        raise Abandoned

    def _continue(self) -> None:
        self._greenlet.parent = getcurrent()
        self._greenlet.switch()
        if self._stuck is not None:
            raise self._stuck


class Run:
    """The operations of one schedule, with a virtual clock and clients that stop at gates.

    ``clock`` is the time of the operations: a sleep moves it and does not block. The other settings are those of
    ``explore``.
    """

    def __init__(
        self, *, deadline: float = DEADLINE, split_transactions: bool = False, shows_old: ShowsOld | None = None
    ) -> None:
        if shows_old is not None and not split_transactions:
            raise ValueError("reads can show old items (shows_old) only if transactions are split")
        self.clock = VirtualClock()
        self._deadline = deadline
        self._alarm = Alarm(deadline, self._end_stuck)
        self._running: Operation | None = None
        self._windows = TransactionWindows() if split_transactions else None
        self._shows_old = shows_old
        self._operations: dict[str, Operation] = {}

    def operation(self, name: str, action: Action) -> None:
        """Add an operation. Raises ValueError if the name is taken."""
        if name in self._operations:
            raise ValueError(f"there is an operation {name} already")
        self._operations[name] = Operation(name, action)

    def client(self, name: str, engine: DynamoClient) -> DynamoClient:
        """Return a client for the operation ``name``, which stops before each of its calls."""
        if self._windows is None:
            return _GatedClient(engine, self, name)
        held_open = _OpenTransactions(engine, self, name)
        region = RegionClient(
            held_open,
            latency=Latency(call=0.0, transaction=1.0, effect_at=0.0),
            windows=self._windows,
            shows_old=self._shows_old,
            clock=held_open,
        )
        return _GatedClient(region, self, name)

    def start(self) -> None:
        """Run every operation to its first gate, one after the other. Raises ValueError if there is none."""
        if not self._operations:
            raise ValueError("the scenario has no operation")
        self._alarm.set_up()
        for operation in self._operations.values():
            self._watch(operation, operation.start)

    def waiting(self) -> list[Step]:
        """Return the possible steps, in the order in which the operations were added.

        An operation that failed with a conflict is not offered the same conflict again while nothing has changed:
        repeating a write to a locked item has a known result.
        """
        steps = [operation.pending for operation in self._operations.values() if operation.pending is not None]
        return [step for step in steps if not self._would_conflict_again(step)] or steps

    def advance(self, step: Step) -> None:
        """Take one step."""
        operation = self._operations[step.operation]
        self._watch(operation, operation.advance)

    def outcomes(self) -> Mapping[str, Outcome]:
        """Return the results of all operations, after the last step."""
        return {
            name: operation.outcome
            for name, operation in self._operations.items()
            if operation.outcome is not None
        }

    def abandon(self) -> None:
        """End every operation that still waits."""
        for operation in self._operations.values():
            self._watch(operation, operation.abandon)
        self._alarm.remove()

    def named(self, name: str) -> Operation:
        """Return the operation of that name. Raises ValueError if the scenario has none."""
        if name not in self._operations:
            raise ValueError(f"a client was made for {name}, but there is no operation of that name")
        return self._operations[name]

    def _watch(self, operation: Operation, move: Callable[[], None]) -> None:
        self._running = operation
        self._alarm.start()
        try:
            move()
        finally:
            self._alarm.stop()

    def _end_stuck(self, frame: FrameType | None) -> None:
        if self._running is not None:
            self._running.end_stuck(frame, self._deadline)

    def _would_conflict_again(self, step: Step) -> bool:
        if self._windows is None or step.ends or not self._operations[step.operation].lost_conflict:
            return False
        return step.call.writes and bool(self._windows.held(step.call.keys))


class _GatedClient(Layer):
    """Stops before every call."""

    def __init__(self, inner: DynamoClient, run: Run, name: str) -> None:
        super().__init__(inner)
        self._run = run
        self._name = name

    def call(self, call: Call) -> Any:
        operation = self._run.named(self._name)
        operation.gate(Step(self._name, call))
        operation.lost_conflict = False
        try:
            return self.forward(call)
        except Exception as error:
            operation.lost_conflict = is_conflict(error)
            raise


class _OpenTransactions(Layer):
    """Between a region and its engine, and its clock: keeps a transaction open until its end is let through.

    The region sleeps once per transaction, after the effect. A transaction without an effect, because it lost a
    conflict, has no end that would be a step.
    """

    def __init__(self, engine: DynamoClient, run: Run, name: str) -> None:
        super().__init__(engine)
        self._run = run
        self._name = name
        self._open: Call | None = None

    def call(self, call: Call) -> Any:
        if call.operation == "transact_write_items":
            self._open = call
        return self.forward(call)

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        call, self._open = self._open, None
        if call is not None:
            self._run.named(self._name).gate(Step(self._name, call, ends=True))
