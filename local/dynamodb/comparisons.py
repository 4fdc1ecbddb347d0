"""Comparisons and functions of conditions on values, of which any may be absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.dynamodb import values as typed
from local.dynamodb.values import Value


def equal(left: Value | None, right: Value | None) -> bool:
    """Return whether both values are there and equal."""
    return left is not None and right is not None and typed.equal(left, right)


def in_order(left: Value | None, right: Value | None, compare: Callable[[Any, Any], bool]) -> bool:
    """Return whether both values are there, have an order, and it is as `compare` wants."""
    if left is None or right is None:
        return False
    order = typed.ordered(left, right)
    return order is not None and compare(*order)


def begins_with(value: Value | None, prefix: Value | None) -> bool:
    """Return whether a string or a binary value begins with another one."""
    if value is None or prefix is None:
        return False
    if "S" in value and "S" in prefix:
        return bool(value["S"].startswith(prefix["S"]))
    return "B" in value and "B" in prefix and typed.binary(value["B"]).startswith(typed.binary(prefix["B"]))


def contains(value: Value | None, wanted: Value | None) -> bool:
    """Return whether a list or a set has an element, or a string or a binary value a part."""
    if value is None or wanted is None:
        return False
    ((kind, content),), ((wanted_kind, part),) = value.items(), wanted.items()
    if kind == "L":
        return any(typed.equal(element, wanted) for element in content)
    if kind in typed.SET_TYPES:
        return kind == f"{wanted_kind}S" and part in content
    if kind != wanted_kind or kind not in ("S", "B"):
        return False
    return part in content if kind == "S" else typed.binary(part) in typed.binary(content)


def size_of(value: Value | None) -> Value | None:
    """Return the size of a value as a number; None if it has none."""
    if value is None:
        return None
    ((kind, content),) = value.items()
    length = LENGTHS.get(kind)
    return None if length is None else {"N": str(length(content))}


LENGTHS: Mapping[str, Callable[[Any], int]] = {
    "S": len, "SS": len, "NS": len, "BS": len, "L": len, "M": len, "B": lambda content: len(typed.binary(content))
}  # fmt: skip
ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
