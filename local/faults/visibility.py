"""Results of Query and BatchGetItem in which some items have an older state.

The engine is atomic, so it returns the new state of everything. ``patched_query`` and ``patched_batch_get``
replace the items that have an old image, so that the result is one that DynamoDB could have returned: in order,
and within the range, the limit and the page.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.faults.calls import Call, ItemKey, item_key
from local.faults.expressions import projection, without_projection
from local.faults.windows import Image

Images = Mapping[ItemKey, Image]
Forward = Callable[[Call], Any]


def can_be_patched(call: Call) -> bool:
    """Return whether old images can be applied to the result, which a filter or a mere count prevents.

    Such a read returns the new state, as DynamoDB may do as well.
    """
    return "FilterExpression" not in call.arguments and call.arguments.get("Select") != "COUNT"


def patched_query(call: Call, images: Images, forward: Forward) -> Any:
    """Execute a query and return the items in ``images`` in their old state.

    Requests as many more items as old images could remove, so that a page is not shorter than one of DynamoDB's.
    """
    limit = call.arguments.get("Limit")
    wider = Call(call.number, call.operation, without_projection(call.arguments))
    page = forward(wider.with_arguments(Limit=limit + len(images) if limit else None, Select=None))
    table, backwards = call.arguments["TableName"], call.arguments.get("ScanIndexForward") is False
    visible = [key for key in images if _is_on_page(key, call.arguments, page, backwards)]
    items = _replace_items(page["Items"], table, {key: images[key] for key in visible})
    items.sort(key=lambda item: item["sk"]["S"], reverse=backwards)
    kept = items[:limit]
    if limit and len(kept) == limit:
        page["LastEvaluatedKey"] = item_key(table, kept[-1]).attributes()
    return {
        **page,
        "Items": list(map(projection(call.arguments), kept)),
        "Count": len(kept),
        "ScannedCount": len(kept),
    }


def patched_batch_get(call: Call, images: Images, forward: Forward) -> Any:
    """Execute a BatchGetItem and return the items in ``images`` in their old state."""
    requests = call.arguments["RequestItems"]
    whole = {table: without_projection(request) for table, request in requests.items()}
    response = forward(call.with_arguments(RequestItems=whole))
    unprocessed = response.get("UnprocessedKeys", {})
    for table, request in requests.items():
        skipped = {item_key(table, key) for key in unprocessed.get(table, {}).get("Keys", [])}
        visible = {key: image for key, image in images.items() if key.table == table and key not in skipped}
        items = _replace_items(response["Responses"].get(table, []), table, visible)
        response["Responses"][table] = list(map(projection(request), items))
        if table in unprocessed:  # restore the original request, for the retry
            unprocessed[table] = {**request, "Keys": unprocessed[table]["Keys"]}
    return response


def _is_on_page(key: ItemKey, arguments: Mapping[str, Any], page: Any, backwards: bool) -> bool:
    """Return whether a key of the range is after the page's start and not after its end."""
    start, end = arguments.get("ExclusiveStartKey"), page.get("LastEvaluatedKey")
    after_start = start is None or (key.sk < start["sk"]["S"] if backwards else key.sk > start["sk"]["S"])
    before_end = end is None or (key.sk >= end["sk"]["S"] if backwards else key.sk <= end["sk"]["S"])
    return after_start and before_end


def _replace_items(items: Iterable[dict[str, Any]], table: str, images: Images) -> list[dict[str, Any]]:
    untouched = [item for item in items if item_key(table, item) not in images]
    return untouched + [image for image in images.values() if image is not None]
