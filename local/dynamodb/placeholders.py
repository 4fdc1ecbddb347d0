"""The names and values that the expressions of a request refer to: the defined ones and the used ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from local.dynamodb.errors import DynamoError, validation
from local.dynamodb.reserved_words import RESERVED_WORDS
from local.dynamodb.syntax import Path
from local.dynamodb.values import Value, normalize

ResolvedPath = tuple[str | int, ...]
_NAME_KEY = re.compile(r"#[A-Za-z0-9_]+")
_VALUE_KEY = re.compile(r":[A-Za-z0-9_]+")


class Placeholders:
    """The placeholders of one request, with the types of the values; the expressions of the request share them."""

    def __init__(self, names: Mapping[str, str], value_types: Mapping[str, str]) -> None:
        self._names = names
        self._types = value_types
        self._used: set[str] = set()

    def resolve(self, kind: str, path: Path) -> ResolvedPath:
        """Return the path with attribute names for aliases; `kind` names the parameter. Raises DynamoError."""
        return tuple(
            self._name(kind, element) if isinstance(element, str) else element for element in path.elements
        )

    def _name(self, kind: str, element: str) -> str:
        if not element.startswith("#"):
            if element.upper() in RESERVED_WORDS:
                raise validation(
                    f"Invalid {kind}: Attribute name is a reserved keyword; reserved keyword: {element}"
                )
            return element
        if element not in self._names:
            raise validation(
                f"Invalid {kind}: An expression attribute name used in the document path is not defined;"
                f" attribute name: {element}"
            )
        self._used.add(element)
        return self._names[element]

    def type_of(self, kind: str, name: str) -> str:
        """Return the type of a value that an expression uses. Raises DynamoError if it is not defined."""
        if name not in self._types:
            raise validation(
                f"Invalid {kind}: An expression attribute value used in expression is not defined;"
                f" attribute value: {name}"
            )
        self._used.add(name)
        return self._types[name]

    def check_unused(self) -> None:
        """Raise DynamoError if a name or value is defined that no expression uses."""
        for parameter, defined in (
            ("ExpressionAttributeNames", self._names),
            ("ExpressionAttributeValues", self._types),
        ):
            unused = [key for key in defined if key not in self._used]
            if unused:
                raise validation(
                    f"Value provided in {parameter} unused in expressions: keys: {{{', '.join(unused)}}}"
                )


def validate_names(names: Any, *, present: bool) -> Mapping[str, str]:
    """Return ExpressionAttributeNames. Raises DynamoError if they are malformed or there is no expression."""
    if names is None:
        return {}
    if not isinstance(names, dict):
        raise DynamoError("SerializationException", "ExpressionAttributeNames is not a map")
    if not present:
        raise validation("ExpressionAttributeNames can only be specified when using expressions")
    _check_keys("ExpressionAttributeNames", names, _NAME_KEY)
    for key, name in names.items():
        if not isinstance(name, str) or not 1 <= len(name) <= 65535:
            raise validation(f"ExpressionAttributeNames contains invalid value: {name} for key {key}")
    return names


def validate_values(values: Any, expressions: Iterable[str], *, present: bool) -> Mapping[str, Value]:
    """Return normalized ExpressionAttributeValues; `expressions` are those that could use them.

    Raises DynamoError if they are malformed or there is no expression.
    """
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise DynamoError("SerializationException", "ExpressionAttributeValues is not a map")
    if not present:
        usable = list(expressions)
        verb = "is" if len(usable) == 1 else "are"
        raise validation(
            "ExpressionAttributeValues can only be specified when using expressions:"
            f" {' and '.join(usable)} {verb} null"
        )
    _check_keys("ExpressionAttributeValues", values, _VALUE_KEY)
    normalized = {}
    for key, value in values.items():
        try:
            normalized[key] = normalize(value)
        except DynamoError as error:
            if error.code != "ValidationException":
                raise
            raise validation(
                f"ExpressionAttributeValues contains invalid value: {error.message} for key {key}"
            ) from None
    return normalized


def _check_keys(parameter: str, mapping: Mapping[str, Any], pattern: re.Pattern[str]) -> None:
    if not mapping:
        raise validation(f"{parameter} must not be empty")
    for key in mapping:
        if not pattern.fullmatch(key):
            raise validation(f'{parameter} contains invalid key: Syntax error; key: "{key}"')
