"""Typed attribute values: `{"S": "text"}` and its like, as the API has them, binary values as base64 text.

A *normalized* value has one type, is valid, and has its numbers in their canonical form, so that two scalars are
equal exactly if their texts are. See the API reference, "AttributeValue".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from local.dynamodb import numbers
from local.dynamodb.errors import DynamoError, invalid_parameter, validation

Value = dict[str, Any]
Item = dict[str, Value]

MAX_NESTING = 32
SET_TYPES = frozenset({"SS", "NS", "BS"})
ORDERED_TYPES = frozenset({"S", "N", "B"})
TYPE_NAMES = {
    "S": "STRING", "N": "NUMBER", "B": "BINARY", "SS": "STRING_SET", "NS": "NUMBER_SET", "BS": "BINARY_SET",
    "M": "MAP", "L": "LIST", "BOOL": "BOOLEAN", "NULL": "NULL",
}  # fmt: skip
_ONE_TYPE = "must contain exactly one of the supported datatypes"


def normalize_item(item: Mapping[str, Any]) -> Item:
    """Return the item with normalized values; itself if they are. Raises DynamoError."""
    changed: Item | None = None
    for name, value in item.items():
        # Most attributes are strings, and most calls are about items.
        if type(value) is dict and type(value.get("S")) is str and len(value) == 1:
            continue
        normalized = normalize(value)
        if normalized is not value:
            changed = changed or dict(item)
            changed[name] = normalized
    return changed or item  # type: ignore[return-value]  # its values are valid: they were just checked


def normalize(value: Any, depth: int = 1) -> Value:
    """Return the normalized value; itself if it is. Raises DynamoError."""
    if type(value) is not dict or len(value) != 1:
        found = "is empty" if not value or not isinstance(value, dict) else "has more than one datatypes set"
        raise validation(f"Supplied AttributeValue {found}, {_ONE_TYPE}")
    for kind, content in value.items():
        if kind == "S":
            if type(content) is str:
                return value
            raise _wrong_content(kind)
        if kind == "N":
            canonical = numbers.canonical(content)
            return value if canonical is content or canonical == content else {"N": canonical}
        normalizer = _NORMALIZERS.get(kind)
        if normalizer is None:
            raise validation(f"Supplied AttributeValue is empty, {_ONE_TYPE}")
        if depth > MAX_NESTING:
            raise validation(
                "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond"
                " supported limit"
            )
        return normalizer(value, content, depth)
    raise AssertionError("unreachable")


def _wrong_content(kind: str) -> DynamoError:
    return DynamoError("SerializationException", f"The content of a value of type {kind} has another type")


def _boolean(value: Value, content: Any, _depth: int) -> Value:
    if type(content) is not bool:
        raise _wrong_content("BOOL")
    return value


def _null(value: Value, content: Any, _depth: int) -> Value:
    if content is not True:
        raise invalid_parameter("Null attribute value types must have the value of true")
    return value


def _binary(value: Value, content: Any, _depth: int) -> Value:
    text = _base64_text(content)
    return value if text is content else {"B": text}


def _base64_text(content: Any) -> str:
    """Return binary content as base64; callers in this process may give bytes."""
    if isinstance(content, bytes | bytearray):
        return base64.b64encode(content).decode()
    if type(content) is not str:
        raise _wrong_content("B")
    try:
        text = base64.b64encode(base64.b64decode(content, validate=True)).decode()
    except (binascii.Error, ValueError):
        raise DynamoError("SerializationException", "A binary value is not valid base64") from None
    return text  # the last character of the content may have bits that mean nothing


def _list(value: Value, content: Any, depth: int) -> Value:
    if not isinstance(content, list):
        raise _wrong_content("L")
    elements = [normalize(element, depth + 1) for element in content]
    same = all(new is old for new, old in zip(elements, content, strict=True))
    return value if same else {"L": elements}


def _map(value: Value, content: Any, depth: int) -> Value:
    if not isinstance(content, dict):
        raise _wrong_content("M")
    members = {name: normalize(member, depth + 1) for name, member in content.items()}
    same = all(members[name] is member for name, member in content.items())
    return value if same else {"M": members}


def _set(kind: str, noun: str, member: Callable[[Any], Any]) -> Callable[[Value, Any, int], Value]:
    def normalize_set(value: Value, content: Any, _depth: int) -> Value:
        if not isinstance(content, list):
            raise _wrong_content(kind)
        if not content:
            raise invalid_parameter(noun)
        members = [member(each) for each in content]
        if len(set(members)) != len(members):
            raise invalid_parameter(f"Input collection {_duplicates(kind, content)}")
        return value if members == content else {kind: members}

    return normalize_set


def _duplicates(kind: str, content: Sequence[Any]) -> str:
    """Return the rest of the message about a set with duplicates, which is another one for each type."""
    if kind == "NS":
        return "contains duplicates"
    listed = f"[{', '.join(map(str, content))}]"
    return f"{listed} contains duplicates." if kind == "SS" else f"{listed}of type BS contains duplicates."


def _text(content: Any) -> str:
    if type(content) is not str:
        raise _wrong_content("SS")
    return content


_NORMALIZERS: Mapping[str, Callable[[Value, Any, int], Value]] = {
    "BOOL": _boolean,
    "NULL": _null,
    "B": _binary,
    "L": _list,
    "M": _map,
    # The two spaces are DynamoDB's.
    "SS": _set("SS", "An string set  may not be empty", _text),
    "NS": _set("NS", "An number set  may not be empty", numbers.canonical),
    "BS": _set("BS", "Binary sets should not be empty", _base64_text),
}


def type_of(value: Value) -> str:
    """Return the type of a value, such as `S`."""
    return next(iter(value))


def equal(left: Value, right: Value) -> bool:
    """Return whether two normalized values are equal; sets have no order."""
    if left == right:
        return True
    kind = type_of(left)
    if kind not in right:
        return False
    mine, other = left[kind], right[kind]
    if kind in SET_TYPES:
        return set(mine) == set(other)
    if kind == "L":
        return len(mine) == len(other) and all(map(equal, mine, other))
    if kind == "M":
        return mine.keys() == other.keys() and all(equal(member, other[name]) for name, member in mine.items())
    return False


def ordered(left: Value, right: Value) -> tuple[Any, Any] | None:
    """Return two values that compare as these do, or None if they have no order."""
    for kind, mine in left.items():
        other = right.get(kind)
        if other is None or kind not in ORDERED_TYPES:
            return None
        if kind == "S":
            return mine, other  # code points have the order of their UTF-8 bytes
        return (Decimal(mine), Decimal(other)) if kind == "N" else (binary(mine), binary(other))
    return None


def binary(content: str) -> bytes:
    """Return the bytes of a normalized binary value."""
    return base64.b64decode(content)
