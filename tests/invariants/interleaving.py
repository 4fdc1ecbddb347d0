"""Operations of clients through every interleaving of their store calls.

Each operation has its own invocation (`harness.Process`) and clock, and operations interact through the store
only: checks do not depend on which operation posted first. So schedules that differ only in the order of
independent store calls are left out (`stepper.explore`, reduce).

Where transactions lock their items there are too many schedules, and some are drawn with a fixed seed:
`CHAT_LAWS_SAMPLES` multiplies half of the number that a test names (1), and how many of all schedules also run on
the engine; from 4 on, the schedules of three senders are not drawn. `make test-all` sets it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from functools import partial
from typing import Any

import pytest

from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.ports.jobs import JobQueue
from local.faults.calls import Call, ItemKey
from local.faults.client import DynamoClient
from local.faults.errors import Crash
from tests.invariants.harness import QUANTUM, Harness, Setup
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.sequential import run_sequential
from tests.support.stepper import Check, Exploration, Outcomes, Run, Scenario, explore, sample
from tests.support.unpacking import answers

Act = Callable[[Process], Any]
Verify = Callable[[Harness, "Results"], object]
Arrange = Callable[[Harness], None]
SAMPLES = float(os.environ.get("CHAT_LAWS_SAMPLES", "1")) / 2
WHOLE = 2.0
"""The multiple from which on nothing is drawn that can be run completely."""
ONE_ATTEMPT = Timing(append_deadline=QUANTUM)
"""One attempt, then CONVERSATION_BUSY: more attempts would only multiply the schedules with conflicts."""
CRASHED = "crashed"
"""The result of an operation whose process crashed, in place of an error code."""
REPLAYED = max(1, round(4 * SAMPLES))
"""The approximate number of schedules of a scenario that also run on the engine."""


_STEPS = re.compile(r"([^: ][^:]*:\w+)")


class Store(Enum):
    """The visibility of transactions to other operations."""

    ATOMIC = "atomic"
    """Visible at one moment."""
    LOCKED = "held"
    """Visible at one moment, with items locked until a later one: other writes to them conflict."""
    OLD = "old"
    """Locked, and queries see the old versions of all items until the transaction ends."""
    HALF = "half"
    """Locked, and queries see the old versions of every second item."""
    OTHER_HALF = "other half"
    """Locked, and queries see the old versions of the other items."""


def _old(_call: Call, _key: ItemKey) -> bool:
    return True


def _half(_call: Call, key: ItemKey) -> bool:
    return sum(key.sk.encode()) % 2 == 0


def _other_half(call: Call, key: ItemKey) -> bool:
    return not _half(call, key)


SHOWS_OLD = {
    Store.ATOMIC: None,
    Store.LOCKED: None,
    Store.OLD: _old,
    Store.HALF: _half,
    Store.OTHER_HALF: _other_half,
}


class Results:
    """The results of the operations of one schedule."""

    def __init__(self, outcomes: Outcomes, store: Store) -> None:
        self._outcomes = outcomes
        self._store = store
        for name, outcome in outcomes.items():
            if outcome.error is not None and not isinstance(outcome.error, ChatError | Crash):
                outcome.error.add_note(f"in the operation {name}")
                raise outcome.error

    def __getitem__(self, name: str) -> Any:
        """Return what an operation returned, or raise what it raised."""
        return self._outcomes[name].result()

    def error(self, name: str) -> str | None:
        """Return the error code of an operation, from an exception or an error frame."""
        outcome = self._outcomes[name]
        if isinstance(outcome.error, ChatError):
            return outcome.error.code
        if isinstance(outcome.error, Crash):
            return CRASHED
        return error_of(outcome.value)

    def succeeded(self, name: str, *but: str) -> bool:
        """Whether an operation succeeded. AssertionError if it failed with any other error than `but`.

        With conflicting transactions any operation may fail with CONVERSATION_BUSY.
        """
        accepted = [*but] if self._store is Store.ATOMIC else [*but, "CONVERSATION_BUSY"]
        code = self.error(name)
        assert code is None or code in accepted, f"{name} ended in {code}"
        return code is None

    def succeeded_names(self, *but: str) -> list[str]:
        """Return the names of the operations that succeeded; see `succeeded`."""
        return [name for name in self._outcomes if self.succeeded(name, *but)]


BOTH_STORES = pytest.mark.parametrize("store", [Store.ATOMIC, Store.LOCKED])
"""Runs a test with transactions that are atomic, and with those that conflict."""


def some_of(store: Store, count: int) -> int | None:
    """Return the number of samples: all schedules with atomic transactions, `count` with conflicts."""
    return None if store is Store.ATOMIC else count


def samples_unless_whole(count: int) -> int | None:
    """Return the number of samples of many schedules with atomic transactions: all of them in a long run."""
    return count if SAMPLES < WHOLE else None


def interleave(
    tables: Tables,
    setup: Setup,
    acts: Mapping[str, Act],
    verify: Verify,
    *,
    store: Store = Store.ATOMIC,
    arrange: Arrange = lambda harness: None,
    clients: Mapping[str, Callable[[DynamoClient], DynamoClient]] | None = None,
    stale: Mapping[str, Collection[str]] | None = None,
    timing: Timing | None = None,
    gather: Gather = run_sequential,
    queue: Callable[[Harness], JobQueue | None] = lambda harness: None,
    backwards_in_time: bool = False,
    max_schedules: int = 1000,
    samples: int | None = None,
    engine_tables: Tables | None = None,
) -> Exploration:
    """Run the acts on a new conversation in every schedule, and `verify` the state after each.

    With `engine_tables` the schedules (some of them, if there are many) run again there and must take the same
    course. `stale` are the sockets to which posts of an operation are answered with 410. `clients` wraps the store
    client of an operation, `queue` returns the job queue of a harness. The clocks of the operations differ by a
    millisecond each, rising or falling. With `samples`, as many schedules are drawn with a fixed seed instead of
    all. A summary is printed.
    """

    def scenario(run: Run, tables: Tables = tables) -> Check:
        harness = tables.harness(setup)
        arrange(harness)
        for number, (name, act) in enumerate(acts.items()):
            client = run.client(name, tables.engine)
            process = harness.process(
                clients[name](client) if clients and name in clients else client,
                skew=(-number if backwards_in_time else number) / 1000,
                stale=(stale or {}).get(name, ()),
                timing=timing or (None if store is Store.ATOMIC else ONE_ATTEMPT),
                gather=gather,
                queue=queue(harness),
            )
            run.operation(name, _bound(act, process))

        def check(outcomes: Outcomes) -> None:
            verify(harness, Results(outcomes, store))

        return check

    options: dict[str, Any] = {
        "split_transactions": store is not Store.ATOMIC,
        "shows_old": SHOWS_OLD[store],
    }
    if samples is None:
        found = explore(scenario, max_schedules=max_schedules, reduce=True, **options)
    else:
        found = sample(scenario, count=max(round(samples * SAMPLES), 5), seed=len(acts), **options)
    way = "all" if samples is None else "sampled"
    again = []
    if engine_tables is not None:
        again = found.schedules[:: 1 + len(found.schedules) // REPLAYED]
        for schedule in again:
            replay(partial(scenario, tables=engine_tables), schedule, **options)
    print(  # noqa: T201 — shown with -rP: how much was proved
        f"{' / '.join(acts)}, transactions {store.value}: {len(found.schedules)} schedules ({way}), "
        f"{found.redundant} cut short as equivalent, {len(again)} on the engine"
    )
    return found


def error_of(answer: Any) -> str | None:
    """Return the code of the error frame among the replies to a command."""
    replies = answer if isinstance(answer, list) else [answer]
    frames = [frame for reply in replies if isinstance(reply, dict) for frame in answers(reply)]
    codes = [str(frame["code"]) for frame in frames if frame.get("type") == "error"]
    return codes[0] if codes else None


def replay(scenario: Scenario, schedule: str, **options: Any) -> None:
    """Run one schedule, as `Exploration` returns it. AssertionError if it takes another course."""
    run = Run(**options)
    try:
        check = scenario(run)
        run.start()
        for wanted in _STEPS.findall(schedule):
            steps = {str(step): step for step in run.waiting()}
            assert wanted in steps, f"{wanted} is not among {[*steps]}"
            run.advance(steps[wanted])
        assert not run.waiting(), f"it goes on: {[*map(str, run.waiting())]}"
        check(run.outcomes())
    except BaseException as error:
        error.add_note(f"on the engine, schedule: {schedule}")
        raise
    finally:
        run.abandon()


def _bound(act: Act, process: Process) -> Callable[[], object]:
    return lambda: act(process)
