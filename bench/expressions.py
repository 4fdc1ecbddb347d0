"""The subset of DynamoDB's condition and update expressions that the chat uses.

Conditions: `attribute_exists(path)`, `attribute_not_exists(path)` and comparisons `path op :value`, joined by AND
or by OR (developer guide, "Condition expressions"). Updates: `SET path = :value, …`, `REMOVE path, …` and `ADD
path :number` (developer guide, "Update expressions"). A path is `#name` or `#name.#name`. Anything else raises
ValueError instead of giving a wrong result.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Item = dict[str, Any]

_EXISTENCE = re.compile(r"attribute_(?P<absent>not_)?exists\(\s*(?P<path>[#\w.]+)\s*\)")
_COMPARISON = re.compile(r"(?P<path>[#\w.]+)\s*(?P<operator><=|>=|<>|=|<|>)\s*(?P<value>:\w+)")
_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD)\b")
_ASSIGNMENT = re.compile(r"([#\w.]+)\s*=\s*(:\w+)")
_ADDITION = re.compile(r"([#\w.]+)\s+(:\w+)")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(arguments: Mapping[str, Any], item: Item | None) -> bool:
    """Return whether the ConditionExpression holds for an item; None means that the item does not exist."""
    expression = arguments.get("ConditionExpression")
    if expression is None:
        return True
    names, values = _names(arguments), arguments.get("ExpressionAttributeValues", {})
    terms = re.split(r"\s+(AND|OR)\s+", expression.strip())
    results = [_evaluate_term(term, names, values, item or {}) for term in terms[::2]]
    conjunctions = set(terms[1::2])
    if len(conjunctions) > 1:
        raise ValueError(f"unsupported mixture of AND and OR in a condition: {expression}")
    return any(results) if conjunctions == {"OR"} else all(results)


def _evaluate_term(term: str, names: Mapping[str, str], values: Mapping[str, Any], item: Item) -> bool:
    if existence := _EXISTENCE.fullmatch(term):
        return (_get(item, _path(existence["path"], names)) is None) == bool(existence["absent"])
    if comparison := _COMPARISON.fullmatch(term):
        found, asked = _get(item, _path(comparison["path"], names)), values[comparison["value"]]
        return found is not None and _compare(comparison["operator"], found, asked)
    raise ValueError(f"unsupported condition: {term}")


def _compare(symbol: str, found: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    ((kind, left),), ((other, right),) = found.items(), asked.items()
    if kind != other:
        return symbol == "<>"
    return _OPERATORS[symbol](int(left), int(right)) if kind == "N" else _OPERATORS[symbol](left, right)


def apply_update(arguments: Mapping[str, Any], item: Item) -> Item:
    """Return a copy of the item after the UpdateExpression."""
    names, values = _names(arguments), arguments.get("ExpressionAttributeValues", {})
    result = dict(item)
    before, *clauses = _CLAUSE.split(arguments["UpdateExpression"])
    if before.strip():
        raise ValueError(f"unsupported update: {arguments['UpdateExpression']}")
    for word, text in zip(clauses[::2], clauses[1::2], strict=True):
        for part in text.split(","):
            _apply_part(result, word, part.strip(), names, values)
    return result


def _apply_part(item: Item, word: str, part: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    if word == "REMOVE":
        *above, last = _path(part, names)
        _copy_map(item, above).pop(last, None)
        return
    match = (_ASSIGNMENT if word == "SET" else _ADDITION).fullmatch(part)
    if match is None:
        raise ValueError(f"unsupported update: {word} {part}")
    *above, last = _path(match[1], names)
    place, value = _copy_map(item, above), values[match[2]]
    if word == "ADD":
        value = {"N": str(int(place.get(last, {"N": "0"})["N"]) + int(value["N"]))}
    place[last] = value


def _copy_map(item: Item, above: list[str]) -> Item:
    """Return the map at a path; every map on the path is replaced by a copy that can be changed."""
    for name in above:
        if "M" not in item.get(name, {}):
            raise ValueError(f"the path of an update contains {name}, which is not a map")
        item[name] = {"M": dict(item[name]["M"])}
        item = item[name]["M"]
    return item


def _get(item: Item, path: list[str]) -> dict[str, Any] | None:
    *above, last = path
    for name in above:
        item = item.get(name, {}).get("M", {})
    return item.get(last)


def _path(text: str, names: Mapping[str, str]) -> list[str]:
    return [names.get(part, part) for part in text.split(".")]


def _names(arguments: Mapping[str, Any]) -> Mapping[str, str]:
    names: Mapping[str, str] = arguments.get("ExpressionAttributeNames", {})
    return names
