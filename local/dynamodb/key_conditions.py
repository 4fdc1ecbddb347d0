"""The KeyConditionExpression of a Query: one partition, and a range of its sort keys.

See the developer guide, "Key condition expressions for query".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.dynamodb.conditions import Check, Values, bounds_check
from local.dynamodb.errors import DynamoError, invalid_parameter, validation
from local.dynamodb.placeholders import Placeholders, ResolvedPath
from local.dynamodb.schema import KeyAttribute, StoredKey, Table
from local.dynamodb.syntax import And, Between, Call, Comparison, Condition, In, Not, Operand, Or, Path, ValueName

_KIND = "KeyConditionExpression"
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HIGHEST = chr(0x10FFFF)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Sort keys from `low` to `high`; None is no bound."""

    low: StoredKey | None = None
    high: StoredKey | None = None
    includes_low: bool = True
    includes_high: bool = True

    def contains(self, key: Any) -> bool:
        """Return whether a stored key of the same type is in the range."""
        low, high = self.low, self.high
        return (low is None or low < key or (self.includes_low and low == key)) and (
            high is None or key < high or (self.includes_high and key == high)
        )


@dataclass(frozen=True, slots=True)
class Term:
    """One condition on one attribute: an operator and the placeholders of its values."""

    path: ResolvedPath
    operator: str
    values: tuple[str, ...]


class KeyCondition:
    """A compiled KeyConditionExpression, of any table."""

    def __init__(self, condition: Condition, placeholders: Placeholders) -> None:
        self.checks: list[Check] = []
        self._placeholders = placeholders
        self._terms = [self._term(part) for part in _conjunction(condition)]
        named = [term.path for term in self._terms]
        if len(set(named)) != len(named):
            raise _error("KeyConditionExpressions must only contain one condition per key")

    def range(self, table: Table, values: Values) -> tuple[StoredKey, KeyRange]:
        """Return the partition and the range in it. Raises DynamoError if they are not those of the table."""
        terms = {term.path: term for term in self._terms}
        hash_term = terms.pop((table.hash_key.name,), None)
        if hash_term is None:
            raise validation(f"Query condition missed key schema element: {table.hash_key.name}")
        if hash_term.operator != "=":
            raise validation("Query key condition not supported")
        (pk,) = self._stored(table.hash_key, hash_term, values)
        range_term = terms.pop((table.range_key.name,), None) if table.range_key else None
        if terms:
            missing = table.range_key.name if table.range_key and range_term is None else None
            raise validation(
                f"Query condition missed key schema element: {missing}"
                if missing
                else "Query key condition not supported"
            )
        if range_term is None or table.range_key is None:
            return pk, KeyRange()
            raise _error(
                "Invalid operator used in KeyConditionExpression: <>",
            )
        bounds = self._stored(table.range_key, range_term, values)
        return pk, _RANGES[range_term.operator](*bounds)

    def _stored(self, key: KeyAttribute, term: Term, values: Values) -> list[StoredKey]:
        found = [values[name] for name in term.values]
        if any(key.type not in value for value in found):
            raise invalid_parameter("Condition parameter type does not match schema type")
        if term.operator == "begins_with" and key.type == "N":
            raise _error(
                "Incorrect operand type for operator or function;"
                " operator or function: begins_with, operand type: N"
            )
        return [key.stored(value) for value in found]

    # ---- terms -----------------------------------------------------------------------------------------

    def _term(self, part: Condition) -> Term:
        match part:
            case Comparison(operator, Path() as path, ValueName(name)):
                return self._checked(path, operator, name)
            case Comparison(operator, ValueName(name), Path() as path):
                return self._checked(path, _MIRRORED.get(operator, operator), name)
            case Between(Path() as path, ValueName(low), ValueName(high)):
                self.checks.append(bounds_check(_KIND, low, high))
                return self._checked(path, "BETWEEN", low, high)
            case Call("begins_with", (Path() as path, ValueName(name))):
                return self._checked(path, "begins_with", name)
            case Call(function):
                raise _error(f"Invalid operator used in KeyConditionExpression: {function}")
            case In():
                raise _error("Invalid operator used in KeyConditionExpression: IN")
            case Comparison(operator, left, right):
                raise self._wrong_operands(operator, left, right)
        raise validation("Query key condition not supported")

    def _checked(self, path: Path, operator: str, *names: str) -> Term:
        if operator == "<>":
            raise _error("Invalid operator used in KeyConditionExpression: <>")
        resolved = self._placeholders.resolve(_KIND, path)
        if len(resolved) > 1:
            raise _error("KeyConditionExpressions cannot have conditions on nested attributes")
        for name in names:
            self._placeholders.type_of(_KIND, name)
        return Term(resolved, operator, names)

    def _wrong_operands(self, operator: str, left: Operand, right: Operand) -> DynamoError:
        calls = [operand.function for operand in (left, right) if isinstance(operand, Call)]
        if calls:
            return _error("KeyConditionExpressions cannot contain nested operations")
        if isinstance(left, Path) and isinstance(right, Path):
            return _error(f"Invalid condition in KeyConditionExpression: {operator} operator must have one key")
        return _error("No key attribute specified")


def _conjunction(condition: Condition) -> list[Condition]:
    if isinstance(condition, And):
        return [*_conjunction(condition.left), *_conjunction(condition.right)]
    if isinstance(condition, Or | Not):
        operator = "OR" if isinstance(condition, Or) else "NOT"
        raise _error(f"Invalid operator used in KeyConditionExpression: {operator}")
    return [condition]


def _error(message: str) -> DynamoError:
    return validation(f"{message}" if message.startswith("Invalid operator") else f"Invalid {_KIND}: {message}")


def _successor(prefix: StoredKey) -> StoredKey | None:
    """Return the lowest key above all that begin with the prefix; None if there is none."""
    if isinstance(prefix, bytes):
        kept = prefix.rstrip(b"\xff")
        return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
    text = prefix.rstrip(_HIGHEST)
    if not text:
        return None
    following = ord(text[-1]) + 1
    # Between these there are no characters, only halves of surrogate pairs.
    return text[:-1] + chr(0xE000 if following == 0xD800 else following)


_RANGES: dict[str, Callable[..., KeyRange]] = {
    "=": lambda key: KeyRange(key, key),
    "<": lambda key: KeyRange(high=key, includes_high=False),
    "<=": lambda key: KeyRange(high=key),
    ">": lambda key: KeyRange(low=key, includes_low=False),
    ">=": lambda key: KeyRange(low=key),
    "BETWEEN": KeyRange,
    "begins_with": lambda prefix: KeyRange(prefix, _successor(prefix), includes_high=False),
}
