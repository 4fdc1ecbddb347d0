"""The capacity units that calls consume.

The rules are those of the developer guide ("Read/write capacity mode", "Amazon DynamoDB Transactions"). A read
takes one unit per 4 KB, of the total for a query and of each item otherwise, and half of that if it is eventually
consistent. A write takes one unit per KB of the larger of the old and the new item, twice that in a transaction,
for condition checks as well. A write whose condition fails takes as much, and so does a cancelled transaction; the
guide does not name the price of a conflict, so that is an upper bound.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from local.dynamodb.sizes import item_size
from local.faults.calls import Call, ItemKey
from local.faults.expressions import query_range

SizeOf = Callable[[ItemKey], int]
"""The bytes of an item; 0 if it does not exist."""


class Partition(NamedTuple):
    """All items of a table with the same partition key."""

    table: str
    pk: str


def partitions(call: Call) -> list[Partition]:
    """Return the partition of each item that a call names, in order; of a query, its one partition."""
    if call.operation == "query":
        queried = query_range(call.arguments)
        return [Partition(queried.table, queried.pk)]
    return [Partition(key.table, key.pk) for key in call.keys]


def write_units(call: Call, before: Mapping[ItemKey, int], size_of: SizeOf) -> Iterator[tuple[Partition, int]]:
    """Yield the units of each item of a write. `before` has the sizes before it, `size_of` those after it."""
    factor = 2 if call.operation == "transact_write_items" else 1
    written = _put_sizes(call)
    for key in call.keys:
        size = max(before.get(key, 0), size_of(key), written.get(key, 0), 1)
        yield Partition(key.table, key.pk), factor * math.ceil(size / 1024)


def read_units(call: Call, answer: Mapping[str, Any], size_of: SizeOf) -> Iterator[tuple[Partition, float]]:
    """Yield the units of a read, by its answer."""
    if call.operation == "query":
        total = sum(map(item_size, answer["Items"]))
        yield partitions(call)[0], _read_units(total, call.arguments)
        return
    for key in call.keys:
        request = call.arguments if call.operation == "get_item" else call.arguments["RequestItems"][key.table]
        yield Partition(key.table, key.pk), _read_units(size_of(key), request)


def _read_units(size: int, request: Mapping[str, Any]) -> float:
    units = math.ceil(max(size, 1) / 4096)
    return units if request.get("ConsistentRead") else units / 2


def _put_sizes(call: Call) -> dict[ItemKey, int]:
    """Return the sizes of the items that a call puts, which are charged even if it is cancelled."""
    if call.operation == "put_item":
        return {call.keys[0]: item_size(call.arguments["Item"])}
    if call.operation != "transact_write_items":
        return {}
    actions = zip(call.keys, call.arguments["TransactItems"], strict=True)
    return {key: item_size(action["Put"]["Item"]) for key, action in actions if "Put" in action}
