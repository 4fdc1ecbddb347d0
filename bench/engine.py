"""A DynamoDB engine in memory: the eight operations that the chat uses, each atomic, and nothing else.

An emulator over HTTP costs a millisecond of CPU per call on both sides, so with a hundred senders the emulator
would be measured. This engine takes tens of microseconds, so that the latencies of the layer in front of it
dominate. It has no tables, indexes, pages of 1 MB or limits; a contract test compares its behaviour with
MiniStack's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.faults.calls import Call, ItemKey, item_key
from local.faults.expressions import key_range

from .expressions import Item, apply_update, holds

_METADATA = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RequestId": "memory", "RetryAttempts": 0}


class MemoryEngine:
    """The engine; see the module's docstring. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partitions: dict[tuple[str, str], dict[str, Item]] = {}

    def peek(self, key: ItemKey) -> Item | None:
        """Return the current item, for measurements."""
        return self._partitions.get((key.table, key.pk), {}).get(key.sk)

    # ---- reads -----------------------------------------------------------------------------------------

    def get_item(self, **arguments: Any) -> Any:
        """Read one item."""
        with self._lock:
            item = self.peek(item_key(arguments["TableName"], arguments["Key"]))
        return _response() if item is None else _response(Item=dict(item))

    def query(self, **arguments: Any) -> Any:
        """Read a range of one partition in sort-key order, up to the Limit."""
        key_range_ = key_range(arguments)
        backwards = arguments.get("ScanIndexForward") is False
        start = arguments.get("ExclusiveStartKey", {}).get("sk", {}).get("S")
        limit = arguments.get("Limit")
        with self._lock:
            partition = dict(self._partitions.get((key_range_.table, key_range_.pk), {}))
        order = [
            sk
            for sk in sorted(partition, reverse=backwards)
            if ItemKey(key_range_.table, key_range_.pk, sk) in key_range_
            and (start is None or (sk < start if backwards else sk > start))
        ]
        page = order[:limit]
        items = [dict(partition[sk]) for sk in page]
        answer = _response(Items=items, Count=len(items), ScannedCount=len(items))
        # DynamoDB stops at the limit without checking whether more items follow.
        if limit is not None and len(page) == limit:
            answer["LastEvaluatedKey"] = ItemKey(key_range_.table, key_range_.pk, page[-1]).attributes()
        return answer

    def batch_get_item(self, **arguments: Any) -> Any:
        """Read items by key; missing items are left out."""
        responses: dict[str, list[Item]] = {}
        with self._lock:
            for table, request in arguments["RequestItems"].items():
                found = (self.peek(item_key(table, key)) for key in request["Keys"])
                responses[table] = [dict(item) for item in found if item is not None]
        return _response(Responses=responses, UnprocessedKeys={})

    # ---- writes ----------------------------------------------------------------------------------------

    def put_item(self, **arguments: Any) -> Any:
        """Write a whole item."""
        return self._write("Put", arguments)

    def update_item(self, **arguments: Any) -> Any:
        """Change attributes of an item, or create it."""
        return self._write("Update", arguments)

    def delete_item(self, **arguments: Any) -> Any:
        """Delete an item."""
        return self._write("Delete", arguments)

    def batch_write_item(self, **arguments: Any) -> Any:
        """Put or delete items, each independently."""
        with self._lock:
            for table, requests in arguments["RequestItems"].items():
                for request in requests:
                    ((kind, body),) = request.items()
                    self._apply(kind.removesuffix("Request"), {"TableName": table, **body})
        return _response(UnprocessedItems={})

    def transact_write_items(self, **arguments: Any) -> Any:
        """Write items atomically."""
        actions = [next(iter(action.items())) for action in arguments["TransactItems"]]
        keys = Call(0, "transact_write_items", arguments).keys
        if len(set(keys)) != len(keys):
            message = "Transaction request cannot include multiple operations on one item"
            raise _error("ValidationException", message)
        with self._lock:
            reasons = [self._cancellation_reason(body, key) for (_, body), key in zip(actions, keys, strict=True)]
            if any(reason["Code"] != "None" for reason in reasons):
                codes = ", ".join(reason["Code"] for reason in reasons)
                message = f"Transaction cancelled, for these reasons: [{codes}]"
                raise _error("TransactionCanceledException", message, CancellationReasons=reasons)
            for kind, body in actions:
                if kind != "ConditionCheck":
                    self._apply(kind, body)
        return _response()

    def _cancellation_reason(self, body: Mapping[str, Any], key: ItemKey) -> dict[str, Any]:
        item = self.peek(key)
        if holds(body, item):
            return {"Code": "None"}
        reason = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        return {**reason, **_old_image(body, item)}

    def _write(self, kind: str, arguments: Mapping[str, Any]) -> Any:
        with self._lock:
            item = self.peek(_key(arguments))
            if not holds(arguments, item):
                message = "The conditional request failed"
                raise _error("ConditionalCheckFailedException", message, **_old_image(arguments, item))
            self._apply(kind, arguments)
        if arguments.get("ReturnValues") == "ALL_OLD" and item is not None:
            return _response(Attributes=dict(item))
        return _response()

    def _apply(self, kind: str, arguments: Mapping[str, Any]) -> None:
        key = _key(arguments)
        partition = self._partitions.setdefault((key.table, key.pk), {})
        match kind:
            case "Put":
                partition[key.sk] = dict(arguments["Item"])
            case "Update":
                partition[key.sk] = apply_update(arguments, partition.get(key.sk) or key.attributes())
            case "Delete":
                partition.pop(key.sk, None)
            case _:
                raise ValueError(f"unsupported action {kind}")


def _key(arguments: Mapping[str, Any]) -> ItemKey:
    return item_key(arguments["TableName"], arguments.get("Key") or arguments["Item"])


def _old_image(arguments: Mapping[str, Any], item: Item | None) -> dict[str, Any]:
    asked = arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return {"Item": dict(item)} if asked and item is not None else {}


def _response(**members: Any) -> dict[str, Any]:
    return {**members, "ResponseMetadata": _METADATA}


def _error(code: str, message: str, **members: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {**_METADATA, "HTTPStatusCode": 400},
        **members,
    }
    return ClientError(response, "Write")
