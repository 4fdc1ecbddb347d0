"""One store call as data: which operation, with what, and which items it touches.

Every table of the application has the partition key ``pk`` and the sort key ``sk``, both strings, so an
item is named by table, ``pk`` and ``sk``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

READS = frozenset({"get_item", "query", "batch_get_item"})
"""Operations that change nothing; the other operations of ``DynamoClient`` write."""


class ItemKey(NamedTuple):
    """The name of one item."""

    table: str
    pk: str
    sk: str

    def attributes(self) -> dict[str, Any]:
        """The key in DynamoDB's typed form."""
        return {"pk": {"S": self.pk}, "sk": {"S": self.sk}}


def item_key(table: str, attributes: Mapping[str, Any]) -> ItemKey:
    """Read the key out of an item or of a ``Key`` argument; ValueError if ``pk`` or ``sk`` is missing."""
    try:
        return ItemKey(table, attributes["pk"]["S"], attributes["sk"]["S"])
    except KeyError as exc:
        raise ValueError(
            f"an item of table {table} is named by the string attributes pk and sk; got {sorted(attributes)}"
        ) from exc


@dataclass(frozen=True)
class Call:
    """One call of one of the eight operations.

    ``number`` counts the calls of the layer that made this object, from 1. It is what seeded decisions
    hang on: it is the same in every run in which the calls come in the same order.
    """

    number: int
    operation: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        return self.operation

    @property
    def writes(self) -> bool:
        """Whether the call may change the store."""
        return self.operation not in READS

    @cached_property
    def keys(self) -> tuple[ItemKey, ...]:
        """The items named by the call, in its own order; none for a query, which names a range."""
        return tuple(key for key, _ in self._actions())

    @cached_property
    def written(self) -> frozenset[ItemKey]:
        """The items the call may change: a ConditionCheck of a transaction is not one of them."""
        return frozenset(key for key, changes in self._actions() if changes)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables that the call touches."""
        if self.operation == "query":
            return frozenset({self.arguments["TableName"]})
        return frozenset(key.table for key in self.keys)

    def with_arguments(self, **arguments: Any) -> "Call":
        """The same call with some arguments replaced; the value ``None`` removes an argument."""
        merged = {**self.arguments, **arguments}
        return replace(self, arguments={name: value for name, value in merged.items() if value is not None})

    def _actions(self) -> Iterator[tuple[ItemKey, bool]]:
        """Each named item with whether it is written."""
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
    """The item that one request of a BatchWriteItem is about."""
    attributes = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
    return item_key(table, attributes)


def _transaction_action(action: Mapping[str, Any]) -> tuple[ItemKey, bool]:
    ((kind, body),) = action.items()
    attributes = body["Item"] if kind == "Put" else body["Key"]
    return item_key(body["TableName"], attributes), kind != "ConditionCheck"
