"""The effect of update expressions on an item."""

# The tables have a line for each case.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, item, key, value_of

BEFORE: dict[str, Any] = {
    "n": 5,
    "s": "x",
    "m": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"N": "2"}}}}},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
    "tags": {"SS": ["a", "b"]},
}


CHANGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("SET n = :v", {"v": 7}, {"n": 7}),
    ("set n = :v", {"v": 7}, {"n": 7}),
    ("SET n = n + :v", {"v": 7}, {"n": 12}),
    ("SET n = n - :v", {"v": 7}, {"n": -2}),
    ("SET n = :v - n", {"v": 7}, {"n": 2}),
    ("SET n = m.a + m.b.c", {}, {"n": 3}),
    ("SET n = if_not_exists(n, :v)", {"v": 7}, {"n": 5}),
    ("SET k = if_not_exists(k, :v)", {"v": 7}, {"k": 7}),
    ("SET k = if_not_exists(k, :v) + :v", {"v": 7}, {"k": 14}),
    ("SET k = if_not_exists(k, n)", {}, {"k": 5}),
    ("SET n = s, s = n", {}, {"n": "x", "s": 5}),
    ("SET l = list_append(l, :v)", {"v": {"L": [{"S": "z"}]}}, {"l": {"L": [*BEFORE["l"]["L"], {"S": "z"}]}}),
    ("SET l = list_append(:v, l)", {"v": {"L": [{"S": "z"}]}}, {"l": {"L": [{"S": "z"}, *BEFORE["l"]["L"]]}}),
    ("SET l[1] = :v", {"v": 7}, {"l": {"L": [{"N": "0"}, {"N": "7"}, {"N": "2"}]}}),
    ("SET l[9] = :v", {"v": 7}, {"l": {"L": [*BEFORE["l"]["L"], {"N": "7"}]}}),
    ("SET m.a = :v", {"v": 7}, {"m": {"M": {**BEFORE["m"]["M"], "a": {"N": "7"}}}}),
    ("SET m.b.c = m.a", {}, {"m": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"N": "1"}}}}}}),
    ("REMOVE n, m.a, l[0], l[2]", {}, {"n": None, "m": {"M": {"b": BEFORE["m"]["M"]["b"]}}, "l": {"L": [{"N": "1"}]}}),
    ("REMOVE absent, l[9]", {}, {}),
    ("ADD n :v", {"v": -7}, {"n": -2}),
    ("ADD k :v", {"v": 7}, {"k": 7}),
    ("ADD m.a :v", {"v": 7}, {"m": {"M": {**BEFORE["m"]["M"], "a": {"N": "8"}}}}),
    ("ADD fresh :v", {"v": {"SS": ["z"]}}, {"fresh": {"SS": ["z"]}}),
    ("DELETE tags :v", {"v": {"SS": ["b", "z"]}}, {"tags": {"SS": ["a"]}}),
    ("DELETE tags :v", {"v": {"SS": ["a", "b"]}}, {"tags": None}),
    ("DELETE absent :v", {"v": {"SS": ["a"]}}, {}),
    ("SET n = :v REMOVE s ADD k :v DELETE tags :w", {"v": 1, "w": {"SS": ["a"]}}, {"n": 1, "s": None, "k": 1, "tags": {"SS": ["b"]}}),
    ("SET n = n + :big", {"big": {"N": "0.00000000000000000000000000000000001"}}, {"n": {"N": "5.00000000000000000000000000000000001"}}),
]  # fmt: skip

MISFITS: list[tuple[str, dict[str, Any], str]] = [
    ("SET n = absent", {}, "The provided expression refers to an attribute that does not exist in the item"),
    ("SET n = n + s", {}, "An operand in the update expression has an incorrect data type"),
    ("SET s = s + :v", {"v": 1}, "An operand in the update expression has an incorrect data type"),
    ("SET l = list_append(n, :v)", {"v": {"L": []}}, "An operand in the update expression has an incorrect data type"),
    ("ADD s :v", {"v": 1}, "An operand in the update expression has an incorrect data type"),
    ("ADD tags :v", {"v": {"NS": ["1"]}}, "An operand in the update expression has an incorrect data type"),
    ("DELETE n :v", {"v": {"SS": ["a"]}}, "An operand in the update expression has an incorrect data type"),
    ("SET absent.a = :v", {"v": 1}, "The document path provided in the update expression is invalid for update"),
    ("SET s.a = :v", {"v": 1}, "The document path provided in the update expression is invalid for update"),
    ("SET m[0] = :v", {"v": 1}, "The document path provided in the update expression is invalid for update"),
    ("REMOVE absent.a", {}, "The document path provided in the update expression is invalid for update"),
    ("SET n = n + :v", {"v": {"N": "1e126"}}, "Number overflow"),
    ("SET n = n + :v", {"v": {"N": "1e40"}}, "Attempting to store more than 38 significant digits in a Number"),
]  # fmt: skip


def change(target: Target, pk: str, expression: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    if values:
        more["ExpressionAttributeValues"] = {f":{name}": value_of(value) for name, value in values.items()}
    return target.call("UpdateItem", Key=key(pk, "a"), UpdateExpression=expression, **more)


@pytest.mark.parametrize(("expression", "values", "expected"), CHANGES, ids=[case[0] for case in CHANGES])
def test_update_changes_what_it_names_and_nothing_else(
    target: Target, pk: str, expression: str, values: dict[str, Any], expected: dict[str, Any]
) -> None:
    target.put(pk, "a", **BEFORE)

    change(target, pk, expression, values)

    after = {name: value for name, value in {**BEFORE, **expected}.items() if value is not None}
    assert target.get(pk, "a") == item(pk, "a", **after)


def test_addition_to_a_set_makes_the_union(target: Target, pk: str) -> None:
    target.put(pk, "a", tags={"SS": ["a", "b"]})

    change(target, pk, "ADD tags :v", {"v": {"SS": ["c", "b"]}})

    assert sorted((target.get(pk, "a") or {})["tags"]["SS"]) == ["a", "b", "c"]


def test_update_creates_a_missing_item(target: Target, pk: str) -> None:
    answer = change(target, pk, "SET n = :v", {"v": 1}, ReturnValues="ALL_OLD")

    assert answer == {}
    assert target.get(pk, "a") == item(pk, "a", n=1)


def test_update_without_an_expression_creates_the_item_and_leaves_an_existing_one(target: Target, pk: str) -> None:
    target.put(pk, "b", n=1)

    target.call("UpdateItem", Key=key(pk, "a"))
    target.call("UpdateItem", Key=key(pk, "b"))

    assert (target.get(pk, "a"), target.get(pk, "b")) == (item(pk, "a"), item(pk, "b", n=1))


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("ALL_OLD", item("", "a", **BEFORE)),
        ("ALL_NEW", item("", "a", **{**BEFORE, "n": 6, "m": {"M": {**BEFORE["m"]["M"], "a": {"N": "9"}}}})),
        ("UPDATED_OLD", {"n": {"N": "5"}, "m": {"M": {"a": {"N": "1"}}}}),
        ("UPDATED_NEW", {"n": {"N": "6"}, "m": {"M": {"a": {"N": "9"}}}}),
        ("NONE", None),
    ],
)
def test_return_values_show_the_item_or_what_was_updated(
    target: Target, pk: str, returned: str, expected: dict[str, Any] | None
) -> None:
    target.put(pk, "a", **BEFORE)

    answer = change(target, pk, "SET n = n + :one, m.a = :nine", {"one": 1, "nine": 9}, ReturnValues=returned)

    if expected is not None and "pk" in expected:
        expected = {**expected, "pk": {"S": pk}}
    assert answer.get("Attributes") == expected


@pytest.mark.parametrize(("expression", "values", "message"), MISFITS, ids=[case[0] for case in MISFITS])
def test_update_that_does_not_fit_the_item_is_refused_and_changes_nothing(
    target: Target, pk: str, expression: str, values: dict[str, Any], message: str
) -> None:
    target.put(pk, "a", **BEFORE)

    with pytest.raises(OperationFailed) as failure:
        change(target, pk, expression, values)

    assert failure.value.code == "ValidationException"
    assert message in failure.value.message
    assert target.get(pk, "a") == item(pk, "a", **BEFORE)
