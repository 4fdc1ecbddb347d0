"""Operations of clients through every interleaving of their store calls.

Each operation has an invocation of its own (`world.Process`) with a clock of its own, and operations meet
nowhere but in the store: what is posted to sockets is judged without regard to which operation posted first. So
schedules that differ only in the order of independent store calls are left out (`stepper.explore`, reduce).

Where transactions hold their items there are too many schedules, and some are drawn by seeded chance:
`CHAT_LAWS_SAMPLES` says how many times as many as half of what a test names (1), and how many of all schedules
go to the engine as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from functools import partial
from typing import Any

from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import ChatError
from chalicelib.core.kernel.limits import Timing
from chalicelib.core.ports.jobs import JobQueue
from local.faults.calls import Call, ItemKey
from local.faults.client import DynamoClient
from local.faults.errors import Crash
from tests.invariants.world import QUANTUM, Process, Shape, Stage, World
from tests.support.sequential import run_sequential
from tests.support.stepper import Check, Exploration, Outcomes, Run, Scenario, explore, sample

Act = Callable[[Process], Any]
Judge = Callable[[World, "Ends"], object]
Arrange = Callable[[World], None]
SAMPLES = float(os.environ.get("CHAT_LAWS_SAMPLES", "1")) / 2


BRIEF = Timing(append_deadline=QUANTUM)
"""One pause, and then it is busy: where transactions conflict, more of them would only multiply schedules."""
CRASHED = "crashed"
"""Stands for the code of an error where an operation's process has died."""
REPLAYED = max(1, round(4 * SAMPLES))
"""About how many schedules of one scenario are run on the engine as well."""


_STEPS = re.compile(r"([^: ][^:]*:\w+)")


class Store(Enum):
    """How the store shows transactions to others."""

    ATOMIC = "atomic"
    """At one moment, to everybody."""
    HELD = "held"
    """At one moment, and its items stay held until a later one: other writes to them conflict."""
    OLD = "old"
    """So, and queries see all of its items as they were until it ends."""
    HALF = "half"
    """So, and queries see every second of its items as they were."""
    OTHER_HALF = "other half"
    """So, and queries see the others of its items as they were."""


def _old(_call: Call, _key: ItemKey) -> bool:
    return True


def _half(_call: Call, key: ItemKey) -> bool:
    return sum(key.sk.encode()) % 2 == 0


def _other_half(call: Call, key: ItemKey) -> bool:
    return not _half(call, key)


_SHOWS_OLD = {
    Store.ATOMIC: None,
    Store.HELD: None,
    Store.OLD: _old,
    Store.HALF: _half,
    Store.OTHER_HALF: _other_half,
}


class Ends:
    """How the operations of one schedule ended."""

    def __init__(self, outcomes: Outcomes, store: Store) -> None:
        self._outcomes = outcomes
        self._store = store
        for name, outcome in outcomes.items():
            if outcome.error is not None and not isinstance(outcome.error, ChatError | Crash):
                outcome.error.add_note(f"in the operation {name}")
                raise outcome.error

    def __getitem__(self, name: str) -> Any:
        """What an operation returned; raises what it raised."""
        return self._outcomes[name].result()

    def error(self, name: str) -> str | None:
        """The code of the error in which an operation ended, on whichever way it was told."""
        outcome = self._outcomes[name]
        if isinstance(outcome.error, ChatError):
            return outcome.error.code
        if isinstance(outcome.error, Crash):
            return CRASHED
        return error_of(outcome.value)

    def succeeded(self, name: str, *but: str) -> bool:
        """Whether an operation did what it was to do. AssertionError if it failed by anything else than `but`.

        Where transactions conflict, any operation may find the conversation busy.
        """
        accepted = [*but] if self._store is Store.ATOMIC else [*but, "CONVERSATION_BUSY"]
        code = self.error(name)
        assert code is None or code in accepted, f"{name} ended in {code}"
        return code is None

    def successes(self, *but: str) -> list[str]:
        """The operations that did what they were to do; see `succeeded`."""
        return [name for name in self._outcomes if self.succeeded(name, *but)]


def interleave(
    stage: Stage,
    shape: Shape,
    acts: Mapping[str, Act],
    judge: Judge,
    *,
    store: Store = Store.ATOMIC,
    arrange: Arrange = lambda world: None,
    clients: Mapping[str, Callable[[DynamoClient], DynamoClient]] | None = None,
    lost: Mapping[str, Collection[str]] | None = None,
    timing: Timing | None = None,
    gather: Gather = run_sequential,
    queue: Callable[[World], JobQueue | None] = lambda world: None,
    backwards_in_time: bool = False,
    at_most: int = 1000,
    samples: int | None = None,
    engine_stage: Stage | None = None,
) -> Exploration:
    """Run the acts on a new world of this shape in every schedule, and let `judge` look at each end.

    With an `engine_stage` the schedules (some of them, if there are many) are then run again there, where each
    must go the same way. `lost` are the sockets that are gone as far as an operation's posts can tell.
    `clients` puts layers in front of an operation's store client, `queue` gives a world its queue of long work.
    The clocks of the operations differ by a millisecond each, rising or falling. `samples` schedules are drawn by
    seeded chance instead of all of them. What was run is printed.
    """

    def scenario(run: Run, stage: Stage = stage) -> Check:
        world = stage.world(shape)
        arrange(world)
        for number, (name, act) in enumerate(acts.items()):
            client = run.client(name, stage.engine)
            process = world.process(
                clients[name](client) if clients and name in clients else client,
                skew=(-number if backwards_in_time else number) / 1000,
                lost=(lost or {}).get(name, ()),
                timing=timing or (None if store is Store.ATOMIC else BRIEF),
                gather=gather,
                queue=queue(world),
            )
            run.operation(name, _bound(act, process))

        def check(outcomes: Outcomes) -> None:
            judge(world, Ends(outcomes, store))

        return check

    options: dict[str, Any] = {
        "split_transactions": store is not Store.ATOMIC,
        "shows_old": _SHOWS_OLD[store],
    }
    if samples is None:
        found = explore(scenario, max_schedules=at_most, reduce=True, **options)
    else:
        found = sample(scenario, count=max(round(samples * SAMPLES), 5), seed=len(acts), **options)
    way = "all" if samples is None else "sampled"
    again = []
    if engine_stage is not None:
        again = found.schedules[:: 1 + len(found.schedules) // REPLAYED]
        for schedule in again:
            replay(partial(scenario, stage=engine_stage), schedule, **options)
    print(  # noqa: T201 — shown with -rP: how much was proved
        f"{' / '.join(acts)}, transactions {store.value}: {len(found.schedules)} schedules ({way}), "
        f"{found.redundant} cut short as equivalent, {len(again)} on the engine"
    )
    return found


def error_of(answer: Any) -> str | None:
    """The code of the error among the frames that answer a command."""
    frames = answer if isinstance(answer, list) else [answer]
    codes = [str(each["code"]) for each in frames if isinstance(each, dict) and each.get("type") == "error"]
    return codes[0] if codes else None


def replay(scenario: Scenario, schedule: str, **options: Any) -> None:
    """Run one schedule, as `Exploration` gives it; AssertionError if it cannot be followed to its end."""
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
