"""Plain Python values to DynamoDB's typed values and back (DynamoDB Developer Guide, "Low-level API").

Only the types that are stored: strings, integers, booleans, maps of these, and sets of integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Item = dict[str, Any]
"""An item with plain values, by attribute name."""

_MARSHAL: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    str: lambda value: {"S": value},
    bool: lambda value: {"BOOL": value},
    int: lambda value: {"N": str(value)},
    dict: lambda value: {"M": marshal_item(value)},
    frozenset: lambda value: {"NS": [str(number) for number in sorted(value)]},
}

_UNMARSHAL: Mapping[str, Callable[[Any], Any]] = {
    "S": str,
    "BOOL": bool,
    "N": int,
    "NS": lambda numbers: frozenset(map(int, numbers)),
    "M": lambda item: unmarshal_item(item),  # noqa: PLW0108 — defined below
}


def marshal(value: Any) -> dict[str, Any]:
    """Return a typed value."""
    return _MARSHAL[type(value)](value)


def marshal_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item with typed values, without the attributes that are None."""
    return {name: _MARSHAL[type(value)](value) for name, value in item.items() if value is not None}


def unmarshal_item(item: Mapping[str, Any]) -> Item:
    """Return an item with plain values."""
    # One expression, without a call for each attribute: a page has hundreds of them.
    return {name: _UNMARSHAL[kind](value) for name, typed in item.items() for kind, value in typed.items()}


def unmarshal_optional(item: Mapping[str, Any] | None) -> Item | None:
    """Return an item with plain values, or None for None."""
    return None if item is None else unmarshal_item(item)


def marshal_key(pk: str, sk: str) -> dict[str, Any]:
    """Return a primary key with typed values."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}
