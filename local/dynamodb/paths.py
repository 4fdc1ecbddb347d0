"""Document paths: reading them, comparing them, and projecting items on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from local.dynamodb.errors import validation
from local.dynamodb.placeholders import ResolvedPath
from local.dynamodb.values import Item, Value

Branches = dict[str | int, Any]
"""A tree of paths: an element's further elements, or None where a path ends."""


def getter(path: ResolvedPath) -> Callable[[Mapping[str, Value]], Value | None]:
    """Return a function that reads the path in an item; None if there is nothing."""
    first, rest = str(path[0]), path[1:]
    if not rest:
        return lambda item: item.get(first)

    def get(item: Mapping[str, Value]) -> Value | None:
        value = item.get(first)
        for element in rest:
            if value is None:
                return None
            value = member(value, element)
        return value

    return get


def member(value: Value, element: str | int) -> Value | None:
    """Return a member of a map or an element of a list; None if there is none."""
    found: Value | None
    if isinstance(element, str):
        found = value["M"].get(element) if "M" in value else None
    else:
        found = value["L"][element] if "L" in value and element < len(value["L"]) else None
    return found


def format_path(path: ResolvedPath) -> str:
    """Return the path as DynamoDB's messages show it: `[a, [0], b]`."""
    return "[" + ", ".join(each if isinstance(each, str) else f"[{each}]" for each in path) + "]"


def check_overlap(kind: str, paths: Sequence[ResolvedPath]) -> None:
    """Raise DynamoError if one path is another one or leads through it, or one takes a list for a map."""
    for at, second in enumerate(paths):
        for first in paths[:at]:
            problem = _problem(first, second)
            if problem:
                raise validation(
                    f"Invalid {kind}: Two document paths {problem} with each other; must remove or rewrite one of"
                    f" these paths; path one: {format_path(first)}, path two: {format_path(second)}"
                )


def _problem(first: ResolvedPath, second: ResolvedPath) -> str | None:
    for mine, other in zip(first, second, strict=False):
        if type(mine) is not type(other):
            return "conflict"
        if mine != other:
            return None
    return "overlap"


def tree(paths: Iterable[ResolvedPath]) -> Branches:
    """Return the tree of paths that do not overlap."""
    root: Branches = {}
    for path in paths:
        branch = root
        for element in path[:-1]:
            branch = branch.setdefault(element, {})
        branch[path[-1]] = None
    return root


def project(item: Mapping[str, Value], branches: Branches) -> Item:
    """Return the part of an item that a tree of paths names; list elements close up."""
    found = {}
    for name, rest in branches.items():
        value = item.get(name)  # type: ignore[arg-type]  # a path begins with an attribute
        projected = value if rest is None or value is None else _project_value(value, rest)
        if projected is not None:
            found[str(name)] = projected
    return found


def _project_value(value: Value, branches: Branches) -> Value | None:
    """Return the named part of a map or a list, None if it has none of it."""
    parts: list[tuple[str | int, Value]] = []
    for element, rest in branches.items():
        found = member(value, element)
        projected = found if rest is None or found is None else _project_value(found, rest)
        if projected is not None:
            parts.append((element, projected))
    if not parts:
        return None
    if "M" in value:
        return {"M": dict(parts)}
    return {"L": [part for _, part in sorted(parts, key=lambda part: part[0])]}
