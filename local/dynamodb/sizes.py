"""The sizes of items and values (developer guide, "DynamoDB item sizes and formats")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.dynamodb.numbers import precision_bytes
from local.dynamodb.values import Value, binary

MAX_ITEM = 400 * 1024
_COLLECTION = 3
_ELEMENT = 1


def item_size(item: Mapping[str, Value]) -> int:
    """Return the bytes that an item counts for, names of attributes included."""
    return sum(_text(name) + value_size(value) for name, value in item.items())


def value_size(value: Value) -> int:
    """Return the bytes that a normalized value counts for."""
    ((kind, content),) = value.items()
    return _SIZES[kind](content)


def is_oversized(item: Mapping[str, Value], encoded: str) -> bool:
    """Return whether an item is over 400 KB; `encoded` is its JSON."""
    # The JSON of an item is never shorter than what the item counts for, and a character is at most four bytes.
    return len(encoded) * 4 > MAX_ITEM and item_size(item) > MAX_ITEM


def _text(content: str) -> int:
    return len(content) if content.isascii() else len(content.encode())


_SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": _text,
    "N": precision_bytes,
    "B": lambda content: len(binary(content)),
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "SS": lambda content: sum(map(_text, content)),
    "NS": lambda content: sum(map(precision_bytes, content)),
    "BS": lambda content: sum(len(binary(member)) for member in content),
    "L": lambda content: _COLLECTION + sum(_ELEMENT + value_size(element) for element in content),
    "M": lambda content: _COLLECTION + _ELEMENT * len(content) + item_size(content),
}
