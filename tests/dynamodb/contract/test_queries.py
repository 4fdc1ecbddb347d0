"""Reading a range of a partition."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, item, key

SORT_KEYS = ["A", "a", "a1", "a10", "a2", "b", "ä", "\uffff", "😀"]
"""In DynamoDB's order, that of their UTF-8 bytes."""


@pytest.fixture
def filled(target: Target, pk: str) -> Target:
    for sk in reversed(SORT_KEYS):
        target.put(pk, sk, n=len(sk))
    target.put(f"{pk}0", "a")
    return target


def test_query_returns_one_partition_in_the_order_of_bytes(filled: Target, pk: str) -> None:
    assert filled.query(pk) == SORT_KEYS
    assert filled.query(pk, ScanIndexForward=False) == SORT_KEYS[::-1]


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("pk = :pk AND sk = :v", ["a1"], ["a1"]),
        ("sk = :v AND pk = :pk", ["a1"], ["a1"]),
        (":pk = pk AND :v < sk", ["b"], ["ä", "\uffff", "😀"]),
        ("pk = :pk AND sk < :v", ["a1"], ["A", "a"]),
        ("pk = :pk AND sk <= :v", ["a1"], ["A", "a", "a1"]),
        ("pk = :pk AND sk > :v", ["b"], ["ä", "\uffff", "😀"]),
        ("pk = :pk AND sk >= :v", ["b"], ["b", "ä", "\uffff", "😀"]),
        ("pk = :pk AND sk BETWEEN :v AND :w", ["a1", "a2"], ["a1", "a10", "a2"]),
        ("pk = :pk AND begins_with(sk, :v)", ["a1"], ["a1", "a10"]),
        ("pk = :pk AND begins_with(sk, :v)", ["a"], ["a", "a1", "a10", "a2"]),
        ("pk = :pk AND begins_with(sk, :v)", ["\uffff"], ["\uffff"]),
        ("pk = :pk AND begins_with(sk, :v)", ["😀"], ["😀"]),
        ("pk = :pk AND begins_with(sk, :v)", ["c"], []),
    ],
)
def test_key_condition_selects_a_range(
    filled: Target, pk: str, condition: str, values: list[str], expected: list[str]
) -> None:
    named = {name: {"S": value} for name, value in zip((":v", ":w"), values, strict=False)}

    assert filled.query(pk, KeyConditionExpression=condition, values=named) == expected
    backwards = filled.query(pk, KeyConditionExpression=condition, values=named, ScanIndexForward=False)
    assert backwards == expected[::-1]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 4, 9, 20])
def test_pages_add_up_to_the_whole_partition(filled: Target, pk: str, limit: int, *, forward: bool) -> None:
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = filled.call(
            "Query",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ScanIndexForward=forward,
            Limit=limit,
            **more,
        )
        assert page["Count"] == page["ScannedCount"] == len(page["Items"]) <= limit
        found += [each["sk"]["S"] for each in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        assert page["LastEvaluatedKey"] == key(pk, found[-1])
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    assert found == (SORT_KEYS if forward else SORT_KEYS[::-1])


def test_query_may_start_at_a_key_that_is_not_there(filled: Target, pk: str) -> None:
    assert filled.query(pk, ExclusiveStartKey=key(pk, "a11")) == SORT_KEYS[4:]


def test_filter_removes_items_after_the_limit_has_counted_them(filled: Target, pk: str) -> None:
    page = filled.call(
        "Query",
        KeyConditionExpression="pk = :pk",
        FilterExpression="n = :two",
        ExpressionAttributeValues={":pk": {"S": pk}, ":two": {"N": "2"}},
        Limit=5,
    )

    assert [each["sk"]["S"] for each in page["Items"]] == ["a1", "a2"]
    assert (page["Count"], page["ScannedCount"]) == (2, 5)
    assert page["LastEvaluatedKey"] == key(pk, "a2")


def test_count_returns_no_items(filled: Target, pk: str) -> None:
    page = filled.call(
        "Query",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
        Select="COUNT",
    )

    assert page == {"Count": len(SORT_KEYS), "ScannedCount": len(SORT_KEYS)}


def test_projection_leaves_the_named_attributes(filled: Target, pk: str) -> None:
    page = filled.call(
        "Query",
        KeyConditionExpression="pk = :pk AND sk = :a",
        ProjectionExpression="n",
        ExpressionAttributeValues={":pk": {"S": pk}, ":a": {"S": "a"}},
    )

    assert page["Items"] == [{"n": {"N": "1"}}]


def test_empty_partition_has_an_empty_page(target: Target, pk: str) -> None:
    page = target.call("Query", KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}})

    assert page == {"Items": [], "Count": 0, "ScannedCount": 0}


def test_page_ends_at_one_megabyte(target: Target, pk: str) -> None:
    for number in range(6):
        target.put(pk, f"{number}", text="x" * 300_000)

    page = target.call("Query", KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}})
    rest = target.query(pk, ExclusiveStartKey=page["LastEvaluatedKey"])

    assert page["Count"] in (3, 4)  # whether the item that crosses the line is on the page is not documented
    assert [each["sk"]["S"] for each in page["Items"]] + rest == list("012345")


@pytest.mark.parametrize(
    ("range_type", "order"),
    [
        ("N", ["-1000", "-12.5", "-12", "-1", "-0.5", "0", "0.001", "0.5", "9", "10", "10.01", "100"]),
        ("B", ["AA==", "AAA=", "AQ==", "AQA=", "fw==", "gA==", "/w==", "/wA="]),
    ],
)
def test_sort_keys_of_other_types_have_their_own_order(
    target: Target, pk: str, range_type: str, order: list[str]
) -> None:
    table = f"sorted-{pk}"
    target.create(table, range_type=range_type)
    for value in sorted(order):
        target.call("PutItem", TableName=table, Item={"pk": {"S": "p"}, "sk": {range_type: value}})

    def query(condition: str, **values: str) -> list[str]:
        page = target.call(
            "Query",
            TableName=table,
            KeyConditionExpression=f"pk = :pk{condition}",
            ExpressionAttributeValues={
                ":pk": {"S": "p"},
                **{f":{name}": {range_type: value} for name, value in values.items()},
            },
        )
        return [each["sk"][range_type] for each in page["Items"]]

    assert query("") == order
    assert query(" AND sk > :low", low=order[3]) == order[4:]
    assert query(" AND sk BETWEEN :low AND :high", low=order[2], high=order[5]) == order[2:6]


def test_binary_prefix_selects_a_range(target: Target, pk: str) -> None:
    table = f"prefix-{pk}"
    target.create(table, range_type="B")
    for value in ("/w==", "//8=", "/wA=", "AA=="):
        target.call("PutItem", TableName=table, Item={"pk": {"S": "p"}, "sk": {"B": value}})

    page = target.call(
        "Query",
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :ff)",
        ExpressionAttributeValues={":pk": {"S": "p"}, ":ff": {"B": "/w=="}},
    )

    assert [each["sk"]["B"] for each in page["Items"]] == ["/w==", "/wA=", "//8="]


def test_table_without_a_sort_key_has_one_item_a_partition(target: Target, pk: str) -> None:
    table = f"single-{pk}"
    target.create(table, range_type=None)
    target.call("PutItem", TableName=table, Item={"pk": {"S": "p"}, "n": {"N": "1"}})

    page = target.call(
        "Query",
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "p"}},
    )

    assert page["Items"] == [{"pk": {"S": "p"}, "n": {"N": "1"}}]


def test_start_key_of_another_partition_is_refused(filled: Target, pk: str) -> None:
    with pytest.raises(OperationFailed, match="outside query boundaries") as failure:
        filled.query(pk, ExclusiveStartKey=key("other", "a"))

    assert failure.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("condition", "start"),
    [("sk > :v", "a"), ("sk > :v", "b"), ("sk < :v", "b"), ("sk <= :v", "c"), ("begins_with(sk, :v)", "c")],
)
@pytest.mark.parametrize("forward", [True, False])
def test_start_key_outside_the_range_is_refused(
    filled: Target, pk: str, condition: str, start: str, forward: bool
) -> None:
    with pytest.raises(OperationFailed, match="does not match the range key predicate") as failure:
        filled.query(
            pk,
            KeyConditionExpression=f"pk = :pk AND {condition}",
            values={":v": {"S": "b"}},
            ExclusiveStartKey=key(pk, start),
            ScanIndexForward=forward,
        )

    assert failure.value.code == "ValidationException"


def test_items_that_a_query_returned_are_whole(filled: Target, pk: str) -> None:
    page = filled.call(
        "Query",
        KeyConditionExpression="pk = :pk AND sk = :sk",
        ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": "😀"}},
    )

    assert page["Items"] == [item(pk, "😀", n=1)]
