"""Limits of expressions and values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, item, key

ONE = {":v": {"N": "1"}}


def failure_of(target: Target, condition: str, values: dict[str, Any]) -> OperationFailed:
    with pytest.raises(OperationFailed) as failure:
        target.call(
            "DeleteItem",
            Key=key("p", "a"),
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
    return failure.value


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("n = :v OR " * 300 + "n = :v", "too many operators"),
        ("n = :v" + " " * 5000 + "AND s = :v", "Expression size has exceeded the maximum allowed size"),
        ("(" * 2000 + "n = :v", "nested too deeply"),
        ("NOT " * 1000 + "n = :v", "too many operators"),
        (f"n IN ({', '.join([':v'] * 101)})", "operator or function: IN, number of operands: 102"),
    ],
    ids=["operators", "bytes", "parentheses", "negations", "options"],
)
def test_expression_beyond_a_limit_is_refused(toys: Target, condition: str, message: str) -> None:
    failure = failure_of(toys, condition, ONE)

    assert failure.code == "ValidationException"
    assert message in failure.message


def test_expression_within_the_limits_is_evaluated(toys: Target) -> None:
    toys.put("p", "a", n=1)

    toys.call(
        "DeleteItem",
        Key=key("p", "a"),
        ConditionExpression="n = :v AND " * 149 + f"n IN ({', '.join([':v'] * 100)})",
        ExpressionAttributeValues=ONE,
    )

    assert toys.get("p", "a") is None


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


def test_value_of_32_levels_is_accepted_and_deeper_ones_are_refused(toys: Target) -> None:
    toys.put("p", "a", deep=nested(31))

    for levels in (33, 20_000):
        with pytest.raises(OperationFailed, match="nested"):
            toys.put("p", "a", deep=nested(levels))

    assert toys.get("p", "a") == item("p", "a", deep=nested(31))
