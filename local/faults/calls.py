"""One store call as data: its operation, its arguments, and the items it names.

Every table of the application has the string keys ``pk`` (partition) and ``sk`` (sort), so an item is identified
by table, ``pk`` and ``sk``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

READS = frozenset({"get_item", "query", "batch_get_item"})
"""Operations without side effects; all other operations of ``DynamoClient`` write."""


class ItemKey(NamedTuple):
    """The identity of one item."""

    table: str
    pk: str
    sk: str

    def attributes(self) -> dict[str, Any]:
        """Return the key in DynamoDB's typed format."""
        return {"pk": {"S": self.pk}, "sk": {"S": self.sk}}


def item_key(table: str, attributes: Mapping[str, Any]) -> ItemKey:
    """Read the key of an item or a ``Key`` argument. Raises ValueError if ``pk`` or ``sk`` is missing."""
    try:
        return ItemKey(table, attributes["pk"]["S"], attributes["sk"]["S"])
    except KeyError as exc:
        raise ValueError(
            f"an item of table {table} is named by the string attributes pk and sk; got {sorted(attributes)}"
        ) from exc


@dataclass(frozen=True)
class Call:
    """One call of one of the eight operations.

    ``number`` counts the calls of the layer that made this object, from 1. Seeded decisions depend on it: it is
    the same in every run with the same order of calls.
    """

    number: int
    operation: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        return self.operation

    @property
    def writes(self) -> bool:
        """Whether the call can change the store."""
        return self.operation not in READS

    @cached_property
    def keys(self) -> tuple[ItemKey, ...]:
        """The items that the call names, in order; empty for a query, which names a range."""
        return tuple(key for key, _ in self._actions())

    @cached_property
    def written(self) -> frozenset[ItemKey]:
        """The items that the call can change, which excludes those of a ConditionCheck."""
        return frozenset(key for key, changes in self._actions() if changes)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables that the call accesses."""
        if self.operation == "query":
            return frozenset({self.arguments["TableName"]})
        return frozenset(key.table for key in self.keys)

    def with_arguments(self, **arguments: Any) -> "Call":
        """Return a copy with some arguments replaced; ``None`` removes an argument."""
        merged = {**self.arguments, **arguments}
        return replace(self, arguments={name: value for name, value in merged.items() if value is not None})

    def _actions(self) -> Iterator[tuple[ItemKey, bool]]:
        """Yield each named item, and whether it is written."""
        arguments = self.arguments
        match self.operation:
            case "query":
                return
            case "put_item":
                yield item_key(arguments["TableName"], arguments["Item"]), True
            case "get_item" | "update_item" | "delete_item":
                yield item_key(arguments["TableName"], arguments["Key"]), self.writes
            case "batch_get_item":
                for table, request in arguments["RequestItems"].items():
                    yield from ((item_key(table, key), False) for key in request["Keys"])
            case "batch_write_item":
                for table, requests in arguments["RequestItems"].items():
                    yield from ((batch_write_key(table, request), True) for request in requests)
            case "transact_write_items":
                yield from map(_transaction_action, arguments["TransactItems"])
            case _:
                raise ValueError(f"{self.operation} is not an operation of DynamoClient")


def batch_write_key(table: str, request: Mapping[str, Any]) -> ItemKey:
    """Return the key of one request of a BatchWriteItem."""
    attributes = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
    return item_key(table, attributes)


def _transaction_action(action: Mapping[str, Any]) -> tuple[ItemKey, bool]:
    ((kind, body),) = action.items()
    attributes = body["Item"] if kind == "Put" else body["Key"]
    return item_key(body["TableName"], attributes), kind != "ConditionCheck"
