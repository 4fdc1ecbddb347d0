"""GetItem, PutItem, UpdateItem and DeleteItem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.dynamodb import capacity
from local.dynamodb.arguments import (
    ON_READ,
    ON_WRITE,
    boolean,
    check_arguments,
    choice,
    require,
    table_name,
)
from local.dynamodb.database import Database
from local.dynamodb.errors import condition_failed, validation
from local.dynamodb.expressions import compile_expressions
from local.dynamodb.feed import Change
from local.dynamodb.paths import project, tree
from local.dynamodb.values import Item
from local.dynamodb.write_actions import WriteRequest

_GET = ON_READ | {"Key"}
_PUT = ON_WRITE | {"Item"}
_DELETE = ON_WRITE | {"Key"}
_UPDATE = _DELETE | {"UpdateExpression"}


class ItemOperations:
    """Each method takes the arguments of the operation and returns its answer, or raises DynamoError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Read one item."""
        check_arguments("GetItem", arguments, _GET)
        name, shown = table_name(arguments), capacity.mode(arguments)
        consistent = boolean(arguments, "ConsistentRead")
        expressions, _ = compile_expressions(arguments, "ProjectionExpression")
        table = self._database.table(name)
        item = self._database.storage.get(table, table.key(require(arguments, "Key")))
        answer: dict[str, Any] = {} if item is None else {"Item": expressions.projected(item)}
        if shown != "NONE":
            units = capacity.item_read_units(item, consistent=consistent)
            answer["ConsumedCapacity"] = capacity.consumed(name, units, shown)
        return answer

    def put_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Write one whole item."""
        check_arguments("PutItem", arguments, _PUT)
        return self._write("Put", arguments, _old_only(arguments))

    def delete_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Delete one item."""
        check_arguments("DeleteItem", arguments, _DELETE)
        return self._write("Delete", arguments, _old_only(arguments))

    def update_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Change attributes of one item, or create it."""
        check_arguments("UpdateItem", arguments, _UPDATE)
        return self._write("Update", arguments, choice(arguments, "ReturnValues"))

    def _write(self, kind: str, arguments: Mapping[str, Any], returned: str) -> dict[str, Any]:
        shown = capacity.mode(arguments)
        request = WriteRequest(kind, arguments)
        action = request.action(self._database)
        storage = self._database.storage
        needs_old = (
            kind == "Update"
            or request.is_conditional
            or returned != "NONE"
            or shown != "NONE"
            or self._database.feed.has_subscribers
        )
        with storage.writing:
            old = storage.current(action.table, action.key) if needs_old else None
            if not action.holds(old):
                raise condition_failed(request.old_on_failure(old))
            change, encoded = action.change(old)
            self._database.commit([(change, encoded)])
        answer: dict[str, Any] = {}
        attributes = _returned(returned, change, request)
        if attributes:
            answer["Attributes"] = attributes
        if shown != "NONE":
            units = capacity.write_units(change.old, change.new)
            answer["ConsumedCapacity"] = capacity.consumed(request.table_name, units, shown)
        return answer


def _old_only(arguments: Mapping[str, Any]) -> str:
    returned = choice(arguments, "ReturnValues")
    if returned not in ("ALL_OLD", "NONE"):
        raise validation("ReturnValues can only be ALL_OLD or NONE")
    return returned


def _returned(returned: str, change: Change, request: WriteRequest) -> Item | None:
    """Return the attributes that ReturnValues asks for."""
    if returned == "NONE":
        return None
    item = change.old if returned.endswith("OLD") else change.new
    if item is None or returned.startswith("ALL"):
        return item
    update = request.expressions.update
    return None if update is None else project(item, tree(update.paths))
