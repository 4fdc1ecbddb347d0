"""The visibility of a running transaction to reads."""

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.faults import plans
from local.faults.calls import Call, ItemKey
from local.faults.client import DynamoClient
from local.faults.expressions import query_range
from local.faults.faulty import FaultyClient
from local.faults.region import seeded_visibility
from tests.faults.toys import TIMEOUT, Hooked, Partition, Region, numbers

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def region(dynamodb: "DynamoDBClient") -> Region:
    """A region whose queries see every item of a running transaction in its old state."""
    return Region(dynamodb, shows_old=lambda call, key: True)


@pytest.fixture
def changes(region: Region, partition: Partition) -> list[dict[str, Any]]:
    """Return a transaction that changes ``b``, deletes ``d`` and creates ``c``; ``a`` is left alone."""
    for sk in "abd":
        region.engine.put_item(**partition.put(sk, 1))
    return [
        {"Update": partition.add("b")},
        {"Delete": partition.at("d")},
        {"Put": partition.put("c", 2)},
        {"ConditionCheck": partition.check_absent("z")},
    ]


OLD = {"a": 1, "b": 1, "d": 1}
NEW = {"a": 1, "b": 2, "c": 2}


def test_query_may_see_the_old_state_only_between_effect_and_end(
    region: Region, partition: Partition, changes: list[dict[str, Any]]
) -> None:
    client = region.client()
    with region.running(*changes, effect=False):
        assert partition.contents(client) == OLD
    with region.running(*changes):
        assert partition.contents(region.engine) == {**NEW, "b": 3}
        assert partition.contents(client) == NEW  # the state before this second one
    assert partition.contents(client) == {**NEW, "b": 3}


def test_batch_get_may_see_the_old_state(
    region: Region, partition: Partition, changes: list[dict[str, Any]]
) -> None:
    client = region.client()
    with region.running(*changes):
        answer = client.batch_get_item(**partition.batch_get("a", "b", "c", "d"))
    assert numbers(answer["Responses"][partition.table]) == OLD
    assert answer["UnprocessedKeys"] == {}


def test_no_read_sees_the_old_state_after_get_item_saw_the_new(
    region: Region, partition: Partition, changes: list[dict[str, Any]]
) -> None:
    client = region.client()
    with region.running(*changes):
        assert partition.read(client, "c") == 2
        assert partition.contents(client) == {**OLD, "c": 2}
        assert partition.read(client, "d") is None
        assert partition.contents(region.client()) == {"a": 1, "b": 1, "c": 2}


def test_no_read_sees_the_old_state_after_a_query_saw_the_new(
    dynamodb: "DynamoDBClient", partition: Partition, changes: list[dict[str, Any]]
) -> None:
    region = Region(dynamodb, shows_old=lambda call, key: call.number > 1 or key.sk == "d")
    with region.running(*changes):
        client = region.client()
        assert partition.contents(client) == {**NEW, "d": 1}
        assert partition.contents(client) == {**NEW, "d": 1}


@pytest.mark.parametrize(
    "more", [{"FilterExpression": "attribute_exists(n)"}, {"Select": "COUNT"}], ids=["filter", "count"]
)
def test_query_that_cannot_be_patched_sees_the_new_state(
    region: Region, partition: Partition, changes: list[dict[str, Any]], more: dict[str, str]
) -> None:
    client = region.client()
    with region.running(*changes):
        assert client.query(**partition.all(**more))["Count"] == len(NEW)
        assert partition.contents(client) == NEW


def test_transaction_becomes_visible_atomically_by_default(
    dynamodb: "DynamoDBClient", partition: Partition, changes: list[dict[str, Any]]
) -> None:
    region = Region(dynamodb)
    with region.running(*changes):
        assert partition.contents(region.client()) == NEW


def test_failed_transaction_leaves_no_old_images(
    region: Region, partition: Partition, changes: list[dict[str, Any]]
) -> None:
    failing = {"ConditionCheck": partition.check_absent("a")}
    with region.running(*changes, failing) as future:
        assert partition.contents(region.client()) == OLD
    assert isinstance(future.exception(TIMEOUT), ClientError)


def test_projected_query_returns_only_the_requested_attributes_of_old_items(
    region: Region, partition: Partition, changes: list[dict[str, Any]]
) -> None:
    query = partition.all(
        KeyConditionExpression="#p = :pk",
        ProjectionExpression="#n, absent",
        ExpressionAttributeNames={"#n": "n", "#p": "pk"},
    )
    with region.running(*changes):
        page = region.client().query(**query)
        assert page["Items"] == [{"n": {"N": "1"}}] * 3
        batch = partition.batch_get("b", "c", ProjectionExpression="#n", ExpressionAttributeNames={"#n": "n"})
        answer = region.client().batch_get_item(**batch)
    assert answer["Responses"][partition.table] == [{"n": {"N": "1"}}]


def test_unprocessed_keys_of_a_batch_get_keep_the_original_request(
    dynamodb: "DynamoDBClient", partition: Partition
) -> None:
    batch = partition.batch_get("a", "b", ProjectionExpression="#n", ExpressionAttributeNames={"#n": "n"})
    second = batch["RequestItems"][partition.table]["Keys"][1:]

    class OneKeyPerRead(Hooked):
        """An engine that reads one key at a time."""

        def call(self, call: Call) -> Any:
            if call.operation != "batch_get_item":
                return self.forward(call)
            request = call.arguments["RequestItems"][partition.table]
            first, *left = request["Keys"]
            answer = self.forward(
                call.with_arguments(RequestItems={partition.table: {**request, "Keys": [first]}})
            )
            unread = {partition.table: {**request, "Keys": left}} if left else {}
            return {**answer, "UnprocessedKeys": unread}

    dynamodb.put_item(**partition.put("a", 1))
    dynamodb.put_item(**partition.put("b", 1))
    region = Region(OneKeyPerRead(dynamodb, lambda call: None), shows_old=lambda call, key: True)
    with region.running({"Update": partition.add("a")}, {"Update": partition.add("b")}):
        answer = region.client().batch_get_item(**batch)
    assert answer["Responses"][partition.table] == [{"n": {"N": "1"}}]
    assert answer["UnprocessedKeys"] == {
        partition.table: {**batch["RequestItems"][partition.table], "Keys": second}
    }


CONDITIONS: list[tuple[str, dict[str, str]]] = [
    ("pk = :pk", {}),
    ("pk = :pk AND sk BETWEEN :a AND :b", {":a": "c", ":b": "m2"}),
    ("pk = :pk AND begins_with(sk, :p)", {":p": "m"}),
    ("pk = :pk AND sk > :a", {":a": "d"}),
    ("pk = :pk AND sk >= :a", {":a": "d"}),
    ("sk < :a AND pk = :pk", {":a": "m4"}),
    ("#p = :pk AND #s <= :a", {":a": "m4"}),
    ("pk = :pk and sk = :a", {":a": "m1"}),
]


@pytest.mark.parametrize("seed", range(3))
def test_query_pages_through_exactly_the_chosen_mixture_of_old_and_new(
    dynamodb: "DynamoDBClient", partition: Partition, seed: int
) -> None:
    chance = random.Random(seed)
    names = [*"abcdefgh", *(f"m{n}" for n in range(8)), "é", "\U0001f600", "￿"]
    before = {sk: 1 for sk in names if chance.random() < 0.6}
    touched = chance.sample(names, 12)
    after = {**before, **dict.fromkeys(touched[:8], 2)}
    deleted = touched[8:]
    shown_old: set[str] = set()
    region = Region(dynamodb, shows_old=lambda call, key: key.sk in shown_old)
    for sk in before:
        dynamodb.put_item(**partition.put(sk, 1))
    actions: list[dict[str, Any]] = [{"Put": partition.put(sk, 2)} for sk in touched[:8]]
    actions += [{"Delete": partition.at(sk)} for sk in deleted]
    for _ in range(2):
        shown_old = set(chance.sample(touched, 6))  # the first query over the others marks them as visible
        with region.running(*actions):
            mixture = {sk: n for sk, n in after.items() if sk not in deleted}
            for sk in shown_old:
                mixture.pop(sk, None)
                mixture |= {sk: before[sk]} if sk in before else {}
            for expression, values in CONDITIONS:
                query = condition(partition, expression, values)
                wanted = query_range(query)
                for backwards, limit in ((False, None), (True, None), (False, 1), (True, 2), (False, 5)):
                    expected = sorted(sk for sk in mixture if partition.key(sk) in wanted)
                    pages = list(paged(region.client(), query, backwards, limit))
                    assert all(len(page) == limit for page in pages[:-1])
                    found = [item for page in pages for item in page]
                    assert [item["sk"]["S"] for item in found] == (expected[::-1] if backwards else expected)
                    assert numbers(found) == {sk: mixture[sk] for sk in expected}
        for sk in names:  # restore the previous state
            dynamodb.delete_item(**partition.at(sk))
            if sk in before:
                dynamodb.put_item(**partition.put(sk, 1))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("limit", [None, 4])
def test_short_pages_of_the_engine_contain_old_items_in_order(
    dynamodb: "DynamoDBClient", partition: Partition, backwards: bool, limit: int | None
) -> None:
    for sk in "bcdegh":
        dynamodb.put_item(**partition.put(sk, 1))
    engine = FaultyClient(dynamodb, plans.always(plans.short_page(2), "query"))
    region = Region(engine, shows_old=lambda call, key: True)
    puts = [{"Put": partition.put(sk, 2)} for sk in "acfi"]
    with region.running(*puts, *({"Delete": partition.at(sk)} for sk in "bgh")):
        assert sorted(partition.contents(dynamodb)) == list("acdefi")
        pages = list(paged(region.client(), partition.all(), backwards, limit))
    found = [item for page in pages for item in page]
    assert [item["sk"]["S"] for item in found] == sorted("bcdegh", reverse=backwards)
    assert set(numbers(found).values()) == {1}
    assert len(pages) > 2


def condition(partition: Partition, expression: str, values: dict[str, str]) -> dict[str, Any]:
    names = {"#p": "pk", "#s": "sk"} if "#" in expression else {}
    typed = {":pk": {"S": partition.pk}, **{name: {"S": value} for name, value in values.items()}}
    query = partition.all(KeyConditionExpression=expression, ExpressionAttributeValues=typed)
    return {**query, "ExpressionAttributeNames": names} if names else query


def paged(
    client: DynamoClient, query: dict[str, Any], backwards: bool, limit: int | None
) -> Iterator[list[dict[str, Any]]]:
    more: dict[str, Any] = {"ScanIndexForward": not backwards}
    if limit is not None:
        more["Limit"] = limit
    while True:
        page = client.query(**query, **more)
        assert page["Count"] == len(page["Items"])
        yield page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def test_seeded_visibility_is_reproducible_and_mixed() -> None:
    keys = [ItemKey("table", "room", str(n)) for n in range(200)]
    call = Call(3, "query", {})
    first, again, other = (seeded_visibility(seed, 0.5) for seed in (1, 1, 2))
    shown = [first(call, key) for key in keys]
    assert shown == [again(call, key) for key in keys]
    assert shown != [other(call, key) for key in keys]
    assert shown != [first(Call(4, "query", {}), key) for key in keys]
    assert 60 < sum(shown) < 140
    assert not any(seeded_visibility(1, 0.0)(call, key) for key in keys)
    assert all(seeded_visibility(1, 1.0)(call, key) for key in keys)


@pytest.mark.parametrize(
    "expression",
    [
        "pk = :pk OR sk = :pk",
        "sk = :pk",
        "pk > :pk",
        "pk = :pk AND n = :pk",
        "pk = :pk AND",
        "pk = :pk sk = :pk",
        "size(pk) = :pk",
    ],
)
def test_unsupported_key_condition_raises_value_error(partition: Partition, expression: str) -> None:
    with pytest.raises(ValueError, match="condition"):
        query_range(condition(partition, expression, {}))


def test_legacy_key_conditions_and_invalid_projections_raise_value_error(
    region: Region, partition: Partition, changes: list[dict[str, Any]]
) -> None:
    with pytest.raises(ValueError, match="KeyConditionExpression"):
        region.client().query(TableName=partition.table, KeyConditions={})
    with region.running(*changes), pytest.raises(ValueError, match="projection"):
        region.client().query(**partition.all(ProjectionExpression="n inner"))


def test_nested_projection_applies_to_old_items(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    item = {**partition.item("a"), "m": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}}
    dynamodb.put_item(TableName=partition.table, Item=item)
    region = Region(dynamodb, shows_old=lambda call, key: True)
    with region.running({"Put": partition.put("a", 5)}):
        page = region.client().query(**partition.all(ProjectionExpression="m.x"))
    assert page["Items"] == [{"m": {"M": {"x": {"N": "1"}}}}]
