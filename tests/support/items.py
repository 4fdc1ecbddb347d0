"""Direct access to the items of the store, and a store that serves given items."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.aws.dynamodb.values import unmarshal_item
from local.faults.calls import Call, ItemKey, item_key
from local.faults.client import DynamoClient, Layer
from local.faults.engine import MemoryEngine
from local.faults.expressions import query_range

RawItem = dict[str, Any]
Items = dict[ItemKey, RawItem]
"""Items by key, with DynamoDB's types."""

_BATCH = 25


def read_partition(engine: DynamoClient, table: str, pk: str) -> Items:
    """Return all items of a partition."""
    arguments: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": pk}},
        "ConsistentRead": True,
    }
    found: Items = {}
    while True:
        page = engine.query(**arguments)
        found |= {item_key(table, item): item for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return found
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def read_keys(engine: DynamoClient, keys: Iterable[tuple[str, str, str]]) -> Items:
    """Return those of these items that exist."""
    found: Items = {}
    wanted = [ItemKey(*key) for key in dict.fromkeys(keys)]
    for start in range(0, len(wanted), 100):
        request: dict[str, Any] = {}
        for key in wanted[start : start + 100]:
            request.setdefault(key.table, {"ConsistentRead": True, "Keys": []})["Keys"].append(key.attributes())
        while request:
            answer = engine.batch_get_item(RequestItems=request)
            for table, items in answer["Responses"].items():
                found |= {item_key(table, item): item for item in items}
            request = answer.get("UnprocessedKeys") or {}
    return found


def stored_keys(engine: DynamoClient, table: str) -> list[str]:
    """Return the keys of all items of a table in memory."""
    assert isinstance(engine, MemoryEngine)
    return [f"{item['pk']['S']} {item['sk']['S']}" for item in engine.items(table)]


def items_with(engine: DynamoClient, tables: Iterable[str], *texts: str) -> list[str]:
    """Return the items of tables in memory that contain one of these texts in any attribute or key, as JSON."""
    assert isinstance(engine, MemoryEngine)
    everything = (
        json.dumps([table, item], ensure_ascii=False).replace('\\"', '"')
        for table in tables
        for item in engine.items(table)
    )
    return [item for item in everything if any(text in item for text in texts)]


def batch_write(engine: DynamoClient, items: Sequence[tuple[str, RawItem]]) -> None:
    """Put items, each with the name of its table."""
    for start in range(0, len(items), _BATCH):
        request: dict[str, Any] = {}
        for table, item in items[start : start + _BATCH]:
            request.setdefault(table, []).append({"PutRequest": {"Item": item}})
        while request:
            request = engine.batch_write_item(RequestItems=request).get("UnprocessedItems") or {}


def write_encoded(engine: DynamoClient, items: Sequence[tuple[str, str, str, str]]) -> None:
    """Put new items, each as its table, its key and its JSON."""
    if isinstance(engine, MemoryEngine):
        engine.engine.fill(items)
    else:
        batch_write(engine, [(table, json.loads(encoded)) for table, _, _, encoded in items])


def plain(items: Items, table: str, pk: str, prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return the items of a partition by sort key, as plain values, in the order of the keys."""
    chosen = {key.sk: item for key, item in items.items() if (key.table, key.pk) == (table, pk)}
    return {sk: unmarshal_item(chosen[sk]) for sk in sorted(chosen) if sk.startswith(prefix)}


class FrozenStore(Layer):
    """Serves reads of the given items, forwards others to the engine, and rejects writes.

    `whole` are the partitions of which all items are given: only queries of others are forwarded.
    """

    def __init__(self, engine: DynamoClient, items: Items, whole: Iterable[tuple[str, str]]) -> None:
        super().__init__(engine)
        self._items = items
        self._keys: dict[tuple[str, str], list[ItemKey]] = {place: [] for place in whole}
        """The keys of the items of each partition that is whole, in order."""
        for key in sorted(items):
            if (key.table, key.pk) in self._keys:
                self._keys[key.table, key.pk].append(key)

    def call(self, call: Call) -> Any:
        """Serve a read."""
        assert not call.writes, f"a check is not to write ({call})"
        match call.operation:
            case "get_item" if call.keys[0] in self._items:
                return {"Item": self._items[call.keys[0]]}
            case "get_item" if self._is_whole(call.keys[0]):
                return {}
            case "batch_get_item" if all(key in self._items or self._is_whole(key) for key in call.keys):
                found: dict[str, list[RawItem]] = {table: [] for table in call.tables}
                for key in call.keys:
                    if key in self._items:
                        found[key.table].append(self._items[key])
                return {"Responses": found, "UnprocessedKeys": {}}
            case "query":
                wanted = query_range(call.arguments)
                keys = self._keys.get((wanted.table, wanted.pk))
                return self.forward(call) if keys is None else self._page(filter(wanted.__contains__, keys), call)
            case _:
                return self.forward(call)

    def _is_whole(self, key: ItemKey) -> bool:
        return (key.table, key.pk) in self._keys

    def _page(self, selected: Iterable[ItemKey], call: Call) -> Any:
        backwards = not call.arguments.get("ScanIndexForward", True)
        start = call.arguments.get("ExclusiveStartKey")
        keys = list(selected)[:: -1 if backwards else 1]
        if start is not None:
            passed = start["sk"]["S"]
            keys = [key for key in keys if (key.sk < passed if backwards else key.sk > passed)]
        limit = call.arguments.get("Limit", len(keys))
        page = {"Items": [self._items[key] for key in keys[:limit]]}
        if len(keys) > limit:
            page["LastEvaluatedKey"] = keys[limit - 1].attributes()
        return page
