"""Decides which store calls have the same effects and answers in either order.

In case of doubt the answer is no, which costs schedules and never hides one: a condition check counts as a write,
a query as a read of everything that its condition allows, on an index of the whole table.
"""

from local.faults.calls import Call, ItemKey
from local.faults.expressions import QueryRange, query_range

Footprint = frozenset[ItemKey] | QueryRange | str
"""The keys that a call accesses: some items, a range of them, or a whole table."""


def commute(one: Call, other: Call, *, reads_commute: bool = True) -> bool:
    """Whether two calls can be swapped without any difference.

    ``reads_commute=False`` is for regions in which a read settles what later reads see of a transaction.
    """
    if reads_commute and not one.writes and not other.writes:
        return True
    return not _overlap(_footprint(one), _footprint(other))


def _footprint(call: Call) -> Footprint:
    if call.operation != "query":
        return frozenset(call.keys)
    if "IndexName" in call.arguments:
        return str(call.arguments["TableName"])
    return query_range(call.arguments)


def _overlap(one: Footprint, other: Footprint) -> bool:
    if isinstance(one, frozenset):
        return any(_is_in(key, other) for key in one)
    if isinstance(other, frozenset):
        return _overlap(other, one)
    return _table(one) == _table(other)


def _is_in(key: ItemKey, place: Footprint) -> bool:
    return key.table == place if isinstance(place, str) else key in place


def _table(place: QueryRange | str) -> str:
    return place if isinstance(place, str) else place.table
