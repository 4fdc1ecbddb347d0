"""BatchGetItem and BatchWriteItem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.dynamodb import capacity
from local.dynamodb.arguments import boolean, check_arguments, require, require_list, require_map, table_name
from local.dynamodb.database import Database
from local.dynamodb.errors import constraint, validation
from local.dynamodb.expressions import NAMES, Expressions, compile_expressions
from local.dynamodb.schema import Table
from local.dynamodb.sizes import item_size
from local.dynamodb.storage import Key
from local.dynamodb.values import Item
from local.dynamodb.write_actions import WriteAction, WriteRequest

MAX_KEYS = 100
MAX_WRITES = 25
MAX_BYTES = 16 * 1024 * 1024
_DUPLICATES = "Provided list of item keys contains duplicates"
_OF_A_TABLE = frozenset({"Keys", "ConsistentRead", "ProjectionExpression", NAMES})


class BatchOperations:
    """Each method takes the arguments of the operation and returns its answer, or raises DynamoError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- BatchGetItem ----------------------------------------------------------------------------------

    def batch_get_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Read up to 100 items and 16 MB; further keys are returned in UnprocessedKeys."""
        check_arguments("BatchGetItem", arguments, ("RequestItems", "ReturnConsumedCapacity"))
        shown = capacity.mode(arguments)
        requests = _requests("BatchGetItem", arguments)
        reads = [_TableRead(self._database, name, request) for name, request in requests.items()]
        if sum(len(read.keys) for read in reads) > MAX_KEYS:
            member = f"RequestItems.{reads[0].table.name}.member.Keys"
            raise constraint(None, member, f"have length less than or equal to {MAX_KEYS}")
        wanted = [(read.table, key) for read in reads for key in read.keys]
        listed, most = self._database.storage.get_many(wanted)
        found, fits = iter(listed), most <= MAX_BYTES
        answer: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
        units: list[tuple[str, float]] = []
        size = 0
        for read in reads:
            items: list[Item] = []
            for key in read.raw_keys:
                item = next(found)
                size += 0 if fits or item is None else item_size(item)
                if size > MAX_BYTES:
                    read.leave(key, answer["UnprocessedKeys"])
                    continue
                if shown != "NONE":
                    units.append((read.table.name, capacity.item_read_units(item, consistent=read.consistent)))
                if item is not None:
                    items.append(read.expressions.projected(item))
            answer["Responses"][read.table.name] = items
        if shown != "NONE":
            answer["ConsumedCapacity"] = capacity.by_table(units, shown)
        return answer

    # ---- BatchWriteItem --------------------------------------------------------------------------------

    def batch_write_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Put and delete up to 25 items, without conditions."""
        check_arguments(
            "BatchWriteItem", arguments, ("RequestItems", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics")
        )
        shown = capacity.mode(arguments)
        actions = [
            self._write(name, request)
            for name, requests in _requests("BatchWriteItem", arguments).items()
            for request in _writes(name, requests)
        ]
        if len(actions) > MAX_WRITES:
            raise validation(
                f"1 validation error detected: Value '{{{len(actions)} requests}}' at 'requestItems' failed to"
                " satisfy constraint: Map value must satisfy constraint: [Member must have length less than or"
                f" equal to {MAX_WRITES}, Member must have length greater than or equal to 1]"
            )
        if len({(action.table.name, action.key) for action in actions}) < len(actions):
            raise validation(_DUPLICATES)
        storage = self._database.storage
        needs_old = shown != "NONE" or self._database.feed.has_subscribers
        with storage.writing:
            changes = [
                action.change(storage.current(action.table, action.key) if needs_old else None)
                for action in actions
            ]
            self._database.commit(changes)
        answer: dict[str, Any] = {"UnprocessedItems": {}}
        if shown != "NONE":
            units = [(change.table.name, capacity.write_units(change.old, change.new)) for change, _ in changes]
            answer["ConsumedCapacity"] = capacity.by_table(units, shown)
        return answer

    def _write(self, name: str, request: Any) -> WriteAction:
        content = require_map(request, "A write request")
        if len(content) != 1 or not content.keys() <= {"PutRequest", "DeleteRequest"}:
            raise validation("A write request must have exactly one of PutRequest and DeleteRequest")
        ((kind, body),) = content.items()
        check_arguments(kind, require_map(body, kind), ("Item",) if kind == "PutRequest" else ("Key",))
        return WriteRequest(kind.removesuffix("Request"), {"TableName": name, **body}).action(self._database)


class _TableRead:
    """The part of a BatchGetItem about one table."""

    def __init__(self, database: Database, name: str, request: Any) -> None:
        self._request = require_map(request, "A request")
        check_arguments("BatchGetItem", self._request, _OF_A_TABLE)
        self.table: Table = database.table(table_name({"TableName": name}))
        self.consistent = boolean(self._request, "ConsistentRead")
        self.expressions: Expressions
        self.expressions, _ = compile_expressions(self._request, "ProjectionExpression")
        self.raw_keys = require_list(require(self._request, "Keys"), "Keys")
        if not self.raw_keys:
            raise constraint("[]", f"requestItems.{name}.member.keys", "have length greater than or equal to 1")
        self.keys: list[Key] = [self.table.key(key) for key in self.raw_keys]
        if len(set(self.keys)) < len(self.keys):
            raise validation(_DUPLICATES)

    def leave(self, key: Any, unprocessed: dict[str, Any]) -> None:
        """Note that a key is to be asked for again, in the way in which it was."""
        request = unprocessed.setdefault(self.table.name, {**self._request, "Keys": []})
        request["Keys"].append(key)


def _requests(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    requests = require_map(require(arguments, "RequestItems"), "RequestItems")
    if not requests:
        raise validation(f"The requestItems parameter is required for {operation}")
    return requests


def _writes(name: str, requests: Any) -> list[Any]:
    listed = require_list(requests, "The write requests")
    if not listed:
        raise constraint("[]", f"requestItems.{name}.member", "have length greater than or equal to 1")
    return listed
