"""Answers that serve less than was asked for: parts of batches, short and empty pages."""

from collections.abc import Callable, Mapping
from typing import Any

from local.faults.calls import Call, ItemKey, item_key
from local.faults.expressions import KeyRange, key_range

Forward = Callable[[Call], Any]

_LOWEST_SORT_KEY = "\x00"  # no sort key that an application would use comes before it


def serve_part_of_batch(call: Call, keep: int, forward: Forward) -> Any:
    """Carry out the first ``keep`` requests of a batch and hand the rest back as unprocessed."""
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
    return {**response, member: _merge_unprocessed(response.get(member, {}), unserved)}


def query_short_page(call: Call, keep: int, forward: Forward) -> Any:
    """Answer a query with at most ``keep`` items and a key to go on from.

    An empty page needs a key that lies before the first item and within the condition (DynamoDB refuses
    an ExclusiveStartKey outside of it). Where there is none, and on an index, the page holds one item.
    """
    limit = call.arguments.get("Limit", keep)
    page = forward(call.with_arguments(Limit=max(1, min(keep, limit))))
    if keep > 0 or "LastEvaluatedKey" not in page or "IndexName" in call.arguments:
        return page
    restart = _key_before(call.arguments, page["LastEvaluatedKey"])
    if restart is None:
        return page
    return {**page, "Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": restart}


def _key_before(arguments: Mapping[str, Any], first: Mapping[str, Any]) -> Any:
    """A start key from which a query finds the item ``first`` first; ``None`` if there is none."""
    if "ExclusiveStartKey" in arguments:
        return arguments["ExclusiveStartKey"]
    queried = key_range(arguments)
    sk = item_key(queried.table, first).sk
    backwards = arguments.get("ScanIndexForward") is False
    before = sk + _LOWEST_SORT_KEY if backwards else _lowest_key(queried)
    key = ItemKey(queried.table, queried.pk, before)
    is_before = before > sk if backwards else before < sk
    return key.attributes() if is_before and key in queried else None


def _lowest_key(queried: KeyRange) -> str:
    """The lowest sort key that the condition allows, or nearly: what is below it holds no items."""
    if queried.operator == ">":
        return queried.low + _LOWEST_SORT_KEY
    return queried.low if queried.operator in {">=", "between", "begins_with"} else _LOWEST_SORT_KEY


def _size(request: Any) -> int:
    return len(request["Keys"] if isinstance(request, Mapping) else request)


def _merge_unprocessed(unprocessed: Mapping[str, Any], unserved: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine left and what was never given to it, by table."""
    merged = dict(unprocessed)
    for table, request in unserved.items():
        if table not in merged:
            merged[table] = request
        elif isinstance(request, Mapping):
            merged[table] = {**request, "Keys": [*merged[table]["Keys"], *request["Keys"]]}
        else:
            merged[table] = [*merged[table], *request]
    return merged
