"""Reading and writing one item."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, item, key

EVERY_TYPE: dict[str, Any] = {
    "string": {"S": "grüß 👋"},
    "empty": {"S": ""},
    "number": {"N": "-12.5"},
    "binary": {"B": "AAECAw=="},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "list": {"L": [{"S": "a"}, {"N": "1"}, {"L": []}, {"M": {"x": {"NULL": True}}}]},
    "map": {"M": {"a": {"M": {"b": {"N": "1"}}}, "c d": {"S": ""}}},
    "strings": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "binaries": {"BS": ["AA==", "AQ=="]},
}


def test_item_of_every_type_is_read_as_it_was_written(target: Target, pk: str) -> None:
    target.put(pk, "a", **EVERY_TYPE)

    found = target.get(pk, "a") or {}

    for name in ("strings", "numbers", "binaries"):
        (members,) = found[name].values()
        members.sort()
    assert found == item(pk, "a", **EVERY_TYPE)


def test_missing_item_has_no_item_in_the_answer(target: Target, pk: str) -> None:
    assert target.call("GetItem", Key=key(pk, "a")) == {}


def test_put_replaces_the_whole_item_and_returns_the_old_one_if_asked(target: Target, pk: str) -> None:
    target.put(pk, "a", n=1, gone="x")

    answer = target.call("PutItem", Item=item(pk, "a", n=2), ReturnValues="ALL_OLD")

    assert answer == {"Attributes": item(pk, "a", n=1, gone="x")}
    assert target.get(pk, "a") == item(pk, "a", n=2)


def test_put_of_a_new_item_returns_no_old_one(target: Target, pk: str) -> None:
    assert target.call("PutItem", Item=item(pk, "a"), ReturnValues="ALL_OLD") == {}


def test_delete_returns_the_old_item_once(target: Target, pk: str) -> None:
    target.put(pk, "a", n=1)

    first = target.call("DeleteItem", Key=key(pk, "a"), ReturnValues="ALL_OLD")
    second = target.call("DeleteItem", Key=key(pk, "a"), ReturnValues="ALL_OLD")

    assert (first, second) == ({"Attributes": item(pk, "a", n=1)}, {})
    assert target.get(pk, "a") is None


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
@pytest.mark.parametrize("asked", [True, False])
def test_failed_condition_writes_nothing(target: Target, pk: str, operation: str, *, asked: bool) -> None:
    target.put(pk, "a", n=1)
    subject = {"Item": item(pk, "a", n=2)} if operation == "PutItem" else {"Key": key(pk, "a")}
    more = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if asked else {}

    with pytest.raises(OperationFailed) as failure:
        target.call(operation, **subject, ConditionExpression="attribute_not_exists(pk)", **more)

    assert failure.value.code == "ConditionalCheckFailedException"
    assert failure.value.message == "The conditional request failed"
    assert failure.value.item == (item(pk, "a", n=1) if asked else None)
    assert target.get(pk, "a") == item(pk, "a", n=1)


def test_failed_condition_on_a_missing_item_shows_no_item(target: Target, pk: str) -> None:
    with pytest.raises(OperationFailed) as failure:
        target.call(
            "DeleteItem",
            Key=key(pk, "a"),
            ConditionExpression="attribute_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert failure.value.item is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("n", {"n": {"N": "1"}}),
        ("n, absent", {"n": {"N": "1"}}),
        ("m.a", {"m": {"M": {"a": {"N": "1"}}}}),
        ("m.a, m.c.d", {"m": {"M": {"a": {"N": "1"}, "c": {"M": {"d": {"N": "3"}}}}}}),
        ("l[1]", {"l": {"L": [{"N": "1"}]}}),
        ("l[2], l[0]", {"l": {"L": [{"N": "0"}, {"N": "2"}]}}),
        ("l[3].x, l[9]", {"l": {"L": [{"M": {"x": {"S": "deep"}}}]}}),
        ("absent", {}),
        ("n.x, m[0]", {}),
    ],
)
def test_projection_returns_the_paths_that_are_there(
    target: Target, pk: str, expression: str, expected: dict[str, Any]
) -> None:
    elements = [*({"N": str(number)} for number in range(3)), {"M": {"x": {"S": "deep"}, "y": {"N": "1"}}}]
    nested = {"M": {"a": {"N": "1"}, "b": {"N": "2"}, "c": {"M": {"d": {"N": "3"}, "e": {"N": "4"}}}}}
    target.put(pk, "a", n=1, m=nested, l={"L": elements})

    assert target.call("GetItem", Key=key(pk, "a"), ProjectionExpression=expression) == {"Item": expected}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1.0", "1"),
        ("007", "7"),
        ("-0", "0"),
        ("0.10", "0.1"),
        ("1e3", "1000"),
        ("12E-3", "0.012"),
        ("+5", "5"),
        (".5", "0.5"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("1e-130", "0." + "0" * 129 + "1"),
    ],
)
def test_numbers_are_read_in_their_canonical_form(target: Target, pk: str, written: str, read: str) -> None:
    target.put(pk, "a", n={"N": written})

    assert (target.get(pk, "a") or {})["n"] == {"N": read}


def test_item_of_400_kb_is_accepted_and_one_byte_more_refused(target: Target, pk: str) -> None:
    overhead = len("pk") + len(pk) + len("sk") + len("a") + len("text")
    target.put(pk, "a", text="x" * (400 * 1024 - overhead))

    with pytest.raises(OperationFailed, match="Item size has exceeded the maximum allowed size") as failure:
        target.put(pk, "a", text="x" * (400 * 1024 - overhead + 1))

    assert failure.value.code == "ValidationException"
    with pytest.raises(OperationFailed, match="Item size to update has exceeded the maximum allowed size"):
        target.call(
            "UpdateItem",
            Key=key(pk, "a"),
            UpdateExpression="SET more = :more",
            ExpressionAttributeValues={":more": {"S": "y"}},
        )


@pytest.mark.parametrize(("hash_type", "values"), [("N", ("10", "9")), ("B", ("Ag==", "AQ=="))])
def test_keys_of_every_type_name_items(target: Target, pk: str, hash_type: str, values: tuple[str, str]) -> None:
    table = f"keys-{pk}"
    target.create(table, hash_type, None)
    for value in values:
        target.call("PutItem", TableName=table, Item={"pk": {hash_type: value}, "n": {"S": value}})

    for value in values:
        found = target.call("GetItem", TableName=table, Key={"pk": {hash_type: value}})
        assert found == {"Item": {"pk": {hash_type: value}, "n": {"S": value}}}


def test_binary_values_are_their_bytes_however_they_are_written(target: Target, pk: str) -> None:
    target.put(pk, "a", b={"B": "QR=="})  # as QQ==, but for bits that mean nothing
    target.call(
        "PutItem",
        Item=item(pk, "a", n=1),
        ConditionExpression="b = :b",
        ExpressionAttributeValues={":b": {"B": "QQ=="}},
    )

    assert target.get(pk, "a") == item(pk, "a", n=1)
