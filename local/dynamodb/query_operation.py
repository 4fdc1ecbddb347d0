"""Query: one page of a partition in the order of the sort key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.dynamodb import capacity
from local.dynamodb.arguments import (
    ON_READ,
    boolean,
    check_arguments,
    choice,
    positive_integer,
    require_map,
    table_name,
)
from local.dynamodb.conditions import Values
from local.dynamodb.database import Database
from local.dynamodb.errors import validation
from local.dynamodb.expressions import Expressions, compile_expressions
from local.dynamodb.key_conditions import KeyRange
from local.dynamodb.schema import StoredKey, Table
from local.dynamodb.sizes import item_size
from local.dynamodb.storage import RangeRead
from local.dynamodb.values import Item

MAX_PAGE = 1024 * 1024
_FIRST_CHUNK = 64
_MAX_CHUNK = 2048
_GROWTH = 4
"""A run is at most so many times as long as the one before: the items after it may be much larger."""
_QUERY = ON_READ | {
    "KeyConditionExpression", "FilterExpression", "ExpressionAttributeValues", "Limit", "ScanIndexForward",
    "ExclusiveStartKey", "Select",
}  # fmt: skip


@dataclass
class _Page:
    """The items of a page, their size, and the last item if the range continues after it."""

    items: list[Item]
    size: int
    last: Item | None


class QueryOperation:
    """`query` takes the arguments of a Query and returns its answer, or raises DynamoError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def query(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Read one page."""
        check_arguments("Query", arguments, _QUERY)
        name, shown, limit = table_name(arguments), capacity.mode(arguments), positive_integer(arguments, "Limit")
        select = _select(arguments)
        expressions, values = compile_expressions(
            arguments, "KeyConditionExpression", "FilterExpression", "ProjectionExpression"
        )
        if expressions.key_condition is None:
            raise validation(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
            )
        table = self._database.table(name)
        pk, keys = expressions.key_condition.range(table, values)
        _check_filter(table, expressions)
        forward = boolean(arguments, "ScanIndexForward", default=True)
        after = _start(table, arguments, pk, keys)
        page = self._read(table, RangeRead(pk, keys, after, forward, limit or 0), limit)
        answer = _answer(page, expressions, values, counts_only=select == "COUNT")
        if page.last is not None:
            answer["LastEvaluatedKey"] = table.key_attributes(page.last)
        if shown != "NONE":
            size = page.size or sum(map(item_size, page.items))
            units = capacity.read_units(size, consistent=boolean(arguments, "ConsistentRead"))
            answer["ConsumedCapacity"] = capacity.consumed(name, units, shown)
        return answer

    def _read(self, table: Table, read: RangeRead, limit: int | None) -> _Page:
        """Read until the limit, 1 MB or the end of the range."""
        items: list[Item] = []
        size = 0  # exact once it matters, until then the greatest possible one
        bound = 0
        for chunk, most in self._chunks(table, read, limit):
            bound += most
            items += chunk
            if bound > MAX_PAGE:
                kept, size = _fit_page(items)
                if kept < len(items):
                    return _Page(items[:kept], size, items[kept - 1])
                bound = size
        last = items[-1] if limit is not None and len(items) == limit else None
        return _Page(items, size, last)

    def _chunks(self, table: Table, read: RangeRead, limit: int | None) -> Iterator[tuple[list[Item], int]]:
        """Yield the items in runs: a few first, as many queries end early; then more at once."""
        left, length, after = limit, _FIRST_CHUNK, read.after
        while left is None or left > 0:
            wanted = length if left is None else min(length, left)
            chunk, most = self._database.storage.range(
                table, RangeRead(read.pk, read.keys, after, read.forward, wanted)
            )
            yield chunk, most
            if len(chunk) < wanted or table.range_key is None:
                return
            left = None if left is None else left - len(chunk)
            after = table.key_of_item(chunk[-1])[1]
            fitting = max(MAX_PAGE // max(most // len(chunk), 1), _FIRST_CHUNK)
            length = min(fitting, _MAX_CHUNK, _GROWTH * len(chunk))


def _fit_page(items: list[Item]) -> tuple[int, int]:
    """Return how many of the items make a page of at most 1 MB, at least one, and their size."""
    total = 0
    for count, item in enumerate(items):
        size = item_size(item)
        if count and total + size > MAX_PAGE:
            return count, total
        total += size
    return len(items), total


def _answer(page: _Page, expressions: Expressions, values: Values, *, counts_only: bool) -> dict[str, Any]:
    kept = page.items
    if expressions.condition is not None:
        kept = [item for item in kept if expressions.condition(item, values)]
    answer: dict[str, Any] = {"Count": len(kept), "ScannedCount": len(page.items)}
    if not counts_only:
        projection = expressions.projection
        answer["Items"] = kept if projection is None else [expressions.projected(item) for item in kept]
    return answer


def _select(arguments: Mapping[str, Any]) -> str:
    projects = arguments.get("ProjectionExpression") is not None
    select = choice(arguments, "Select", "SPECIFIC_ATTRIBUTES" if projects else "ALL_ATTRIBUTES")
    if select == "ALL_PROJECTED_ATTRIBUTES":
        raise validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if projects and select != "SPECIFIC_ATTRIBUTES":
        adjective = "only the Count" if select == "COUNT" else select
        raise validation(f"Cannot specify the ProjectionExpression when choosing to get {adjective}")
    if select == "SPECIFIC_ATTRIBUTES" and not projects:
        raise validation(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    return select


def _check_filter(table: Table, expressions: Expressions) -> None:
    for path in expressions.paths:
        for attribute in table.keys:
            if path[0] == attribute.name:
                raise validation(
                    "Filter Expression can only contain non-primary key attributes:"
                    f" Primary key attribute: {attribute.name}"
                )


def _start(table: Table, arguments: Mapping[str, Any], pk: StoredKey, keys: KeyRange) -> StoredKey | None:
    """Return the sort key after which to begin. Raises DynamoError if it belongs to another range."""
    start = arguments.get("ExclusiveStartKey")
    if start is None:
        return None
    if require_map(start, "ExclusiveStartKey").keys() != {attribute.name for attribute in table.keys}:
        raise validation("The provided starting key is invalid")
    start_pk, start_sk = table.key(start)
    if start_pk != pk:
        raise validation("The provided starting key is outside query boundaries based on provided conditions")
    if not keys.contains(start_sk):
        raise validation("The provided starting key does not match the range key predicate")
    return start_sk
