"""Which conditions hold for an item."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, key, value_of

ITEM: dict[str, Any] = {
    "n": 10,
    "negative": -2,
    "fraction": {"N": "2.50"},
    "s": "hello",
    "empty": "",
    "b": {"B": "AQI="},
    "yes": True,
    "none": {"NULL": True},
    "l": {"L": [{"N": "1"}, {"S": "two"}, {"M": {"x": {"N": "3"}}}]},
    "m": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"S": "deep"}}}}},
    "tags": {"SS": ["red", "green"]},
    "numbers": {"NS": ["1", "2"]},
}

HOLDS: list[tuple[str, dict[str, Any]]] = [
    ("n = :v", {"v": 10}),
    ("n = :v", {"v": {"N": "10.0"}}),
    ("fraction = :v", {"v": {"N": "2.5"}}),
    ("n > :v", {"v": 9}),
    ("n >= :v", {"v": 10}),
    ("n < :v", {"v": {"N": "10.0000000000000000000000000000000001"}}),
    ("negative < n", {}),
    ("n <> :v", {"v": "10"}),
    ("absent <> :v", {"v": 1}),
    ("s = :v", {"v": "hello"}),
    ("s < :v", {"v": "help"}),
    ("s > :v", {"v": "Z"}),
    ("b = :v", {"v": {"B": "AQI="}}),
    ("b > :v", {"v": {"B": "AQ=="}}),
    ("b < :v", {"v": {"B": "/w=="}}),
    ("yes = :v", {"v": True}),
    ("none = :v", {"v": {"NULL": True}}),
    ("tags = :v", {"v": {"SS": ["green", "red"]}}),
    ("numbers = :v", {"v": {"NS": ["2.0", "1"]}}),
    ("m.b = :v", {"v": {"M": {"c": {"S": "deep"}}}}),
    ("m.b.c = :v", {"v": "deep"}),
    ("l[0] = :v", {"v": 1}),
    ("l[2].x = :v", {"v": 3}),
    (":v = n", {"v": 10}),
    ("attribute_exists(n)", {}),
    ("attribute_exists(m.b.c)", {}),
    ("attribute_exists(l[2])", {}),
    ("attribute_exists(empty)", {}),
    ("attribute_not_exists(absent)", {}),
    ("attribute_not_exists(m.b.d)", {}),
    ("attribute_not_exists(l[3])", {}),
    ("attribute_not_exists(n.x)", {}),
    ("attribute_type(n, :v)", {"v": "N"}),
    ("attribute_type(none, :v)", {"v": "NULL"}),
    ("begins_with(s, :v)", {"v": "hel"}),
    ("begins_with(s, :v)", {"v": ""}),
    ("begins_with(b, :v)", {"v": {"B": "AQ=="}}),
    ("contains(s, :v)", {"v": "ell"}),
    ("contains(tags, :v)", {"v": "red"}),
    ("contains(numbers, :v)", {"v": {"N": "2.0"}}),
    ("contains(l, :v)", {"v": "two"}),
    ("contains(l, :v)", {"v": {"M": {"x": {"N": "3"}}}}),
    ("contains(b, :v)", {"v": {"B": "Ag=="}}),
    ("size(s) = :v", {"v": 5}),
    ("size(b) = :v", {"v": 2}),
    ("size(l) = :v", {"v": 3}),
    ("size(m) = :v", {"v": 2}),
    ("size(tags) >= :v", {"v": 2}),
    ("size(empty) = :v", {"v": 0}),
    ("n BETWEEN :v AND :w", {"v": 10, "w": 11}),
    ("s BETWEEN :v AND :w", {"v": "a", "w": "z"}),
    ("n IN (:v, :w)", {"v": 1, "w": 10}),
    ("NOT n = :v", {"v": 1}),
    ("NOT absent = :v", {"v": 1}),
    ("NOT (n = :v OR s = :w)", {"v": 1, "w": "x"}),
    ("n = :v OR n = :w AND s = :w", {"v": 10, "w": "x"}),
    ("(n = :v OR n = :w) AND s = :x", {"v": 10, "w": 11, "x": "hello"}),
    ("n = :v and not s = :w", {"v": 10, "w": "x"}),
]

FAILS: list[tuple[str, dict[str, Any]]] = [
    ("n = :v", {"v": "10"}),
    ("n <> :v", {"v": {"N": "1e1"}}),
    ("n < :v", {"v": 10}),
    ("n > :v", {"v": "1"}),
    ("absent = :v", {"v": 1}),
    ("absent < :v", {"v": 1}),
    ("absent >= :v", {"v": 1}),
    ("s < :v", {"v": "Z"}),
    ("attribute_exists(absent)", {}),
    ("attribute_exists(m.b.d)", {}),
    ("attribute_not_exists(n)", {}),
    ("attribute_type(n, :v)", {"v": "S"}),
    ("attribute_type(absent, :v)", {"v": "S"}),
    ("begins_with(s, :v)", {"v": "Hel"}),
    ("begins_with(absent, :v)", {"v": "x"}),
    ("contains(s, :v)", {"v": 1}),
    ("contains(tags, :v)", {"v": "re"}),
    ("contains(numbers, :v)", {"v": "1"}),
    ("contains(l, :v)", {"v": 2}),
    ("contains(m, :v)", {"v": "a"}),
    ("size(s) > :v", {"v": 5}),
    ("size(absent) = :v", {"v": 0}),
    ("n BETWEEN :v AND :w", {"v": 11, "w": 12}),
    ("s BETWEEN :v AND :w", {"v": 1, "w": 2}),
    ("n IN (:v)", {"v": "10"}),
    ("absent IN (:v)", {"v": "10"}),
    ("NOT attribute_exists(n)", {}),
    ("n = :v OR n = :w AND s = :w", {"v": 1, "w": 10}),
    ("(n = :v OR n = :w) AND s = :x", {"v": 10, "w": 11, "x": "x"}),
]


def is_met(target: Target, pk: str, condition: str, values: dict[str, Any]) -> bool:
    more: dict[str, Any] = {}
    if values:
        more["ExpressionAttributeValues"] = {f":{name}": value_of(value) for name, value in values.items()}
    if "none" in condition or "empty" in condition:  # reserved words
        for word in ("none", "empty"):
            if word in condition:
                condition = condition.replace(word, f"#{word}")
                more["ExpressionAttributeNames"] = {f"#{word}": word}
    try:
        target.call("DeleteItem", Key=key(pk, "a"), ConditionExpression=condition, **more)
    except OperationFailed as error:
        assert error.code == "ConditionalCheckFailedException", error
        return False
    return True


@pytest.mark.parametrize(("condition", "values"), HOLDS, ids=[condition for condition, _ in HOLDS])
def test_condition_holds(target: Target, pk: str, condition: str, values: dict[str, Any]) -> None:
    target.put(pk, "a", **ITEM)

    assert is_met(target, pk, condition, values)


@pytest.mark.parametrize(("condition", "values"), FAILS, ids=[condition for condition, _ in FAILS])
def test_condition_does_not_hold(target: Target, pk: str, condition: str, values: dict[str, Any]) -> None:
    target.put(pk, "a", **ITEM)

    assert not is_met(target, pk, condition, values)
