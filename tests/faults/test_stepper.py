"""The stepper finds what it should find, and runs what it says it runs."""

import math
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from local.faults.client import DynamoClient
from local.faults.errors import is_conflict
from tests.faults.toys import PATIENCE, Partition
from tests.support.stepper import (
    Check,
    NotRepeatableError,
    Outcomes,
    Run,
    Scenario,
    SerialExecutor,
    StuckError,
    TooManySchedulesError,
    explore,
    sample,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class World:
    """An engine with one table, in which every run takes a partition of its own."""

    engine: "DynamoDBClient"
    table: str

    def partition(self) -> Partition:
        return Partition(self.table, uuid.uuid4().hex)


@pytest.fixture
def world(dynamodb: "DynamoDBClient", toy_table: str) -> World:
    return World(dynamodb, toy_table)


def gets(client: DynamoClient, partition: Partition, count: int) -> None:
    for _ in range(count):
        partition.read(client, "a")


def careless_increment(client: DynamoClient, partition: Partition) -> None:
    """Read, then write: a lost update waiting to happen."""
    client.put_item(**partition.put("a", (partition.read(client, "a") or 0) + 1))


def careful_increment(client: DynamoClient, partition: Partition) -> None:
    """The same by condition, tried again until it holds."""
    while True:
        seen = partition.read(client, "a") or 0
        condition = "attribute_not_exists(n) OR n = :seen"
        values = {":seen": {"N": str(seen)}}
        try:
            client.put_item(
                **partition.put("a", seen + 1, ConditionExpression=condition, ExpressionAttributeValues=values)
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"
        else:
            return


def two_of(world: World, increment: Callable[[DynamoClient, Partition], None]) -> Scenario:
    def scenario(run: Run) -> Check:
        partition = world.partition()
        for name in "AB":
            run.operation(name, partial(increment, run.client(name, world.engine), partition))

        def check(outcomes: Outcomes) -> None:
            for outcome in outcomes.values():
                outcome.result()
            assert partition.read(world.engine, "a") == 2

        return check

    return scenario


def test_a_lost_update_is_found_and_its_schedule_is_told(world: World) -> None:
    with pytest.raises(AssertionError) as caught:
        explore(two_of(world, careless_increment))
    assert caught.value.__notes__ == ["schedule: A:get_item B:get_item A:put_item B:put_item"]


def test_the_conditional_version_is_right_in_every_schedule(world: World) -> None:
    found = explore(two_of(world, careful_increment))
    # One goes first: 2 schedules. Both read first: the later writer, of either, reads and writes once more,
    # which makes 4 more, all of them longer.
    assert len(found.schedules) == len(set(found.schedules)) == 6
    assert sorted(len(schedule.split()) for schedule in found.schedules) == [4, 4, 6, 6, 6, 6]
    assert found.redundant == 0


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 3), (0, 2)])
def test_two_operations_of_fixed_length_have_a_binomial_number_of_schedules(
    world: World, first: int, second: int
) -> None:
    def scenario(run: Run) -> Check:
        partition = world.partition()
        run.operation("A", lambda: gets(run.client("A", world.engine), partition, first))
        run.operation("B", lambda: gets(run.client("B", world.engine), partition, second))
        return lambda outcomes: None

    found = explore(scenario)
    assert len(found.schedules) == len(set(found.schedules)) == math.comb(first + second, first)


def test_three_operations_have_a_multinomial_number_of_schedules(world: World) -> None:
    def scenario(run: Run) -> Check:
        for name, count in (("A", 1), ("B", 2), ("C", 2)):
            gated = partial(gets, run.client(name, world.engine), world.partition(), count)
            run.operation(name, gated)
        return lambda outcomes: None

    assert len(explore(scenario).schedules) == math.factorial(5) // 2**2


def test_more_schedules_than_allowed_is_an_error_and_a_sample_must_be_asked_for(world: World) -> None:
    scenario = two_of(world, careful_increment)
    assert len(explore(scenario, max_schedules=6).schedules) == 6
    with pytest.raises(TooManySchedulesError, match="more than 5 schedules"):
        explore(scenario, max_schedules=5)
    sampled = sample(scenario, count=5, seed=1)
    assert len(sampled.schedules) == 5
    assert set(sampled.schedules) <= set(explore(scenario).schedules)
    assert sample(scenario, count=5, seed=1).schedules == sampled.schedules
    assert sample(scenario, count=5, seed=2).schedules != sampled.schedules


def test_a_sample_finds_failures_as_well(world: World) -> None:
    with pytest.raises(AssertionError) as caught:
        sample(two_of(world, careless_increment), count=50, seed=1)
    assert caught.value.__notes__[0].startswith("schedule: ")


def test_what_an_operation_raises_is_its_outcome(world: World) -> None:
    def scenario(run: Run) -> Check:
        def fail() -> None:
            gets(run.client("A", world.engine), world.partition(), 1)
            raise LookupError("nobody here")

        run.operation("A", fail)
        run.operation("B", lambda: "fine")

        def check(outcomes: Outcomes) -> None:
            assert isinstance(outcomes["A"].error, LookupError)
            with pytest.raises(LookupError, match="nobody here"):
                outcomes["A"].result()
            assert outcomes["B"].result() == "fine"

        return check

    assert explore(scenario).schedules == ["A:get_item"]


def test_an_operation_that_waits_for_something_else_is_reported_with_its_place(world: World) -> None:
    hindrance = threading.Event()

    def scenario(run: Run) -> Check:
        partition = world.partition()

        def blocked() -> None:
            gets(run.client("A", world.engine), partition, 1)
            hindrance.wait(PATIENCE)

        run.operation("A", blocked)
        run.operation("B", lambda: gets(run.client("B", world.engine), partition, 1))
        return lambda outcomes: None

    with pytest.raises(StuckError, match=r"operation A (.|\n)*hindrance\.wait") as caught:
        explore(scenario, deadline=0.1)
    assert caught.value.__notes__ == ["schedule: A:get_item"]
    hindrance.set()


def test_an_operation_without_end_is_reported(world: World) -> None:
    def scenario(run: Run) -> Check:
        run.operation("A", lambda: gets(run.client("A", world.engine), world.partition(), 10_000))
        return lambda outcomes: None

    with pytest.raises(StuckError, match="no end after 300 steps"):
        explore(scenario)


def test_a_scenario_that_depends_on_more_than_the_schedule_is_reported(world: World) -> None:
    runs: list[Run] = []

    def scenario(run: Run) -> Check:
        runs.append(run)
        partition, client = world.partition(), run.client("A", world.engine)
        run.operation("A", lambda: gets(client, partition, 1) if len(runs) > 1 else partition.contents(client))
        run.operation("B", lambda: gets(run.client("B", world.engine), partition, 1))
        return lambda outcomes: None

    with pytest.raises(NotRepeatableError, match="besides the schedule"):
        explore(scenario)


def test_store_calls_from_elsewhere_than_the_operation_are_refused(world: World) -> None:
    def in_setup(run: Run) -> Check:
        client = run.client("A", world.engine)
        run.operation("A", lambda: None)
        gets(client, world.partition(), 1)
        return lambda outcomes: None

    with pytest.raises(RuntimeError, match="set up and check with the engine itself"):
        explore(in_setup)

    def without_operation(run: Run) -> Check:
        gets(run.client("A", world.engine), world.partition(), 1)
        return lambda outcomes: None

    with pytest.raises(ValueError, match="no operation of that name"):
        explore(without_operation)
    with pytest.raises(ValueError, match="the scenario has no operation"):
        explore(lambda run: lambda outcomes: None)


def test_an_operation_cannot_be_added_twice() -> None:
    run = Run()
    run.operation("A", lambda: None)
    with pytest.raises(ValueError, match="operation A already"):
        run.operation("A", lambda: None)


def test_the_threads_of_a_broken_off_schedule_end_and_their_calls_have_no_effect(world: World) -> None:
    partition = world.partition()

    def scenario(run: Run) -> Check:
        def stubborn() -> None:
            try:
                gets(run.client("A", world.engine), partition, 1)
            finally:
                run.client("A", world.engine).put_item(**partition.put("a", 1))

        run.operation("A", stubborn)
        run.start()
        raise LookupError("the test ends here")

    with pytest.raises(LookupError):
        explore(scenario)
    assert partition.contents(world.engine) == {}
    assert not [thread for thread in threading.enumerate() if thread.name == "operation A"]


def test_the_virtual_clock_lets_an_operation_sleep_without_blocking_the_run(world: World) -> None:
    def scenario(run: Run) -> Check:
        began = run.clock.now()

        def patient(name: str) -> float:
            client, partition = run.client(name, world.engine), world.partition()
            gets(client, partition, 1)
            run.clock.sleep(3600)
            gets(client, partition, 1)
            return run.clock.now()

        run.operation("A", lambda: patient("A"))
        run.operation("B", lambda: patient("B"))

        def check(outcomes: Outcomes) -> None:
            assert max(outcome.result() for outcome in outcomes.values()) == began + 7200

        return check

    assert len(explore(scenario).schedules) == 6


def test_the_serial_executor_runs_in_the_calling_thread_and_hands_errors_on(world: World) -> None:
    def scenario(run: Run) -> Check:
        client, partition = run.client("A", world.engine), world.partition()

        def operation() -> list[int | None]:
            with SerialExecutor() as executor:
                futures = [executor.submit(partition.read, client, sk) for sk in "ab"]
                return [future.result() for future in futures]

        run.operation("A", operation)
        return lambda outcomes: outcomes["A"].result()

    assert explore(scenario).schedules == ["A:get_item A:get_item"]
    failed = SerialExecutor().submit(int, "x")
    with pytest.raises(ValueError, match="invalid literal"):
        failed.result()


# Split transactions: what lies between the effect of a transaction and its end.


def transfer(client: DynamoClient, partition: Partition, *sks: str) -> str:
    try:
        client.transact_write_items(TransactItems=[{"Update": partition.add(sk)} for sk in sks])
    except ClientError as error:
        assert is_conflict(error)
        return "conflict"
    return "done"


def test_split_transactions_show_every_conflict(world: World) -> None:
    endings: set[tuple[str, str]] = set()

    def scenario(run: Run) -> Check:
        partition = world.partition()
        run.operation("A", lambda: transfer(run.client("A", world.engine), partition, "a", "b"))
        run.operation("B", lambda: transfer(run.client("B", world.engine), partition, "b", "c"))

        def check(outcomes: Outcomes) -> None:
            ended = outcomes["A"].result(), outcomes["B"].result()
            endings.add(ended)
            assert partition.read(world.engine, "b") == ended.count("done")

        return check

    assert len(explore(scenario).schedules) == 2
    assert endings == {("done", "done")}
    found = explore(scenario, split_transactions=True)
    assert endings == {("done", "done"), ("done", "conflict"), ("conflict", "done")}
    assert found.schedules[1] == "A:transact_write_items B:transact_write_items A:end_of_transaction"
    assert len(found.schedules) == 4


def test_whoever_lost_by_a_conflict_tries_again_only_once_something_has_changed(world: World) -> None:
    def scenario(run: Run) -> Check:
        partition = world.partition()

        def until_done(name: str) -> int:
            client, tries = run.client(name, world.engine), 1
            while transfer(client, partition, "a") == "conflict":
                tries += 1
                run.clock.sleep(0.01)
            return tries

        run.operation("A", lambda: until_done("A"))
        run.operation("B", lambda: until_done("B"))

        def check(outcomes: Outcomes) -> None:
            assert max(outcome.result() for outcome in outcomes.values()) <= 2
            assert partition.read(world.engine, "a") == 2

        return check

    assert len(explore(scenario, split_transactions=True).schedules) == 4


def test_only_a_transaction_that_came_to_its_effect_has_an_end(world: World) -> None:
    done: list[int] = []

    def scenario(run: Run) -> Check:
        partition = world.partition()
        first = run.client("A", world.engine)
        run.operation("A", lambda: [transfer(first, partition, sk) for sk in ("a", "b")])
        run.operation("B", lambda: [transfer(run.client("B", world.engine), partition, "b")])
        return lambda outcomes: done.append(sum(outcome.result().count("done") for outcome in outcomes.values()))

    found = explore(scenario, split_transactions=True)
    assert done == [schedule.count("end_of_transaction") for schedule in found.schedules]
    assert set(done) == {2, 3}


def test_split_transactions_show_half_of_one_to_a_query_within_its_window_only(world: World) -> None:
    seen: list[dict[str, int]] = []

    def scenario(run: Run) -> Check:
        partition = world.partition()
        run.operation("A", lambda: transfer(run.client("A", world.engine), partition, "a", "b"))
        run.operation("B", lambda: partition.contents(run.client("B", world.engine)))

        def check(outcomes: Outcomes) -> None:
            seen.append(outcomes["B"].result())

        return check

    found = explore(scenario, split_transactions=True, shows_old=lambda call, key: key.sk == "a")
    assert dict(zip(found.schedules, seen, strict=True)) == {
        "A:transact_write_items A:end_of_transaction B:query": {"a": 1, "b": 1},
        "A:transact_write_items B:query A:end_of_transaction": {"b": 1},
        "B:query A:transact_write_items A:end_of_transaction": {},
    }
    with pytest.raises(ValueError, match="only if transactions are split"):
        explore(scenario, shows_old=lambda call, key: True)


# Reduction: the same endings by fewer schedules.


def tangled(world: World, endings: set[tuple[object, ...]]) -> Scenario:
    """Three operations that meet on some items and not on others."""

    def scenario(run: Run) -> Check:
        partition, other = world.partition(), world.partition()
        clients = {name: run.client(name, world.engine) for name in "ABC"}

        def first() -> None:
            clients["A"].update_item(**partition.add("a"))
            clients["A"].update_item(**other.add("y"))

        def second() -> dict[str, int]:
            clients["B"].update_item(**other.add("x"))
            return partition.contents(clients["B"])

        def third() -> int | None:
            before = other.read(clients["C"], "x")
            clients["C"].transact_write_items(
                TransactItems=[{"Update": partition.add("b", 10)}, {"Put": partition.put("c", 3)}]
            )
            return before

        run.operation("A", first)
        run.operation("B", second)
        run.operation("C", third)

        def check(outcomes: Outcomes) -> None:
            results = [str(outcome.result()) for outcome in outcomes.values()]
            endings.add((*results, str(partition.contents(world.engine)), str(other.contents(world.engine))))

        return check

    return scenario


def test_reduction_reaches_every_ending_by_fewer_schedules(world: World) -> None:
    endings_of_all: set[tuple[object, ...]] = set()
    endings_of_some: set[tuple[object, ...]] = set()
    everything = explore(tangled(world, endings_of_all))
    reduced = explore(tangled(world, endings_of_some), reduce=True)
    assert len(everything.schedules) == math.factorial(6) // 2**3
    assert endings_of_some == endings_of_all
    assert len(endings_of_all) > 5
    assert len(reduced.schedules) + reduced.redundant < len(everything.schedules) / 4
    assert len(reduced.schedules) == len(endings_of_all)  # every class of schedules ends differently here
    assert set(reduced.schedules) <= set(everything.schedules)


def test_reduction_runs_independent_operations_once_and_still_finds_a_lost_update(world: World) -> None:
    def apart(run: Run) -> Check:
        for name in "AB":
            run.operation(name, partial(careful_increment, run.client(name, world.engine), world.partition()))
        return lambda outcomes: None

    assert len(explore(apart, reduce=True).schedules) == 1
    assert len(explore(apart).schedules) == 6
    with pytest.raises(AssertionError):
        explore(two_of(world, careless_increment), reduce=True)
