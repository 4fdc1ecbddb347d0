"""One write of one item, as PutItem, UpdateItem, DeleteItem and the actions of a transaction share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.dynamodb.arguments import choice, require, require_map, table_name
from local.dynamodb.database import Database
from local.dynamodb.errors import invalid_parameter, validation
from local.dynamodb.expressions import compile_expressions
from local.dynamodb.feed import Change
from local.dynamodb.item_codec import encode
from local.dynamodb.schema import Table
from local.dynamodb.sizes import is_oversized
from local.dynamodb.storage import Key
from local.dynamodb.values import Item, normalize_item

Make = Callable[[Item | None], Item | None]
"""Makes the new item of the old one; None is no item."""
_EXPRESSIONS = {
    "Put": ("ConditionExpression",),
    "Update": ("UpdateExpression", "ConditionExpression"),
    "Delete": ("ConditionExpression",),
    "ConditionCheck": ("ConditionExpression",),
}
_TOO_LARGE = "Item size has exceeded the maximum allowed size"
_UPDATE_TOO_LARGE = "Item size to update has exceeded the maximum allowed size"


@dataclass(frozen=True, slots=True)
class WriteAction:
    """A write of which everything is checked that does not depend on the item."""

    kind: str
    table: Table
    key: Key
    request: WriteRequest
    make: Make

    def holds(self, old: Item | None) -> bool:
        """Return whether the condition holds for the item as it is."""
        return self.request.expressions.holds(old, self.request.values)

    def change(self, old: Item | None) -> tuple[Change, str | None]:
        """Return the change, and the JSON of the new item. Raises DynamoError."""
        new = self.make(old)
        if new is None:
            return Change(self.table, self.key, old, None), None
        encoded = encode(new)
        if is_oversized(new, encoded):
            raise validation(_UPDATE_TOO_LARGE if self.kind == "Update" else _TOO_LARGE)
        return Change(self.table, self.key, old, new), encoded


class WriteRequest:
    """The arguments of a write, checked as far as they can be without a table. Raises DynamoError."""

    def __init__(self, kind: str, arguments: Mapping[str, Any]) -> None:
        self.kind = kind
        self.table_name = table_name(arguments)
        self.returns_old_on_failure = choice(arguments, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        self._subject = require_map(require(arguments, "Item" if kind == "Put" else "Key"), "The item")
        self.expressions, self.values = compile_expressions(arguments, *_EXPRESSIONS[kind])

    @property
    def is_conditional(self) -> bool:
        """Whether there is a condition."""
        return self.expressions.condition is not None

    def action(self, database: Database) -> WriteAction:
        """Return the action. Raises DynamoError if table and key do not fit."""
        table = database.table(self.table_name)
        if self.kind == "Put":
            item = normalize_item(self._subject)
            _check_names(item)
            return WriteAction(self.kind, table, table.key_of_item(item), self, lambda _: item)
        key = table.normalized_key(self._subject)
        return WriteAction(self.kind, table, table.stored(key), self, self._make(key))

    def _make(self, key: Item) -> Make:
        if self.kind == "Delete":
            return lambda _: None
        if self.kind == "ConditionCheck":
            return lambda old: old
        update, values = self.expressions.update, self.values
        if update is None:
            return lambda old: key if old is None else old
        for path in update.paths:
            if path[0] in key:
                raise invalid_parameter(f"Cannot update attribute {path[0]}. This attribute is part of the key")
        return lambda old: update.apply(key if old is None else old, values)

    def old_on_failure(self, old: Item | None) -> Item | None:
        """Return the item for the error of a failed condition, if the caller asked for it."""
        return old if self.returns_old_on_failure else None


def _check_names(item: Item) -> None:
    if "" in item:
        raise invalid_parameter("Empty attribute name")
