"""The stepper finds planted errors and executes the schedules that it reports."""

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
from tests.faults.toys import TIMEOUT, Partition
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
class ToyStore:
    """An engine with one table, in which every run uses its own partition."""

    engine: "DynamoDBClient"
    table: str

    def partition(self) -> Partition:
        return Partition(self.table, uuid.uuid4().hex)


@pytest.fixture
def toy_store(dynamodb: "DynamoDBClient", toy_table: str) -> ToyStore:
    return ToyStore(dynamodb, toy_table)


def gets(client: DynamoClient, partition: Partition, count: int) -> None:
    for _ in range(count):
        partition.read(client, "a")


def careless_increment(client: DynamoClient, partition: Partition) -> None:
    """Read, then write: prone to lost updates."""
    client.put_item(**partition.put("a", (partition.read(client, "a") or 0) + 1))


def careful_increment(client: DynamoClient, partition: Partition) -> None:
    """Increment with a condition, retried until it holds."""
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


def two_of(toy_store: ToyStore, increment: Callable[[DynamoClient, Partition], None]) -> Scenario:
    def scenario(run: Run) -> Check:
        partition = toy_store.partition()
        for name in "AB":
            run.operation(name, partial(increment, run.client(name, toy_store.engine), partition))

        def check(outcomes: Outcomes) -> None:
            for outcome in outcomes.values():
                outcome.result()
            assert partition.read(toy_store.engine, "a") == 2

        return check

    return scenario


def test_lost_update_is_found_with_its_schedule(toy_store: ToyStore) -> None:
    with pytest.raises(AssertionError) as caught:
        explore(two_of(toy_store, careless_increment))
    assert caught.value.__notes__ == ["schedule: A:get_item B:get_item A:put_item B:put_item"]


def test_conditional_increment_is_correct_in_every_schedule(toy_store: ToyStore) -> None:
    found = explore(two_of(toy_store, careful_increment))
    # Sequential: 2 schedules. If both read first, the later writer (either one) reads and writes once more, which
    # makes 4 more, longer schedules.
    assert len(found.schedules) == len(set(found.schedules)) == 6
    assert sorted(len(schedule.split()) for schedule in found.schedules) == [4, 4, 6, 6, 6, 6]
    assert found.redundant == 0


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 3), (0, 2)])
def test_two_operations_have_a_binomial_number_of_schedules(toy_store: ToyStore, first: int, second: int) -> None:
    def scenario(run: Run) -> Check:
        partition = toy_store.partition()
        run.operation("A", lambda: gets(run.client("A", toy_store.engine), partition, first))
        run.operation("B", lambda: gets(run.client("B", toy_store.engine), partition, second))
        return lambda outcomes: None

    found = explore(scenario)
    assert len(found.schedules) == len(set(found.schedules)) == math.comb(first + second, first)


def test_three_operations_have_a_multinomial_number_of_schedules(toy_store: ToyStore) -> None:
    def scenario(run: Run) -> Check:
        for name, count in (("A", 1), ("B", 2), ("C", 2)):
            gated = partial(gets, run.client(name, toy_store.engine), toy_store.partition(), count)
            run.operation(name, gated)
        return lambda outcomes: None

    assert len(explore(scenario).schedules) == math.factorial(5) // 2**2


def test_too_many_schedules_is_an_error_unless_sampled(toy_store: ToyStore) -> None:
    scenario = two_of(toy_store, careful_increment)
    assert len(explore(scenario, max_schedules=6).schedules) == 6
    with pytest.raises(TooManySchedulesError, match="more than 5 schedules"):
        explore(scenario, max_schedules=5)
    sampled = sample(scenario, count=5, seed=1)
    assert len(sampled.schedules) == 5
    assert set(sampled.schedules) <= set(explore(scenario).schedules)
    assert sample(scenario, count=5, seed=1).schedules == sampled.schedules
    assert sample(scenario, count=5, seed=2).schedules != sampled.schedules


def test_sample_finds_failures(toy_store: ToyStore) -> None:
    with pytest.raises(AssertionError) as caught:
        sample(two_of(toy_store, careless_increment), count=50, seed=1)
    assert caught.value.__notes__[0].startswith("schedule: ")


def test_exception_of_an_operation_is_its_outcome(toy_store: ToyStore) -> None:
    def scenario(run: Run) -> Check:
        def fail() -> None:
            gets(run.client("A", toy_store.engine), toy_store.partition(), 1)
            raise LookupError("missing")

        run.operation("A", fail)
        run.operation("B", lambda: "fine")

        def check(outcomes: Outcomes) -> None:
            assert isinstance(outcomes["A"].error, LookupError)
            with pytest.raises(LookupError, match="missing"):
                outcomes["A"].result()
            assert outcomes["B"].result() == "fine"

        return check

    assert explore(scenario).schedules == ["A:get_item"]


def test_blocked_operation_is_reported_with_its_stack(toy_store: ToyStore) -> None:
    hindrance = threading.Event()

    def scenario(run: Run) -> Check:
        partition = toy_store.partition()

        def blocked() -> None:
            gets(run.client("A", toy_store.engine), partition, 1)
            hindrance.wait(TIMEOUT)

        run.operation("A", blocked)
        run.operation("B", lambda: gets(run.client("B", toy_store.engine), partition, 1))
        return lambda outcomes: None

    with pytest.raises(StuckError, match=r"operation A (.|\n)*hindrance\.wait") as caught:
        explore(scenario, deadline=1.0)
    assert caught.value.__notes__ == ["schedule: A:get_item"]
    hindrance.set()


def test_endless_operation_is_reported(toy_store: ToyStore) -> None:
    def scenario(run: Run) -> Check:
        run.operation("A", lambda: gets(run.client("A", toy_store.engine), toy_store.partition(), 10_000))
        return lambda outcomes: None

    with pytest.raises(StuckError, match="no end after 300 steps"):
        explore(scenario)


def test_nondeterministic_scenario_is_reported(toy_store: ToyStore) -> None:
    runs: list[Run] = []

    def scenario(run: Run) -> Check:
        runs.append(run)
        partition, client = toy_store.partition(), run.client("A", toy_store.engine)
        run.operation("A", lambda: gets(client, partition, 1) if len(runs) > 1 else partition.contents(client))
        run.operation("B", lambda: gets(run.client("B", toy_store.engine), partition, 1))
        return lambda outcomes: None

    with pytest.raises(NotRepeatableError, match="besides the schedule"):
        explore(scenario)


def test_store_calls_outside_an_operation_are_rejected(toy_store: ToyStore) -> None:
    def in_setup(run: Run) -> Check:
        client = run.client("A", toy_store.engine)
        run.operation("A", lambda: None)
        gets(client, toy_store.partition(), 1)
        return lambda outcomes: None

    with pytest.raises(RuntimeError, match="set up and check with the engine itself"):
        explore(in_setup)

    def without_operation(run: Run) -> Check:
        gets(run.client("A", toy_store.engine), toy_store.partition(), 1)
        return lambda outcomes: None

    with pytest.raises(ValueError, match="no operation of that name"):
        explore(without_operation)
    with pytest.raises(ValueError, match="the scenario has no operation"):
        explore(lambda run: lambda outcomes: None)


def test_duplicate_operation_name_is_rejected() -> None:
    run = Run()
    run.operation("A", lambda: None)
    with pytest.raises(ValueError, match="operation A already"):
        run.operation("A", lambda: None)


def test_operations_of_an_aborted_schedule_end_without_effect(toy_store: ToyStore) -> None:
    partition = toy_store.partition()
    ended: list[str] = []

    def scenario(run: Run) -> Check:
        def stubborn() -> None:
            try:
                try:
                    gets(run.client("A", toy_store.engine), partition, 1)
                finally:
                    run.client("A", toy_store.engine).put_item(**partition.put("a", 1))
            finally:
                ended.append("A")

        run.operation("A", stubborn)
        run.start()
        raise LookupError("the test ends here")

    with pytest.raises(LookupError):
        explore(scenario)
    assert partition.contents(toy_store.engine) == {}
    assert ended == ["A"]


def test_virtual_clock_sleep_does_not_block_the_run(toy_store: ToyStore) -> None:
    def scenario(run: Run) -> Check:
        began = run.clock.now()

        def patient(name: str) -> float:
            client, partition = run.client(name, toy_store.engine), toy_store.partition()
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


def test_serial_executor_runs_in_the_calling_thread_and_propagates_errors(toy_store: ToyStore) -> None:
    def scenario(run: Run) -> Check:
        client, partition = run.client("A", toy_store.engine), toy_store.partition()

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


# Split transactions: the time between the effect of a transaction and its end.


def transfer(client: DynamoClient, partition: Partition, *sks: str) -> str:
    try:
        client.transact_write_items(TransactItems=[{"Update": partition.add(sk)} for sk in sks])
    except ClientError as error:
        assert is_conflict(error)
        return "conflict"
    return "done"


def test_split_transactions_show_every_conflict(toy_store: ToyStore) -> None:
    endings: set[tuple[str, str]] = set()

    def scenario(run: Run) -> Check:
        partition = toy_store.partition()
        run.operation("A", lambda: transfer(run.client("A", toy_store.engine), partition, "a", "b"))
        run.operation("B", lambda: transfer(run.client("B", toy_store.engine), partition, "b", "c"))

        def check(outcomes: Outcomes) -> None:
            ended = outcomes["A"].result(), outcomes["B"].result()
            endings.add(ended)
            assert partition.read(toy_store.engine, "b") == ended.count("done")

        return check

    assert len(explore(scenario).schedules) == 2
    assert endings == {("done", "done")}
    found = explore(scenario, split_transactions=True)
    assert endings == {("done", "done"), ("done", "conflict"), ("conflict", "done")}
    assert found.schedules[1] == "A:transact_write_items B:transact_write_items A:end_of_transaction"
    assert len(found.schedules) == 4


def test_operation_retries_a_conflict_only_after_a_change(toy_store: ToyStore) -> None:
    def scenario(run: Run) -> Check:
        partition = toy_store.partition()

        def until_done(name: str) -> int:
            client, tries = run.client(name, toy_store.engine), 1
            while transfer(client, partition, "a") == "conflict":
                tries += 1
                run.clock.sleep(0.01)
            return tries

        run.operation("A", lambda: until_done("A"))
        run.operation("B", lambda: until_done("B"))

        def check(outcomes: Outcomes) -> None:
            assert max(outcome.result() for outcome in outcomes.values()) <= 2
            assert partition.read(toy_store.engine, "a") == 2

        return check

    assert len(explore(scenario, split_transactions=True).schedules) == 4


def test_only_a_transaction_with_an_effect_has_an_end(toy_store: ToyStore) -> None:
    done: list[int] = []

    def scenario(run: Run) -> Check:
        partition = toy_store.partition()
        first = run.client("A", toy_store.engine)
        run.operation("A", lambda: [transfer(first, partition, sk) for sk in ("a", "b")])
        run.operation("B", lambda: [transfer(run.client("B", toy_store.engine), partition, "b")])
        return lambda outcomes: done.append(sum(outcome.result().count("done") for outcome in outcomes.values()))

    found = explore(scenario, split_transactions=True)
    assert done == [schedule.count("end_of_transaction") for schedule in found.schedules]
    assert set(done) == {2, 3}


def test_split_transactions_allow_fractured_reads_only_within_their_window(toy_store: ToyStore) -> None:
    seen: list[dict[str, int]] = []

    def scenario(run: Run) -> Check:
        partition = toy_store.partition()
        run.operation("A", lambda: transfer(run.client("A", toy_store.engine), partition, "a", "b"))
        run.operation("B", lambda: partition.contents(run.client("B", toy_store.engine)))

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


# Reduction: the same final states with fewer schedules.


def tangled(toy_store: ToyStore, endings: set[tuple[object, ...]]) -> Scenario:
    """Three operations that share some items and not others."""

    def scenario(run: Run) -> Check:
        partition, other = toy_store.partition(), toy_store.partition()
        clients = {name: run.client(name, toy_store.engine) for name in "ABC"}

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
            endings.add(
                (*results, str(partition.contents(toy_store.engine)), str(other.contents(toy_store.engine)))
            )

        return check

    return scenario


def test_reduction_reaches_every_ending_with_fewer_schedules(toy_store: ToyStore) -> None:
    endings_of_all: set[tuple[object, ...]] = set()
    endings_of_some: set[tuple[object, ...]] = set()
    everything = explore(tangled(toy_store, endings_of_all))
    reduced = explore(tangled(toy_store, endings_of_some), reduce=True)
    assert len(everything.schedules) == math.factorial(6) // 2**3
    assert endings_of_some == endings_of_all
    assert len(endings_of_all) > 5
    assert len(reduced.schedules) + reduced.redundant < len(everything.schedules) / 4
    assert len(reduced.schedules) == len(endings_of_all)  # here every equivalence class has a different ending
    assert set(reduced.schedules) <= set(everything.schedules)


def test_reduction_runs_independent_operations_once_and_still_finds_a_lost_update(toy_store: ToyStore) -> None:
    def apart(run: Run) -> Check:
        for name in "AB":
            run.operation(
                name, partial(careful_increment, run.client(name, toy_store.engine), toy_store.partition())
            )
        return lambda outcomes: None

    assert len(explore(apart, reduce=True).schedules) == 1
    assert len(explore(apart).schedules) == 6
    with pytest.raises(AssertionError):
        explore(two_of(toy_store, careless_increment), reduce=True)
