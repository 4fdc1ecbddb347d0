"""The subset of DynamoDB's expressions in use: key conditions on ``pk`` and ``sk``, and attribute lists.

Supported are ``pk = :v``, alone or with one of ``sk = | < | <= | > | >= :v``, ``sk BETWEEN :a AND :b`` and
``begins_with(sk, :p)``, in either order, with or without ``#names`` (developer guide, "Key condition expressions
for the Query operation"). Anything else raises ValueError instead of giving a wrong result.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.faults.calls import ItemKey

_NAME = r"(?P<name>#?\w+)"
_COMPARISON = re.compile(rf"{_NAME}\s*(?P<operator><=|>=|=|<|>)\s*(?P<low>:\w+)")
_BETWEEN = re.compile(rf"{_NAME}\s+BETWEEN\s+(?P<low>:\w+)\s+AND\s+(?P<high>:\w+)", re.IGNORECASE)
_BEGINS_WITH = re.compile(rf"begins_with\s*\(\s*{_NAME}\s*,\s*(?P<low>:\w+)\s*\)", re.IGNORECASE)
_AND = re.compile(r"\s+AND\s+", re.IGNORECASE)

_OPERATORS: dict[str, Callable[[str, str, str], bool]] = {
    "=": lambda sk, low, high: sk == low,
    "<": lambda sk, low, high: sk < low,
    "<=": lambda sk, low, high: sk <= low,
    ">": lambda sk, low, high: sk > low,
    ">=": lambda sk, low, high: sk >= low,
    "between": lambda sk, low, high: low <= sk <= high,
    "begins_with": lambda sk, low, high: sk.startswith(low),
    "any": lambda sk, low, high: True,
}


@dataclass(frozen=True)
class KeyRange:
    """The items of one partition that a query selects.

    Sort keys compare by code point, which is the order of their UTF-8 bytes, as in DynamoDB.
    """

    table: str
    pk: str
    operator: str = "any"
    low: str = ""
    high: str = ""

    def __contains__(self, key: ItemKey) -> bool:
        return (key.table, key.pk) == (self.table, self.pk) and _OPERATORS[self.operator](
            key.sk, self.low, self.high
        )


def key_range(arguments: Mapping[str, Any]) -> KeyRange:
    """Return the range that a Query selects. Raises ValueError for an unsupported condition."""
    expression = arguments.get("KeyConditionExpression")
    if not isinstance(expression, str):
        raise ValueError("a query needs a KeyConditionExpression (the legacy KeyConditions are unsupported)")
    values = {name: value.get("S") for name, value in arguments.get("ExpressionAttributeValues", {}).items()}
    names = arguments.get("ExpressionAttributeNames", {})
    conditions: dict[str, tuple[str, str, str]] = {}
    for match, operator in _terms(expression):
        name = names.get(match["name"], match["name"])
        low, high = (values.get(match.groupdict().get(bound)) or "" for bound in ("low", "high"))
        conditions[name] = (operator, low, high)
    if "pk" not in conditions or conditions["pk"][0] != "=" or not conditions.keys() <= {"pk", "sk"}:
        raise ValueError(f"unsupported key condition: {expression}")
    return KeyRange(arguments["TableName"], conditions["pk"][1], *conditions.get("sk", ("any", "", "")))


def attribute_names(arguments: Mapping[str, Any]) -> list[str] | None:
    """Return the top-level attributes of a ProjectionExpression, or ``None`` for whole items.

    Raises ValueError for a nested path (``a.b``, ``a[0]``).
    """
    expression = arguments.get("ProjectionExpression")
    if expression is None:
        return None
    names = arguments.get("ExpressionAttributeNames", {})
    paths = [part.strip() for part in expression.split(",")]
    if any(not re.fullmatch(r"#?\w+", part) for part in paths):
        raise ValueError(f"unsupported nested path in a projection: {expression}")
    return [names.get(part, part) for part in paths]


def without_projection(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without the projection and the names that only it used, which DynamoDB rejects."""
    kept = {name: value for name, value in arguments.items() if name != "ProjectionExpression"}
    used = set(re.findall(r"#\w+", kept.get("KeyConditionExpression", "")))
    names = {name: value for name, value in kept.pop("ExpressionAttributeNames", {}).items() if name in used}
    return {**kept, "ExpressionAttributeNames": names} if names else kept


def _terms(expression: str) -> list[tuple[re.Match[str], str]]:
    """Split the conjunction into conditions, each with its operator."""
    terms, rest = [], expression.strip()
    while rest:
        match, operator = _first_term(rest, expression)
        terms.append((match, operator))
        rest = rest[match.end() :]
        conjunction = _AND.match(rest)
        if bool(rest) != bool(conjunction):
            raise ValueError(f"unsupported key condition: {expression}")
        rest = rest[conjunction.end() :] if conjunction else ""
    return terms


def _first_term(rest: str, expression: str) -> tuple[re.Match[str], str]:
    if match := _BETWEEN.match(rest):
        return match, "between"
    if match := _BEGINS_WITH.match(rest):
        return match, "begins_with"
    if match := _COMPARISON.match(rest):
        return match, match["operator"]
    raise ValueError(f"unsupported key condition: {expression}")
