"""The reduced search runs each order of dependent steps, and each only once, on random programs."""

import contextlib
import random
import uuid
from dataclasses import dataclass
from functools import partial

from botocore.exceptions import ClientError

from local.faults.client import DynamoClient
from local.faults.engine import MemoryEngine
from local.faults.errors import is_conflict
from local.faults.region import ShowsOld
from tests.faults.toys import Partition
from tests.support.commuting import commute
from tests.support.scheduler import Run, Step
from tests.support.search import Search
from tests.support.stepper import TooManySchedulesError

Ending = tuple[str, ...]
"""The results of all programs, and the final contents."""
Trace = frozenset[object]
TABLE = "toys"
VISIBILITIES: tuple[ShowsOld | None, ...] = (None, lambda call, key: True, lambda call, key: key.sk in "ac")
MAX_SCHEDULES = 80
"""Programs with more schedules are left out."""
PROGRAMS = 40


@dataclass(frozen=True)
class Command:
    """One or two store calls of a program; a transaction may retry a conflict."""

    kind: str
    sks: tuple[str, ...]
    retries: bool

    def run(self, client: DynamoClient, partition: Partition, number: int) -> object:
        """Make the calls and return the result that the program reads."""
        first, last = self.sks[0], self.sks[-1]
        match self.kind:
            case "get":
                return partition.read(client, first)
            case "query":
                return sorted(partition.contents(client).items())
            case "put":
                client.put_item(**partition.put(first, number))
            case "add":
                client.update_item(**partition.add(first, number))
            case "batch":
                client.batch_write_item(**partition.batch_put(*self.sks))
            case "copy":
                seen = partition.read(client, first)
                if seen is not None:
                    client.put_item(**partition.put(last, seen + number))
                return seen
            case "transact":
                actions = [{"Update": partition.add(sk, number)} for sk in self.sks]
                client.transact_write_items(TransactItems=actions)
        return None


def random_program(chance: random.Random, *, split: bool) -> list[Command]:
    kinds = ("get", "put", "add", "query", *(("transact",) * 3 if split else ("transact", "batch", "copy")))
    return [
        Command(
            chance.choice(kinds), tuple(chance.sample("abcd", chance.randint(1, 2))), retries=chance.random() < 0.6
        )
        for _ in range(chance.randint(1, 3))
    ]


def run_program(client: DynamoClient, partition: Partition, program: list[Command], number: int) -> list[object]:
    seen: list[object] = []
    for command in program:
        for _ in range(3 if command.retries else 1):
            try:
                seen.append(command.run(client, partition, number))
                break
            except ClientError as error:
                assert is_conflict(error)
                seen.append("conflict")
    return seen


def trace_of(steps: list[Step], *, reads_commute: bool) -> Trace:
    """Return the steps with the order of each two that depend on each other: equal for equivalent schedules."""
    named = [(f"{step}", [str(step) for step in steps[:at]].count(str(step))) for at, step in enumerate(steps)]
    pairs = [
        (named[at], named[later])
        for later in range(len(steps))
        for at in range(later)
        if steps[at].operation == steps[later].operation
        or not commute(steps[at].call, steps[later].call, reads_commute=reads_commute)
    ]
    return frozenset([*named, *pairs])


class World:
    """Random programs, the search through their schedules, and their endings."""

    def __init__(self, programs: list[list[Command]], *, split: bool, shows_old: ShowsOld | None = None) -> None:
        self._programs = programs
        self._split = split
        self._shows_old = shows_old
        self._engine = MemoryEngine(TABLE)

    def explore(self, *, reduce: bool) -> tuple[list[Trace], set[Ending]]:
        """Return the trace of each schedule, and all endings. Raises TooManySchedulesError."""
        search = Search(reduce=reduce, reads_commute=not self._split)
        traces: list[Trace] = []
        endings: set[Ending] = set()
        while True:
            steps: list[Step] = []
            ending = self._run(search, steps)
            if ending is not None:
                endings.add(ending)
                traces.append(trace_of(steps, reads_commute=not self._split))
            if len(traces) > MAX_SCHEDULES:
                raise TooManySchedulesError
            if not search.go_back():
                return traces, endings

    def _run(self, search: Search, steps: list[Step]) -> Ending | None:
        """Run one schedule; return None if the search ends it early."""
        run, partition = Run(split_transactions=self._split, shows_old=self._shows_old), toy_partition()
        for number, (name, program) in enumerate(zip("ABC", self._programs, strict=False), start=5):
            client = run.client(name, self._engine)
            run.operation(name, partial(run_program, client, partition, program, number))
        try:
            run.start()
            while waiting := run.waiting():
                step = search.decide(len(steps), waiting)
                if step is None:
                    return None
                steps.append(step)
                run.advance(step)
            outcomes = run.outcomes()
        finally:
            run.abandon()
        results = [str(outcomes[name].result()) for name in sorted(outcomes)]
        return *results, str(sorted(partition.contents(self._engine).items()))


def toy_partition() -> Partition:
    return Partition(TABLE, uuid.uuid4().hex)


def random_world(seed: int) -> World:
    chance = random.Random(seed)
    split = chance.random() < 0.7
    programs = [random_program(chance, split=split) for _ in range(chance.choice((2, 3)))]
    return World(programs, split=split, shows_old=chance.choice(VISIBILITIES) if split else None)


def test_reduced_search_runs_every_order_of_dependent_steps_once() -> None:
    compared = total = 0
    for seed in range(PROGRAMS):
        world = random_world(seed)
        with contextlib.suppress(TooManySchedulesError):
            all_traces, all_endings = world.explore(reduce=False)
            traces, endings = world.explore(reduce=True)
            assert endings == all_endings, f"seed {seed}"
            assert len(traces) == len(set(traces)), f"seed {seed}: a schedule was run twice"
            assert set(traces) == set(all_traces), f"seed {seed}"
            compared, total = compared + len(traces), total + len(all_traces)
    assert compared > 50
    assert compared < total / 2


def test_write_held_back_by_a_transaction_is_also_tried_before_it() -> None:
    """After B's transaction refused C's first one, C's second is held back while A's transaction runs."""
    programs = [
        [Command("transact", ("d", "c"), retries=True)],
        [Command("transact", ("a", "b"), retries=True)],
        [
            Command("get", ("c",), retries=False),
            Command("transact", ("b",), retries=False),
            Command("transact", ("c",), retries=True),
        ],
    ]
    traces, endings = World(programs, split=True).explore(reduce=True)
    assert len(traces) == 26
    assert ("['conflict', None]", "[None]", "[None, 'conflict', None]") in {ending[:3] for ending in endings}
