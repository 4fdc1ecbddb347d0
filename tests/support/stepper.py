"""Two or more operations through every interleaving of their store calls.

A *scenario* is a function that is called once for every schedule: it prepares the store, adds operations to the
given ``Run``, each with a client of that run, and returns the check of the outcomes::

    def scenario(run: Run) -> Check:
        room = new_room(engine)
        run.operation("A", lambda: send(run.client("A", engine), room, clock=run.clock))
        run.operation("B", lambda: leave(run.client("B", engine), room, clock=run.clock))

        def check(outcomes: Outcomes) -> None:
            assert outcomes["A"].result() == ...

        return check

    explore(scenario)

``explore`` runs it once for every schedule, ``sample`` for some random ones. A failure carries the schedule as a
note, such as ``A:get_item B:query A:transact_write_items``.

The search is depth-first and stateless: a run follows a prefix of choices and then always takes the first waiting
operation; the last choice with an alternative is changed for the next run. So the number of calls may depend on
the schedule, but nothing may depend on anything else.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from local.faults.region import ShowsOld
from local.faults.seeded import seeded_choice
from tests.support.crashes import CrashPoint, crash_points
from tests.support.scheduler import DEADLINE, Outcome, Run, Step, StuckError
from tests.support.search import NotRepeatableError, Search, text_of

__all__ = [
    "Check",
    "CrashPoint",
    "Exploration",
    "NotRepeatableError",
    "Outcome",
    "Outcomes",
    "Run",
    "Scenario",
    "SerialExecutor",
    "Step",
    "StuckError",
    "TooManySchedulesError",
    "crash_points",
    "explore",
    "sample",
]

Outcomes = Mapping[str, Outcome]
Check = Callable[[Outcomes], None]
Scenario = Callable[[Run], Check]
Decide = Callable[[int, list[Step]], Step | None]

MAX_STEPS = 300
"""Steps after which a schedule counts as endless."""

P = ParamSpec("P")
R = TypeVar("R")


class TooManySchedulesError(Exception):
    """There are more schedules than allowed; the rest was not run."""


@dataclass
class Exploration:
    """The schedules that were run, as text, and the number of runs that were cut short as equivalent to others."""

    schedules: list[str] = field(default_factory=list)
    redundant: int = 0


def explore(
    scenario: Scenario,
    *,
    max_schedules: int = 2000,
    split_transactions: bool = False,
    shows_old: ShowsOld | None = None,
    reduce: bool = False,
    deadline: float = DEADLINE,
) -> Exploration:
    """Run the scenario once for every schedule; raise what the first failing check raises.

    ``split_transactions`` makes the end of a transaction a separate step: between its effect and its end it locks
    its items, so that others conflict, and a Query or BatchGetItem sees the old versions of those items for which
    ``shows_old`` returns true (default: none). ``reduce`` leaves out schedules that differ only in the order of
    independent calls (see ``search``). It is sound only if the operations and the checks interact
    through the store only: no shared clock, list or gateway.

    Raises TooManySchedulesError if there are more than ``max_schedules`` runs, StuckError if an operation waits
    ``deadline`` seconds for anything but its turn, NotRepeatableError if a run cannot be repeated.
    """
    search = Search(reduce=reduce, reads_commute=not split_transactions)
    found = Exploration()
    while True:
        if len(found.schedules) + found.redundant >= max_schedules:
            raise TooManySchedulesError(
                f"there are more than {max_schedules} schedules: allow more (max_schedules), leave out equivalent "
                "ones (reduce=True), or say that some are enough (sample)"
            )
        run = Run(deadline=deadline, split_transactions=split_transactions, shows_old=shows_old)
        schedule = _execute(scenario, run, search.decide)
        if schedule is None:
            found.redundant += 1
        else:
            found.schedules.append(schedule)
        if not search.go_back():
            return found


def sample(
    scenario: Scenario,
    *,
    count: int,
    seed: int,
    split_transactions: bool = False,
    shows_old: ShowsOld | None = None,
    deadline: float = DEADLINE,
) -> Exploration:
    """Run ``count`` random schedules with a fixed seed; they may repeat. No proof.

    Raises as ``explore`` does.
    """
    found = Exploration()
    for number in range(count):

        def decide(depth: int, waiting: list[Step], number: int = number) -> Step | None:
            return seeded_choice(waiting, seed, number, depth)

        run = Run(deadline=deadline, split_transactions=split_transactions, shows_old=shows_old)
        schedule = _execute(scenario, run, decide)
        assert schedule is not None, "only a search breaks a run off"
        found.schedules.append(schedule)
    return found


class SerialExecutor(Executor):
    """An executor that runs calls at once in the calling thread: a stepped operation makes one call at a time."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run a call and return a finished future."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # as any executor: it is raised where the result is taken
            future.set_exception(error)
        return future


def _execute(scenario: Scenario, run: Run, decide: Decide) -> str | None:
    """Run one schedule to its check; return ``None`` if ``decide`` ended it early."""
    taken: list[Step] = []
    try:
        check = scenario(run)
        run.start()
        while waiting := run.waiting():
            step = decide(len(taken), waiting)
            if step is None:
                return None
            taken.append(step)
            if len(taken) > MAX_STEPS:
                raise StuckError(f"no end after {MAX_STEPS} steps: an operation repeats without bound")
            run.advance(step)
        check(run.outcomes())
    except BaseException as error:
        error.add_note(f"schedule: {text_of(taken[:MAX_STEPS])}")
        raise
    finally:
        run.abandon()
    return text_of(taken)
