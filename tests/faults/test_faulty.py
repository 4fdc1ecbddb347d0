"""Fault plans, and the calls that they fail."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from local.faults import Journal, Latency, TransactionWindows, VirtualClock, plans, wrap_engine
from local.faults.calls import Call
from local.faults.client import DynamoClient
from local.faults.errors import Crash
from local.faults.faulty import FaultyClient
from local.faults.partial import serve_part_of_batch
from local.faults.plans import Fault, Plan
from tests.faults.test_visibility import CONDITIONS, condition
from tests.faults.toys import Hooked, Partition, numbers

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Write = Callable[[DynamoClient, Partition], object]

WRITES: dict[str, Write] = {
    "put_item": lambda client, partition: client.put_item(**partition.put("a", 1)),
    "update_item": lambda client, partition: client.update_item(**partition.add("a", 1)),
    "transact_write_items": lambda client, partition: client.transact_write_items(
        TransactItems=[{"Put": partition.put("a", 1)}]
    ),
}
FAILURES: dict[str, tuple[Fault, type[BaseException], str, bool]] = {
    "throttled": (plans.THROTTLED, ClientError, "ProvisionedThroughputExceeded", False),
    "rate exceeded": (plans.RATE_EXCEEDED, ClientError, "Throttling", False),
    "internal error before": (plans.INTERNAL_ERROR_BEFORE, ClientError, "InternalServerError", False),
    "internal error after": (plans.INTERNAL_ERROR_AFTER, ClientError, "InternalServerError", True),
    "timeout before": (plans.READ_TIMEOUT_BEFORE, ReadTimeoutError, "Read timeout", False),
    "timeout after": (plans.READ_TIMEOUT_AFTER, ReadTimeoutError, "Read timeout", True),
    "unreachable": (plans.UNREACHABLE, EndpointConnectionError, "Could not connect", False),
    "crash before": (plans.CRASH_BEFORE, Crash, "crashed before", False),
    "crash after": (plans.CRASH_AFTER, Crash, "crashed after", True),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_fault_before_prevents_the_effect_and_fault_after_keeps_it(
    dynamodb: "DynamoDBClient",
    partition: Partition,
    write: Write,
    failure: tuple[Fault, type[BaseException], str, bool],
) -> None:
    fault, error, text, effect = failure
    with pytest.raises(error, match=text):
        write(FaultyClient(dynamodb, plans.always(fault)), partition)
    assert partition.read(dynamodb, "a") == (1 if effect else None)


def test_crashed_client_makes_no_further_calls(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    client = FaultyClient(dynamodb, plans.nth(2, plans.CRASH_AFTER))
    client.put_item(**partition.put("a", 1))
    with pytest.raises(Crash, match="crashed after put_item"):
        client.put_item(**partition.put("b", 1))
    with pytest.raises(Crash, match="has crashed"):
        client.delete_item(**partition.at("a"))
    assert client.crashed
    assert partition.contents(dynamodb) == {"a": 1, "b": 1}


@pytest.mark.parametrize("fault", [plans.READ_TIMEOUT_AFTER, plans.INTERNAL_ERROR_AFTER, plans.CRASH_AFTER])
def test_lost_response_hides_a_rejected_write(
    dynamodb: "DynamoDBClient", partition: Partition, fault: Fault
) -> None:
    dynamodb.put_item(**partition.put("a", 1))
    client = FaultyClient(dynamodb, plans.always(fault))
    with pytest.raises((ReadTimeoutError, ClientError, Crash)) as caught:
        client.put_item(**partition.put("a", 2, ConditionExpression="attribute_not_exists(pk)"))
    assert "Conditional" not in str(caught.value)
    assert partition.read(dynamodb, "a") == 1


def test_unprocessed_batch_write_executes_a_part(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    client = FaultyClient(dynamodb, plans.nth(1, plans.unprocessed(2)))
    answer = client.batch_write_item(**partition.batch_put("a", "b", "c", "d"))
    assert sorted(partition.contents(dynamodb)) == ["a", "b"]
    assert answer["UnprocessedItems"] == partition.batch_put("c", "d")["RequestItems"]
    assert client.batch_write_item(RequestItems=answer["UnprocessedItems"])["UnprocessedItems"] == {}
    assert sorted(partition.contents(dynamodb)) == ["a", "b", "c", "d"]


def test_unprocessed_batch_get_serves_a_part_and_returns_the_remaining_request(
    dynamodb: "DynamoDBClient", partition: Partition, toy_table: str
) -> None:
    dynamodb.batch_write_item(**partition.batch_put("a", "b"))
    client = FaultyClient(dynamodb, plans.nth(1, plans.unprocessed()))
    names = {"#s": "sk"}
    batch = partition.batch_get("a", "b", ProjectionExpression="#s", ExpressionAttributeNames=names)
    answer = client.batch_get_item(**batch)
    assert answer["Responses"] == {toy_table: [{"sk": {"S": "a"}}]}
    left = batch["RequestItems"][toy_table]["Keys"][1:]
    assert answer["UnprocessedKeys"] == {toy_table: {**batch["RequestItems"][toy_table], "Keys": left}}
    again = client.batch_get_item(RequestItems=answer["UnprocessedKeys"])
    assert again["Responses"] == {toy_table: [{"sk": {"S": "b"}}]}


def test_unprocessed_batch_serves_tables_in_order() -> None:
    first, second, third = ([{"PutRequest": {"Item": {"n": {"N": str(n)}}}} for n in range(2)] for _ in "123")
    done: list[Call] = []

    def engine(call: Call) -> dict[str, Any]:
        done.append(call)
        return {"UnprocessedItems": {}}

    batch = Call(1, "batch_write_item", {"RequestItems": {"t1": first, "t2": second, "t3": third}})
    answer = serve_part_of_batch(batch, 3, engine)
    assert [call.arguments["RequestItems"] for call in done] == [{"t1": first, "t2": second[:1]}]
    assert answer["UnprocessedItems"] == {"t2": second[1:], "t3": third}


@pytest.mark.parametrize("operation", ["batch_get_item", "batch_write_item"])
def test_requests_left_unprocessed_by_the_engine_are_returned_too(
    dynamodb: "DynamoDBClient", partition: Partition, operation: str
) -> None:
    inner = FaultyClient(dynamodb, plans.always(plans.unprocessed(1)))
    outer = FaultyClient(inner, plans.always(plans.unprocessed(2)))
    sks = ("a", "b", "c")
    batch = partition.batch_get(*sks) if operation == "batch_get_item" else partition.batch_put(*sks)
    answer = getattr(outer, operation)(**batch)
    left = answer.get("UnprocessedKeys") or answer.get("UnprocessedItems")
    again = Call(1, operation, {"RequestItems": left})
    assert again.keys == (partition.key("b"), partition.key("c"))


@pytest.mark.parametrize("keep", [0, 1, 2])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("expression", "values"), CONDITIONS, ids=[text for text, _ in CONDITIONS])
def test_short_and_empty_pages_return_every_item_once(
    dynamodb: "DynamoDBClient",
    partition: Partition,
    expression: str,
    values: dict[str, str],
    backwards: bool,
    keep: int,
) -> None:
    dynamodb.batch_write_item(**partition.batch_put("a", "c", "d", "m", "m1", "m2", "m3", "m4", "m5", "z"))
    query = {**condition(partition, expression, values), "ScanIndexForward": not backwards, "Limit": 3}
    whole = dynamodb.query(**{**query, "Limit": 100})["Items"]
    # Every other call, so that a page without progress is followed by one with progress.
    client = FaultyClient(dynamodb, lambda call: plans.short_page(keep) if call.number % 2 else None)
    found: list[dict[str, Any]] = []
    sizes: list[int] = []
    while True:
        page = client.query(**query)
        assert page["Count"] == len(page["Items"])
        sizes.append(page["Count"])
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert found == whole
    assert sizes[0] == (
        0 if keep == 0 and first_can_be_empty(expression, backwards) else max(1, min(keep, len(whole)))
    )


def first_can_be_empty(expression: str, backwards: bool) -> bool:
    """Return whether a start key fits before the first item, which it does not if the bound itself is an item."""
    return not any(
        (
            expression.endswith("sk = :a"),
            "BETWEEN" in expression,  # c and m2 are items
            "begins_with" in expression and not backwards,  # m is an item
            ">=" in expression and not backwards,  # d is an item
            "<=" in expression and backwards,  # m4 is an item
        )
    )


def test_empty_page_of_an_empty_partition_is_the_last(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    page = FaultyClient(dynamodb, plans.always(plans.short_page(0))).query(**partition.all())
    assert page["Items"] == []
    assert "LastEvaluatedKey" not in page


def test_short_page_respects_the_limit(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    dynamodb.batch_write_item(**partition.batch_put("a", "b", "c"))
    client = FaultyClient(dynamodb, plans.always(plans.short_page(2)))
    assert numbers(client.query(**partition.all(Limit=1))["Items"]) == {"a": 0}
    assert len(client.query(**partition.all(Limit=3))["Items"]) == 2


def test_fault_that_does_not_apply_to_the_operation_raises_value_error(
    dynamodb: "DynamoDBClient", partition: Partition
) -> None:
    with pytest.raises(ValueError, match="SHORT_PAGE into get_item"):
        FaultyClient(dynamodb, plans.always(plans.short_page())).get_item(**partition.at("a"))
    with pytest.raises(ValueError, match="UNPROCESSED into put_item"):
        FaultyClient(dynamodb, plans.always(plans.unprocessed())).put_item(**partition.put("a"))
    with pytest.raises(ValueError, match="use THROTTLED"):
        plans.unprocessed(0)
    with pytest.raises(ValueError, match="-1 items"):
        plans.short_page(-1)


def followed(plan: Plan, *operations: str) -> list[Fault | None]:
    return [plan(Call(number, operation, {})) for number, operation in enumerate(operations, start=1)]


def test_plans_select_the_nth_call_or_given_operations() -> None:
    fault, other = plans.THROTTLED, plans.UNREACHABLE
    four = ("query", "put_item", "query", "put_item")
    assert followed(plans.no_faults, *four) == [None] * 4
    assert followed(plans.nth(2, fault), *four) == [None, fault, None, None]
    assert followed(plans.nth(2, fault, "query", "get_item"), *four) == [None, None, fault, None]
    assert followed(plans.always(fault), *four) == [fault] * 4
    assert followed(plans.always(fault, "put_item"), *four) == [None, fault, None, fault]
    both = plans.first_of(plans.nth(3, other), plans.always(fault, "query"), plans.nth(4, other))
    assert followed(both, *four) == [fault if n == 0 else other if n > 1 else None for n in range(4)]


def test_random_faults_are_reproducible_and_apply_to_the_operation() -> None:
    operations = ["query", "batch_write_item", "put_item", "get_item"] * 100
    faults = [plans.THROTTLED, plans.short_page(0), plans.unprocessed()]

    def drawn(seed: int) -> list[Fault | None]:
        return followed(plans.at_random(0.3, faults, seed=seed), *operations)

    assert drawn(1) == drawn(1) != drawn(2)
    hit = [(operation, fault) for operation, fault in zip(operations, drawn(1), strict=True) if fault]
    assert 80 < len(hit) < 160
    assert all(fault.applies_to(operation) for operation, fault in hit)
    assert {fault for _, fault in hit} == set(faults)
    only_pages = plans.at_random(1.0, [plans.short_page(0)], "get_item", "query", seed=1)
    assert followed(only_pages, "get_item", "put_item", "query") == [None, None, plans.short_page(0)]


def test_all_layers_record_fail_and_take_time(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    clock = VirtualClock(start=0.0)
    journal = Journal(clock)
    client = wrap_engine(
        dynamodb,
        seed=3,
        latency=Latency(call=1.0),
        plan=plans.nth(2, plans.RATE_EXCEEDED),
        journal=journal,
        clock=clock,
    )
    client.put_item(**partition.put("a", 1))
    with pytest.raises(ClientError, match="ThrottlingException"):
        client.put_item(**partition.put("a", 2))
    assert partition.read(client, "a") == 1
    assert [(entry.operation, entry.outcome, entry.ended) for entry in journal.entries()] == [
        ("put_item", "ok", 1.0),
        ("put_item", "ThrottlingException", 1.0),
        ("get_item", "ok", 2.0),
    ]


@pytest.mark.parametrize(("half_visible", "seen"), [(0.0, {"a": 2}), (1.0, {"a": 1})])
def test_clients_with_shared_windows_conflict_with_each_other(
    dynamodb: "DynamoDBClient", partition: Partition, half_visible: float, seen: dict[str, int]
) -> None:
    windows, clock = TransactionWindows(), VirtualClock()
    reader = wrap_engine(dynamodb, windows=windows, fractured_reads=half_visible, clock=clock)
    dynamodb.put_item(**partition.put("a", 1))
    met: list[dict[str, int]] = []

    class ReadAtTheEnd(VirtualClock):
        """Reads through the other client while the transaction sleeps after its effect."""

        sleeps = 0

        def sleep(self, seconds: float) -> None:
            self.sleeps += 1
            if self.sleeps == 2:
                met.append(partition.contents(reader))
            super().sleep(seconds)

    writer = wrap_engine(dynamodb, windows=windows, fractured_reads=half_visible, clock=ReadAtTheEnd())
    writer.transact_write_items(TransactItems=[{"Update": partition.add("a")}])
    assert met == [seen]


def test_crash_is_recorded_by_its_name(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    journal = Journal()
    seen: list[Call] = []
    client = wrap_engine(Hooked(dynamodb, seen.append), plan=plans.always(plans.CRASH_BEFORE), journal=journal)
    with pytest.raises(Crash):
        client.put_item(**partition.put("a"))
    assert [entry.outcome for entry in journal.entries()] == ["Crash"]
    assert not seen
