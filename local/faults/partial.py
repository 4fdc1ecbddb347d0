"""Partial results: incomplete batches, short and empty pages."""

from collections.abc import Callable, Mapping
from typing import Any

from local.faults.calls import Call, ItemKey, item_key
from local.faults.expressions import QueryRange, query_range

Forward = Callable[[Call], Any]

_LOWEST_SORT_KEY = "\x00"  # sorts before every sort key that an application would use


def serve_part_of_batch(call: Call, keep: int, forward: Forward) -> Any:
    """Execute the first ``keep`` requests of a batch and return the rest as unprocessed."""
    reading = call.operation == "batch_get_item"
    served: dict[str, Any] = {}
    unserved: dict[str, Any] = {}
    for table, request in call.arguments["RequestItems"].items():
        requests = request["Keys"] if reading else request
        capacity = max(0, keep - sum(map(_size, served.values())))
        for part, chosen in ((served, requests[:capacity]), (unserved, requests[capacity:])):
            if chosen:
                part[table] = {**request, "Keys": chosen} if reading else chosen
    response = forward(call.with_arguments(RequestItems=served))
    member = "UnprocessedKeys" if reading else "UnprocessedItems"
    return {**response, member: merge_unprocessed(response.get(member, {}), unserved)}


def query_short_page(call: Call, keep: int, forward: Forward) -> Any:
    """Return at most ``keep`` items of a query, and a key to continue from.

    An empty page needs a start key before the first item and within the condition (DynamoDB rejects an
    ExclusiveStartKey outside of it). If there is none, or on an index, the page has one item.
    """
    limit = call.arguments.get("Limit", keep)
    page = forward(call.with_arguments(Limit=max(1, min(keep, limit))))
    if keep > 0 or "LastEvaluatedKey" not in page or "IndexName" in call.arguments:
        return page
    restart = _key_before(call.arguments, page["LastEvaluatedKey"])
    if restart is None:
        return page
    return {**page, "Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": restart}


def split_keys(requests: Any, rejected: frozenset[ItemKey]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split the keys of a BatchGetItem into those that are admitted and those that are not, each by table."""
    parts: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for table, request in requests.items():
        for key in request["Keys"]:
            part = parts[item_key(table, key) in rejected]
            part.setdefault(table, {**request, "Keys": []})["Keys"].append(key)
    return parts


def _key_before(arguments: Mapping[str, Any], first: Mapping[str, Any]) -> Any:
    """Return a start key from which a query returns ``first`` first, or ``None`` if there is none."""
    if "ExclusiveStartKey" in arguments:
        return arguments["ExclusiveStartKey"]
    queried = query_range(arguments)
    sk = item_key(queried.table, first).sk
    backwards = arguments.get("ScanIndexForward") is False
    before = sk + _LOWEST_SORT_KEY if backwards else _lowest_key(queried)
    key = ItemKey(queried.table, queried.pk, before)
    is_before = before > sk if backwards else before < sk
    return key.attributes() if is_before and key in queried else None


def _lowest_key(queried: QueryRange) -> str:
    """Return the lowest sort key that the condition selects."""
    low = queried.low or ""
    return low if low and queried.includes_low else low + _LOWEST_SORT_KEY


def _size(request: Any) -> int:
    return len(request["Keys"] if isinstance(request, Mapping) else request)


def merge_unprocessed(unprocessed: Mapping[str, Any], unserved: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the engine's unprocessed requests with those never sent to it, by table."""
    merged = dict(unprocessed)
    for table, request in unserved.items():
        if table not in merged:
            merged[table] = request
        elif isinstance(request, Mapping):
            merged[table] = {**request, "Keys": [*merged[table]["Keys"], *request["Keys"]]}
        else:
            merged[table] = [*merged[table], *request]
    return merged
