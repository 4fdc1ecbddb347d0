"""Updates as functions that make a new item of an old one.

See the developer guide, "Update expressions". All operands are read from the item as it was; SET, ADD and DELETE
are applied to it, then REMOVE from the highest list index to the lowest, so that indexes mean the old lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from local.dynamodb import numbers
from local.dynamodb import values as typed
from local.dynamodb.conditions import Values
from local.dynamodb.errors import DynamoError, validation
from local.dynamodb.paths import check_overlap, getter
from local.dynamodb.placeholders import Placeholders, ResolvedPath
from local.dynamodb.syntax import Action, Arithmetic, Call, Operand, Path, ValueName
from local.dynamodb.values import Item, Value, type_of

Source = Callable[[Item, Values], Value]
_KIND = "UpdateExpression"
_ADDABLE = frozenset({"N", "SS", "NS", "BS"})
_DELETABLE = frozenset({"SS", "NS", "BS"})
_UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}


@dataclass(frozen=True)
class Update:
    """A compiled update."""

    paths: Sequence[ResolvedPath]
    """The document paths that it changes."""
    _changes: Sequence[tuple[ResolvedPath, Source | None]]
    _nested: frozenset[str]
    """The attributes that are changed in part."""

    def apply(self, item: Item, values: Values) -> Item:
        """Return a changed copy of the item, which is left as it is. Raises DynamoError."""
        planned = [(path, source and source(item, values)) for path, source in self._changes]
        result = dict(item)
        for name in self._nested:
            if name in result:
                result[name] = _copied(result[name])
        for path, value in planned:
            _change(result, path, value)
        return result


class UpdateCompiler:
    """Turns parsed actions into an `Update`."""

    def __init__(self, placeholders: Placeholders) -> None:
        self._placeholders = placeholders

    def compile(self, actions: Sequence[Action]) -> Update:
        """Return the update. Raises DynamoError."""
        changes = [(self._resolve(action.path), self._source(action)) for action in actions]
        paths = [path for path, _ in changes]
        check_overlap(_KIND, paths)
        removals = [change for change in changes if change[1] is None]
        removals.sort(key=lambda change: [_order(element) for element in change[0]], reverse=True)
        kept = [change for change in changes if change[1] is not None]
        kept.sort(key=lambda change: [_order(element) for element in change[0]])
        nested = frozenset(str(path[0]) for path in paths if len(path) > 1)
        return Update(paths, kept + removals, nested)

    def _resolve(self, path: Path) -> ResolvedPath:
        return self._placeholders.resolve(_KIND, path)

    def _source(self, action: Action) -> Source | None:
        if action.operand is None:
            return None
        if action.clause == "SET" or not isinstance(action.operand, ValueName):
            return self._value(action.operand)
        return self._combination(action.clause, action.path, action.operand)

    def _combination(self, clause: str, path: Path, operand: ValueName) -> Source:
        """Return the value after an ADD or a DELETE."""
        name, get = operand.name, getter(self._resolve(path))
        kind = self._placeholders.type_of(_KIND, name)
        if kind not in (_ADDABLE if clause == "ADD" else _DELETABLE):
            # DynamoDB names the same set of types for both.
            raise _error(
                f"Incorrect operand type for operator or function; operator: {clause},"
                f" operand type: {typed.TYPE_NAMES[kind]}, typeSet: ALLOWED_FOR_ADD_OPERAND"
            )
        combine = _added if clause == "ADD" else _deleted
        return lambda item, values: combine(get(item), values[name])

    def _value(self, operand: Operand) -> Source:
        match operand:
            case Path():
                get = getter(self._resolve(operand))
                return lambda item, _: _existing(get(item))
            case ValueName(name):
                self._placeholders.type_of(_KIND, name)
                return lambda _, values: values[name]
            case Arithmetic(operator, left, right):
                self._require("+" if operator == "+" else "-", (left, right), "N")
                first, second = self._value(left), self._value(right)
                calculate = numbers.add if operator == "+" else numbers.subtract
                return lambda item, values: {
                    "N": calculate(_content("N", first(item, values)), _content("N", second(item, values)))
                }
            case Call():
                return self._function(operand)

    def _function(self, call: Call) -> Source:
        if call.function not in _UPDATE_FUNCTIONS:
            raise _error(f"The function is not allowed in an update expression; function: {call.function}")
        if len(call.arguments) != _UPDATE_FUNCTIONS[call.function]:
            raise _error(
                "Incorrect number of operands for operator or function;"
                f" operator or function: {call.function}, number of operands: {len(call.arguments)}"
            )
        if call.function == "list_append":
            self._require("list_append", call.arguments, "L")
            first, second = map(self._value, call.arguments)
            return lambda item, values: {
                "L": _content("L", first(item, values)) + _content("L", second(item, values))
            }
        path, default = call.arguments
        if not isinstance(path, Path):
            raise _error("Operator or function requires a document path; operator or function: if_not_exists")
        get, otherwise = getter(self._resolve(path)), self._value(default)

        def value(item: Item, values: Values) -> Value:
            found = get(item)
            return otherwise(item, values) if found is None else found

        return value

    def _require(self, operator: str, operands: Sequence[Operand], wanted: str) -> None:
        for operand in operands:
            if isinstance(operand, ValueName):
                kind = self._placeholders.type_of(_KIND, operand.name)
                if kind != wanted:
                    raise _error(
                        "Incorrect operand type for operator or function;"
                        f" operator or function: {operator}, operand type: {kind}"
                    )


def _order(element: str | int) -> tuple[bool, int, str]:
    return (True, element, "") if isinstance(element, int) else (False, 0, element)


def _error(message: str) -> DynamoError:
    return validation(f"Invalid {_KIND}: {message}")


def _existing(value: Value | None) -> Value:
    if value is None:
        raise validation("The provided expression refers to an attribute that does not exist in the item")
    return value


def _content(kind: str, value: Value) -> Any:
    if kind not in value:
        raise _wrong_type()
    return value[kind]


def _wrong_type() -> DynamoError:
    return validation("An operand in the update expression has an incorrect data type")


def _added(present: Value | None, operand: Value) -> Value:
    """Return the sum of two numbers or the union of two sets."""
    if present is None:
        return operand
    kind = type_of(operand)
    content = _content(kind, present)
    if kind == "N":
        return {"N": numbers.add(content, operand["N"])}
    return {kind: [*content, *(each for each in operand[kind] if each not in content)]}


def _deleted(present: Value | None, operand: Value) -> Value:
    """Return the difference of two sets; one without members is no value."""
    if present is None:
        return {}
    kind = type_of(operand)
    left = [member for member in _content(kind, present) if member not in operand[kind]]
    return {kind: left} if left else {}


def _change(item: Item, path: ResolvedPath, value: Value | None) -> None:
    """Set a path to a value, or remove it if there is none, in an item whose containers may be changed."""
    container: Any = item
    for element, inner in pairwise(path):
        kind = "M" if isinstance(inner, str) else "L"
        holder = _get(container, element)
        if holder is None or kind not in holder:
            raise validation("The document path provided in the update expression is invalid for update")
        container = holder[kind]
    last = path[-1]
    is_there = _get(container, last) is not None
    if not value:
        if is_there:
            del container[last]
    elif isinstance(last, int) and not is_there:
        container.append(value)  # an index beyond the end is the end
    else:
        container[last] = value


def _get(container: Any, element: str | int) -> Value | None:
    found: Value | None
    if isinstance(element, str):
        found = container.get(element)
    else:
        found = container[element] if element < len(container) else None
    return found


def _copied(value: Value) -> Value:
    """Return a value with copied containers."""
    ((kind, content),) = value.items()
    if kind == "M":
        return {"M": {name: _copied(each) for name, each in content.items()}}
    return {"L": [_copied(each) for each in content]} if kind == "L" else value
