"""Capacity units as AWS documents them (developer guide, "Read and write operations" and "Transactions")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local.dynamodb.arguments import choice
from local.dynamodb.sizes import item_size
from local.dynamodb.values import Item

READ_UNIT = 4096
WRITE_UNIT = 1024
TRANSACTION_FACTOR = 2


def mode(arguments: Mapping[str, Any]) -> str:
    """Return the ReturnConsumedCapacity of a request."""
    return choice(arguments, "ReturnConsumedCapacity")


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units for reading that many bytes in one go; reading nothing costs as much as a byte."""
    units = float(max(-(-size // READ_UNIT), 1))
    return units if consistent else units / 2


def item_read_units(item: Item | None, *, consistent: bool) -> float:
    """Return the units for reading an item, or for finding none."""
    return read_units(0 if item is None else item_size(item), consistent=consistent)


def write_units(old: Item | None, new: Item | None) -> float:
    """Return the units for a write, by the larger of the item before and after it."""
    size = max((item_size(item) for item in (old, new) if item is not None), default=0)
    return float(max(-(-size // WRITE_UNIT), 1))


def consumed(table: str, units: float, shown: str, *, transaction: str | None = None) -> dict[str, Any]:
    """Return one `ConsumedCapacity`; `transaction` is `Read` or `Write` for those of a transaction."""
    capacity: dict[str, Any] = {"TableName": table, "CapacityUnits": units}
    if transaction is not None:
        capacity[f"{transaction}CapacityUnits"] = units
    if shown == "INDEXES":
        table_units: dict[str, Any] = {"CapacityUnits": units}
        if transaction is not None:
            table_units[f"{transaction}CapacityUnits"] = units
        capacity["Table"] = table_units
    return capacity


def by_table(
    units: Iterable[tuple[str, float]], shown: str, *, transaction: str | None = None
) -> list[dict[str, Any]]:
    """Return a `ConsumedCapacity` for each table of a request about several items."""
    totals: dict[str, float] = {}
    for table, each in units:
        totals[table] = totals.get(table, 0.0) + each
    return [consumed(table, total, shown, transaction=transaction) for table, total in totals.items()]
