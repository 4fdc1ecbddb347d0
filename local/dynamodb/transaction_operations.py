"""TransactWriteItems and TransactGetItems (developer guide, "Amazon DynamoDB Transactions")."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.dynamodb import capacity
from local.dynamodb.arguments import (
    ON_WRITE,
    check_arguments,
    require,
    require_list,
    require_map,
    table_name,
)
from local.dynamodb.database import Database
from local.dynamodb.errors import CONDITION_FAILED, DynamoError, constraint, transaction_cancelled, validation
from local.dynamodb.expressions import NAMES, Expressions, compile_expressions
from local.dynamodb.feed import Change
from local.dynamodb.idempotency import IdempotencyTokens
from local.dynamodb.schema import Table
from local.dynamodb.sizes import item_size
from local.dynamodb.storage import Key, Token
from local.dynamodb.values import Item
from local.dynamodb.write_actions import WriteAction, WriteRequest

MAX_ACTIONS = 100
MAX_BYTES = 4 * 1024 * 1024
MAX_TOKEN = 36
_SMALL = MAX_BYTES // MAX_ACTIONS
_NO_REASON = {"Code": "None"}
_COMMON = ON_WRITE - {"ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"}
_KNOWN = {
    "Put": _COMMON | {"Item"},
    "Update": _COMMON | {"Key", "UpdateExpression"},
    "Delete": _COMMON | {"Key"},
    "ConditionCheck": _COMMON | {"Key"},
}
_ONE_ITEM = "Transaction request cannot include multiple operations on one item"


class TransactionOperations:
    """Each method takes the arguments of the operation and returns its answer, or raises DynamoError."""

    def __init__(self, database: Database, tokens: IdempotencyTokens) -> None:
        self._database = database
        self._tokens = tokens

    def transact_write_items(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out up to 100 actions on as many items, all or none."""
        check_arguments(
            "TransactWriteItems",
            arguments,
            ("TransactItems", "ClientRequestToken", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"),
        )
        shown = capacity.mode(arguments)
        items = _items(arguments)
        requests = [_write_request(item) for item in items]
        token = _token(arguments, items)
        actions = self._actions(requests)
        now = self._database.clock()
        with self._database.storage.writing:
            if token is not None:
                if self._tokens.is_repeat(token, now):
                    return self._repeated(actions, shown)
                token = self._tokens.remembered(token, now)
            changes = self._changes(actions)
            written = [each for each, action in zip(changes, actions, strict=True) if _writes(action)]
            self._database.commit(written, token)
            if token is not None:
                self._tokens.add(token)
        answer: dict[str, Any] = {}
        if shown != "NONE":
            units = [
                (change.table.name, capacity.TRANSACTION_FACTOR * capacity.write_units(change.old, change.new))
                for change, _ in changes
            ]
            answer["ConsumedCapacity"] = capacity.by_table(units, shown, transaction="Write")
        return answer

    def _actions(self, requests: Sequence[WriteRequest]) -> list[WriteAction]:
        """Return the actions. One that does not fit the table's keys cancels the transaction, by its place."""
        actions: list[WriteAction] = []
        reasons: list[Mapping[str, Any]] = []
        for request in requests:
            try:
                actions.append(request.action(self._database))
                reasons.append(_NO_REASON)
            except DynamoError as error:
                reasons.append(_validation_reason(error))
        if len(actions) < len(requests):
            raise transaction_cancelled(reasons)
        if len({(action.table.name, action.key) for action in actions}) < len(actions):
            raise validation(_ONE_ITEM)
        return actions

    def _changes(self, actions: Sequence[WriteAction]) -> list[tuple[Change, str | None]]:
        """Return what each action does to its item. Raises DynamoError if one of them does not hold."""
        changes: list[tuple[Change, str | None]] = []
        reasons: list[Mapping[str, Any]] = []
        for action in actions:
            old = self._database.storage.current(action.table, action.key)
            if not action.holds(old):
                reasons.append(_condition_reason(action.request.old_on_failure(old)))
                continue
            try:
                changes.append(action.change(old))
                reasons.append(_NO_REASON)
            except DynamoError as error:
                reasons.append(_validation_reason(error))
        if len(changes) < len(actions):
            raise transaction_cancelled(reasons)
        _check_size(changes)
        return changes

    def _repeated(self, actions: Sequence[WriteAction], shown: str) -> dict[str, Any]:
        """Return the answer to a transaction that was carried out before: it costs reads."""
        if shown == "NONE":
            return {}
        storage = self._database.storage
        units = []
        for action in actions:
            item = storage.current(action.table, action.key)
            read = capacity.TRANSACTION_FACTOR * capacity.item_read_units(item, consistent=True)
            units.append((action.table.name, read))
        return {"ConsumedCapacity": capacity.by_table(units, shown, transaction="Read")}

    # ---- TransactGetItems ------------------------------------------------------------------------------

    def transact_get_items(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Read up to 100 items as one and the same commit left them."""
        check_arguments("TransactGetItems", arguments, ("TransactItems", "ReturnConsumedCapacity"))
        shown = capacity.mode(arguments)
        requests = [_get_request(item) for item in _items(arguments)]
        keys = self._keys([get for get, _ in requests])
        if len({(table.name, key) for table, key in keys}) < len(keys):
            raise validation(_ONE_ITEM)
        found, _ = self._database.storage.get_many(keys)
        answer: dict[str, Any] = {
            "Responses": [
                {} if item is None else {"Item": expressions.projected(item)}
                for item, (_, expressions) in zip(found, requests, strict=True)
            ]
        }
        if shown != "NONE":
            units = [
                (table.name, capacity.TRANSACTION_FACTOR * capacity.item_read_units(item, consistent=True))
                for item, (table, _) in zip(found, keys, strict=True)
            ]
            answer["ConsumedCapacity"] = capacity.by_table(units, shown, transaction="Read")
        return answer

    def _keys(self, gets: Sequence[Mapping[str, Any]]) -> list[tuple[Table, Key]]:
        """Return the keys. One that does not fit its table cancels the transaction, by its place."""
        keys: list[tuple[Table, Key]] = []
        reasons: list[Mapping[str, Any]] = []
        for get in gets:
            table = self._database.table(get["TableName"])
            try:
                keys.append((table, table.key(require(get, "Key"))))
                reasons.append(_NO_REASON)
            except DynamoError as error:
                reasons.append(_validation_reason(error))
        if len(keys) < len(gets):
            raise transaction_cancelled(reasons)
        return keys


def _items(arguments: Mapping[str, Any]) -> list[Any]:
    items = require_list(require(arguments, "TransactItems"), "TransactItems")
    if not items:
        raise constraint("[]", "transactItems", "have length greater than or equal to 1")
    if len(items) > MAX_ACTIONS:
        raise constraint(
            f"[{len(items)} items]", "transactItems", f"have length less than or equal to {MAX_ACTIONS}"
        )
    return items


def _write_request(item: Any) -> WriteRequest:
    content = require_map(item, "A transaction's item")
    if len(content) != 1 or not content.keys() <= _KNOWN.keys():
        raise validation("TransactItems can only contain one of Check, Put, Update or Delete")
    ((kind, body),) = content.items()
    check_arguments(kind, require_map(body, kind), _KNOWN[kind])
    if kind == "Update":
        require(body, "UpdateExpression")
    if kind == "ConditionCheck":
        require(body, "ConditionExpression")
    return WriteRequest(kind, body)


def _get_request(item: Any) -> tuple[Mapping[str, Any], Expressions]:
    get = require_map(require(require_map(item, "A transaction's item"), "Get"), "Get")
    check_arguments("Get", get, ("TableName", "Key", "ProjectionExpression", NAMES))
    table_name(get)
    expressions, _ = compile_expressions(get, "ProjectionExpression")
    return get, expressions


def _writes(action: WriteAction) -> bool:
    return action.kind != "ConditionCheck"


def _token(arguments: Mapping[str, Any], items: list[Any]) -> Token | None:
    token = arguments.get("ClientRequestToken")
    if token is None:
        return None
    if not isinstance(token, str) or not 1 <= len(token) <= MAX_TOKEN:
        rule = "have length less than or equal to 36" if token else "have length greater than or equal to 1"
        raise constraint(str(token), "clientRequestToken", rule)
    content = json.dumps(items, sort_keys=True, default=repr).encode()
    return Token(token, hashlib.blake2b(content, digest_size=16).digest(), 0.0)


def _condition_reason(item: Item | None) -> dict[str, Any]:
    reason: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": CONDITION_FAILED}
    return reason if item is None else {**reason, "Item": item}


def _validation_reason(error: DynamoError) -> dict[str, Any]:
    """Return the reason for an action that is not valid; other errors are about the whole request."""
    if error.code != "ValidationException":
        raise error
    return {"Code": "ValidationError", "Message": error.message}


def _check_size(changes: Sequence[tuple[Change, str | None]]) -> None:
    # Mostly far from it: the JSON of an item is never shorter than what it counts for.
    if any(encoded is not None and len(encoded) * 4 > _SMALL for _, encoded in changes):
        total = sum(item_size(change.new) for change, _ in changes if change.new is not None)
        if total > MAX_BYTES:
            raise validation("Transaction payload size cannot exceed 4 MB")
