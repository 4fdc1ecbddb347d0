"""Operations in threads that stop before every store call until they are told to go on.

At most one thread runs at a time: an operation is let through its gate, makes one store call, computes on
and stops at its next gate or ends. So what happens depends on nothing but the order of the gates.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.faults.calls import Call
from local.faults.client import DynamoClient, Layer
from local.faults.clock import VirtualClock
from local.faults.errors import is_conflict
from local.faults.region import Latency, RegionClient, ShowsOld
from local.faults.windows import TransactionWindows

Action = Callable[[], object]


class StuckError(Exception):
    """An operation neither came to a store call nor ended in time."""


class Abandoned(BaseException):  # not an Exception: the operation must not handle it
    """Raised in an operation that will not be let go on."""


@dataclass(frozen=True)
class Step:
    """What an operation does next: a store call, or the end of a transaction that has taken effect."""

    operation: str
    call: Call
    ends: bool = False

    def __str__(self) -> str:
        return f"{self.operation}:{'end_of_transaction' if self.ends else self.call.operation}"


@dataclass(frozen=True)
class Outcome:
    """How an operation ended."""

    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        """What it returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self.value


class Operation:
    """One operation in its own thread."""

    def __init__(self, name: str, action: Action, deadline: float) -> None:
        self.name = name
        self.pending: Step | None = None
        self.outcome: Outcome | None = None
        self.lost_conflict = False
        self._action = action
        self._deadline = deadline
        self._abandoned = False
        # Two locks that one side takes and the other gives back: a condition would make a new one for each wait.
        self._go, self._rested = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._rested.acquire()
        self._thread = threading.Thread(target=self._run, name=f"operation {name}", daemon=True)

    def start(self) -> None:
        """Run to the first gate; raises StuckError."""
        self._thread.start()
        self._await_rest()

    def advance(self) -> None:
        """Pass the gate and run to the next one; raises StuckError."""
        self.pending = None
        self._go.release()
        self._await_rest()

    def abandon(self) -> None:
        """Let the thread end at its gate; harmless if it has ended or was never started.

        A thread that is stuck elsewhere is left behind; it ends at its next gate, or with the process.
        """
        rests = self.pending is not None or self.outcome is not None
        self._abandoned = True
        if self._go.locked():
            self._go.release()
        if rests:
            self._thread.join(self._deadline)

    def gate(self, step: Step) -> None:
        """Called by the operation: wait to be let through; RuntimeError if another thread calls it."""
        if threading.current_thread() is not self._thread:
            raise RuntimeError(
                f"{step} comes from the thread {threading.current_thread().name!r}: set up and check with the "
                "engine itself, and give the operation a SerialExecutor"
            )
        if not self._abandoned:
            self.pending = step
            self._rest()
            self._go.acquire()
        if self._abandoned:
            raise Abandoned

    def _run(self) -> None:
        try:
            outcome = Outcome(value=self._action())
        except BaseException as error:  # noqa: BLE001  # a Crash is an outcome like any other
            outcome = Outcome(error=error)
        self.outcome = outcome
        self._rest()

    def _rest(self) -> None:
        if self._rested.locked():  # but for one that came to rest after it was thought to be stuck
            self._rested.release()

    def _await_rest(self) -> None:
        if not self._rested.acquire(timeout=self._deadline):
            raise StuckError(
                f"operation {self.name} came to no store call and no end within {self._deadline} s; it waits for "
                f"something that is not stepped (a real sleep, a lock, another thread). It stands at\n"
                f"{self._position()}"
            )

    def _position(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)[-3:]) if frame else "(its thread has ended)"


class Run:
    """One schedule's operations, with a virtual clock and clients that stop at gates.

    ``clock`` serves as the time of the operations: to sleep on it moves it on and blocks nobody. The other
    settings are those of ``explore``.
    """

    def __init__(
        self, *, deadline: float = 5.0, split_transactions: bool = False, shows_old: ShowsOld | None = None
    ) -> None:
        if shows_old is not None and not split_transactions:
            raise ValueError("reads can show old items (shows_old) only if transactions are split")
        self.clock = VirtualClock()
        self._deadline = deadline
        self._windows = TransactionWindows() if split_transactions else None
        self._shows_old = shows_old
        self._operations: dict[str, Operation] = {}

    def operation(self, name: str, action: Action) -> None:
        """Add an operation; ValueError if the name is taken."""
        if name in self._operations:
            raise ValueError(f"there is an operation {name} already")
        self._operations[name] = Operation(name, action, self._deadline)

    def client(self, name: str, engine: DynamoClient) -> DynamoClient:
        """A client for the operation ``name``, which stops before each of its calls."""
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
        """Let every operation run to its first gate, one after the other; ValueError if there is none."""
        if not self._operations:
            raise ValueError("the scenario has no operation")
        for operation in self._operations.values():
            operation.start()

    def waiting(self) -> list[Step]:
        """The steps that can be taken, in the order in which the operations were added.

        An operation that lost by a conflict is not offered the same conflict again while nothing has changed:
        repeating a write on an item that is still held has a known answer.
        """
        steps = [operation.pending for operation in self._operations.values() if operation.pending is not None]
        return [step for step in steps if not self._would_conflict_again(step)] or steps

    def advance(self, step: Step) -> None:
        """Take one step."""
        self._operations[step.operation].advance()

    def outcomes(self) -> Mapping[str, Outcome]:
        """How each operation ended; only for a run that is through."""
        return {name: each.outcome for name, each in self._operations.items() if each.outcome is not None}

    def abandon(self) -> None:
        """End every thread that still waits."""
        for operation in self._operations.values():
            operation.abandon()

    def named(self, name: str) -> Operation:
        """The operation of that name; ValueError if the scenario has none."""
        if name not in self._operations:
            raise ValueError(f"a client was made for {name}, but there is no operation of that name")
        return self._operations[name]

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

    The region sleeps once per transaction, after the effect. A transaction that never came to its effect,
    because it lost a conflict, has no end worth a step.
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
