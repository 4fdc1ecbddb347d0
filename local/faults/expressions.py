"""The items that a query selects, and the attributes that a projection shows, by the engine's own evaluator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.dynamodb.conditions import Values
from local.dynamodb.errors import DynamoError
from local.dynamodb.expressions import Expressions, compile_expressions
from local.dynamodb.schema import MAX_HASH_KEY, MAX_RANGE_KEY, KeyAttribute, StoredKey, Table
from local.dynamodb.tokens import tokenize
from local.faults.calls import ItemKey

Item = dict[str, Any]
Project = Callable[[Item], Item]

_TABLE = Table("any", 0, KeyAttribute("pk", "S", MAX_HASH_KEY), KeyAttribute("sk", "S", MAX_RANGE_KEY), {})


@dataclass(frozen=True)
class QueryRange:
    """The items of one partition that a query selects.

    Sort keys compare by code point, which is the order of their UTF-8 bytes, as in DynamoDB.
    """

    table: str
    pk: str
    low: str | None
    high: str | None
    includes_low: bool = True
    includes_high: bool = True

    def __contains__(self, key: ItemKey) -> bool:
        if key.pk != self.pk or key.table != self.table:
            return False
        low, high, sk = self.low, self.high, key.sk
        return (low is None or low < sk or (self.includes_low and low == sk)) and (
            high is None or sk < high or (self.includes_high and high == sk)
        )


def query_range(arguments: Mapping[str, Any]) -> QueryRange:
    """Return the range that a Query selects. Raises ValueError if its condition is not valid."""
    expressions, values = _compiled(
        arguments, "KeyConditionExpression", "FilterExpression", "ProjectionExpression"
    )
    if expressions.key_condition is None:
        raise ValueError("a query needs a KeyConditionExpression (the legacy KeyConditions are unsupported)")
    try:
        pk, keys = expressions.key_condition.range(_TABLE, values)
    except DynamoError as error:
        raise ValueError(f"unsupported key condition: {error}") from None
    # Keys of the type S are stored as text.
    return QueryRange(
        arguments["TableName"], str(pk), _text(keys.low), _text(keys.high), keys.includes_low, keys.includes_high
    )


def _text(bound: StoredKey | None) -> str | None:
    return None if bound is None else str(bound)


def projection(arguments: Mapping[str, Any]) -> Project:
    """Return the function that makes the shown item of a whole one. Raises ValueError if it is not valid."""
    kept = {"ProjectionExpression": arguments.get("ProjectionExpression")}
    if kept["ProjectionExpression"] is None:
        return lambda item: item
    kept["ExpressionAttributeNames"] = _names_in(arguments, kept["ProjectionExpression"]) or None
    return _compiled(kept, "ProjectionExpression")[0].projected


def without_projection(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without the projection and the names that only it used, which DynamoDB rejects."""
    kept = {name: value for name, value in arguments.items() if name != "ProjectionExpression"}
    kept.pop("ExpressionAttributeNames", None)
    names = _names_in(arguments, kept.get("KeyConditionExpression") or "")
    return {**kept, "ExpressionAttributeNames": names} if names else kept


def _names_in(arguments: Mapping[str, Any], expression: str) -> dict[str, str]:
    """Return those of the request's names that an expression uses."""
    used = {token.text for token in tokenize(expression)}
    return {name: value for name, value in arguments.get("ExpressionAttributeNames", {}).items() if name in used}


def _compiled(arguments: Mapping[str, Any], *kinds: str) -> tuple[Expressions, Values]:
    try:
        return compile_expressions(arguments, *kinds)
    except DynamoError as error:
        raise ValueError(f"unsupported condition or projection: {error}") from None
