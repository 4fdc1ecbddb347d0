"""The expressions of one request, compiled together: they share names and values, all of which must be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from local.dynamodb.conditions import Check, ConditionCompiler, Test, Values
from local.dynamodb.errors import DynamoError
from local.dynamodb.key_conditions import KeyCondition
from local.dynamodb.parser import parse_condition, parse_projection, parse_update
from local.dynamodb.paths import Branches, check_overlap, project, tree
from local.dynamodb.placeholders import Placeholders, ResolvedPath, validate_names, validate_values
from local.dynamodb.updates import Update, UpdateCompiler
from local.dynamodb.values import Item, type_of

NAMES, VALUES = "ExpressionAttributeNames", "ExpressionAttributeValues"
PARAMETERS = (
    "KeyConditionExpression",
    "FilterExpression",
    "UpdateExpression",
    "ConditionExpression",
    "ProjectionExpression",
)
_CACHED = 2048


@dataclass(frozen=True)
class Expressions:
    """Compiled expressions, and the values of the request for them."""

    condition: Test | None = None
    """Of a ConditionExpression or a FilterExpression."""
    paths: Sequence[ResolvedPath] = ()
    """The document paths in the condition."""
    update: Update | None = None
    projection: Branches | None = None
    key_condition: KeyCondition | None = None
    checks: Sequence[Check] = ()
    """Checks of the values of each request."""

    def holds(self, item: Item | None, values: Values) -> bool:
        """Return whether the condition, if there is one, holds for an item or for its absence."""
        return self.condition is None or self.condition({} if item is None else item, values)

    def projected(self, item: Item) -> Item:
        """Return what the projection, if there is one, leaves of an item."""
        return item if self.projection is None else project(item, self.projection)


_NONE = Expressions()
_NO_VALUES: Values = {}


def compile_expressions(arguments: Mapping[str, Any], *usable: str) -> tuple[Expressions, Values]:
    """Return the compiled expressions of a request, and its values in normalized form.

    `usable` are the parameters that the operation has. Raises DynamoError if DynamoDB refuses them
    without reading an item.
    """
    texts = tuple([(kind, arguments[kind]) for kind in usable if arguments.get(kind) is not None])
    names, values = arguments.get(NAMES), arguments.get(VALUES)
    if not texts and names is None and values is None:
        return _NONE, _NO_VALUES
    if any(type(text) is not str for _, text in texts):
        raise DynamoError("SerializationException", "An expression is not a string")
    with_values = [kind for kind in usable if kind != "ProjectionExpression"]
    names = validate_names(names, present=bool(texts))
    values = validate_values(values, with_values, present=any(kind in with_values for kind, _ in texts))
    compiled = _compiled(
        texts,
        tuple(names.items()),
        tuple([(name, type_of(value)) for name, value in values.items()]),
    )
    for check in compiled.checks:
        check(values)
    return compiled, values


@lru_cache(_CACHED)
def _compiled(
    texts: tuple[tuple[str, str], ...], names: tuple[tuple[str, str], ...], types: tuple[tuple[str, str], ...]
) -> Expressions:
    placeholders = Placeholders(dict(names), dict(types))
    condition: Test | None = None
    paths: Sequence[ResolvedPath] = ()
    update: Update | None = None
    projection: Branches | None = None
    key_condition: KeyCondition | None = None
    checks: list[Check] = []
    for kind, text in texts:
        match kind:
            case "UpdateExpression":
                update = UpdateCompiler(placeholders).compile(parse_update(text))
            case "ProjectionExpression":
                projection = _projection(text, placeholders)
            case "KeyConditionExpression":
                key_condition = KeyCondition(parse_condition(kind, text), placeholders)
                checks += key_condition.checks
            case _:
                compiler = ConditionCompiler(kind, placeholders)
                condition = compiler.compile(parse_condition(kind, text))
                paths = compiler.paths
                checks += compiler.checks
    placeholders.check_unused()
    return Expressions(condition, paths, update, projection, key_condition, checks)


def _projection(text: str, placeholders: Placeholders) -> Branches:
    paths = [placeholders.resolve("ProjectionExpression", path) for path in parse_projection(text)]
    check_overlap("ProjectionExpression", paths)
    return tree(paths)
