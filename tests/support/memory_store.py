"""DynamoDB in memory: atomic calls without a network, a hundred times faster than a server.

Thousands of schedules need it. It implements the operations that the application uses and raises ValueError for
all others, so that no test passes by a misunderstanding. `test_memory_store.py` compares it with the real engine.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.faults.calls import Call, ItemKey, item_key
from local.faults.client import Layer
from local.faults.expressions import key_range
from tests.support.items import RawItem

MAX_TRANSACTION = 100
MAX_BATCH_GET = 100
MAX_BATCH_WRITE = 25

_TOKEN = re.compile(r"\s*(attribute_not_exists|attribute_exists|AND|OR|<>|<=|>=|[=<>()]|[#:][\w.#]+)")
_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD)\b")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


class MemoryStore(Layer):
    """Tables with the keys `pk` and `sk`; every table name exists."""

    def __init__(self) -> None:
        super().__init__(self)
        self._partitions: dict[tuple[str, str], dict[str, RawItem]] = {}
        self._lock = threading.Lock()

    def keys(self, table: str) -> list[str]:
        """Return the keys of all items of a table."""
        return [f"{pk} {sk}" for (name, pk), items in self._partitions.items() if name == table for sk in items]

    def holding(self, *texts: str) -> list[str]:
        """Return the items of all tables that contain one of these texts in any attribute or key, as JSON."""
        everything = (
            json.dumps([table, item], ensure_ascii=False).replace('\\"', '"')
            for (table, _), items in self._partitions.items()
            for item in items.values()
        )
        return [item for item in everything if any(text in item for text in texts)]

    def call(self, call: Call) -> Any:
        """Execute a call atomically. Raises ClientError as boto3 does."""
        carry_out: Callable[[Call], Any] = getattr(self, f"_{call.operation}")
        with self._lock:
            return carry_out(call)

    @property
    def exceptions(self) -> Any:
        """Callers must use ClientError."""
        raise AttributeError("exceptions")

    @property
    def meta(self) -> Any:
        """There is no endpoint."""
        raise AttributeError("meta")

    # ---- reads -----------------------------------------------------------------------------------------

    def _get_item(self, call: Call) -> Any:
        item = self._item(call.keys[0])
        return {} if item is None else {"Item": item}

    def _batch_get_item(self, call: Call) -> Any:
        _at_most(len(call.keys), MAX_BATCH_GET)
        found: dict[str, list[RawItem]] = {table: [] for table in call.arguments["RequestItems"]}
        for key in call.keys:
            item = self._item(key)
            if item is not None:
                found[key.table].append(item)
        return {"Responses": found, "UnprocessedKeys": {}}

    def _query(self, call: Call) -> Any:
        wanted, limit = key_range(call.arguments), call.arguments.get("Limit")
        backwards = call.arguments.get("ScanIndexForward") is False
        start = call.arguments.get("ExclusiveStartKey")
        partition = self._partitions.get((wanted.table, wanted.pk), {})
        sks = sorted((sk for sk in partition if ItemKey(wanted.table, wanted.pk, sk) in wanted), reverse=backwards)
        if start is not None:
            passed = start["sk"]["S"]
            sks = [sk for sk in sks if (sk < passed if backwards else sk > passed)]
        page: dict[str, Any] = {"Items": [partition[sk] for sk in sks[:limit]]}
        if limit is not None and len(sks) > limit:
            page["LastEvaluatedKey"] = ItemKey(wanted.table, wanted.pk, sks[limit - 1]).attributes()
        return page

    # ---- writes ----------------------------------------------------------------------------------------

    def _put_item(self, call: Call) -> Any:
        return self._write(call, {"Put": call.arguments})

    def _update_item(self, call: Call) -> Any:
        return self._write(call, {"Update": call.arguments})

    def _delete_item(self, call: Call) -> Any:
        return self._write(call, {"Delete": call.arguments})

    def _write(self, call: Call, operation: Mapping[str, Any]) -> Any:
        ((kind, arguments),) = operation.items()
        old = self._item(call.keys[0])
        if not _holds(arguments, old):
            members = _shown(arguments, old)
            raise _error(call, "ConditionalCheckFailedException", "The conditional request failed", **members)
        self._store(call.keys[0], _result(kind, arguments, old))
        if arguments.get("ReturnValues") == "ALL_OLD" and old is not None:
            return {"Attributes": old}
        return {}

    def _batch_write_item(self, call: Call) -> Any:
        _at_most(len(call.keys), MAX_BATCH_WRITE)
        _distinct(call)
        for table, requests in call.arguments["RequestItems"].items():
            for request in requests:
                item = request["PutRequest"]["Item"] if "PutRequest" in request else None
                self._store(item_key(table, item or request["DeleteRequest"]["Key"]), item)
        return {"UnprocessedItems": {}}

    def _transact_write_items(self, call: Call) -> Any:
        _at_most(len(call.keys), MAX_TRANSACTION)
        _distinct(call)
        planned: list[tuple[ItemKey, RawItem | None]] = []
        reasons: list[dict[str, Any]] = []
        for key, operation in zip(call.keys, call.arguments["TransactItems"], strict=True):
            ((kind, arguments),) = operation.items()
            old = self._item(key)
            if _holds(arguments, old):
                reasons.append({"Code": "None"})
                if kind != "ConditionCheck":
                    planned.append((key, _result(kind, arguments, old)))
            else:
                failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
                reasons.append(failed | _shown(arguments, old))
        if any(reason["Code"] != "None" for reason in reasons):
            codes = ", ".join(reason["Code"] for reason in reasons)
            message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
            raise _error(call, "TransactionCanceledException", message, CancellationReasons=reasons)
        for key, item in planned:
            self._store(key, item)
        return {}

    def _item(self, key: ItemKey) -> RawItem | None:
        return self._partitions.get((key.table, key.pk), {}).get(key.sk)

    def _store(self, key: ItemKey, item: RawItem | None) -> None:
        """Items are never changed in place, so that they can be returned without a copy."""
        partition = self._partitions.setdefault((key.table, key.pk), {})
        if item is None:
            partition.pop(key.sk, None)
        else:
            partition[key.sk] = item


# ---- expressions ---------------------------------------------------------------------------------------


def _holds(arguments: Mapping[str, Any], item: RawItem | None) -> bool:
    condition = arguments.get("ConditionExpression")
    return condition is None or _Condition(condition, arguments, item).value()


class _Condition:
    """Evaluates a condition: comparisons and `attribute_exists`, joined by AND and OR."""

    def __init__(self, text: str, arguments: Mapping[str, Any], item: RawItem | None) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s+", "", text):
            raise ValueError(f"not a condition that is understood: {text}")
        self._arguments = arguments
        self._item = item

    def value(self) -> bool:
        result = self._all()
        while self._tokens:
            self._take("OR")
            result = self._all() or result
        return result

    def _all(self) -> bool:
        result = self._term()
        while self._tokens and self._tokens[0] == "AND":
            self._take("AND")
            result = self._term() and result
        return result

    def _term(self) -> bool:
        first = self._tokens.pop(0)
        if first.startswith("attribute_"):
            self._take("(")
            there = self._attribute(self._tokens.pop(0)) is not None
            self._take(")")
            return there if first == "attribute_exists" else not there
        compare = _COMPARE[self._tokens.pop(0)]
        one = self._attribute(first)
        other = self._arguments["ExpressionAttributeValues"][self._tokens.pop(0)]
        if one is None:
            return compare is _COMPARE["<>"]
        return one.keys() == other.keys() and compare(_comparable(one), _comparable(other))

    def _attribute(self, path: str) -> Any:
        value: Any = {"M": self._item or {}}
        for name in _names(path, self._arguments):
            value = value.get("M", {}).get(name)
            if value is None:
                return None
        return value

    def _take(self, token: str) -> None:
        if not self._tokens or self._tokens.pop(0) != token:
            raise ValueError(f"not a condition that is understood: {token} is missing")


def _result(kind: str, arguments: Mapping[str, Any], old: RawItem | None) -> RawItem | None:
    """Return the item after an update."""
    match kind:
        case "Put":
            item: RawItem = arguments["Item"]
            return item
        case "Delete":
            return None
        case "Update":
            return _updated(arguments, old)
        case _:
            return old


def _updated(arguments: Mapping[str, Any], old: RawItem | None) -> RawItem:
    new: RawItem = _copied({"M": old or arguments["Key"]})["M"]
    values = arguments.get("ExpressionAttributeValues", {})
    _, *parts = _CLAUSE.split(arguments["UpdateExpression"])
    for clause, actions in zip(parts[::2], parts[1::2], strict=True):
        for action in actions.split(","):
            match clause, action.replace("=", " = ").replace("+", " + ").split():
                case "SET", [path, "=", value] if value in values:
                    place, name = _place(new, path, arguments)
                    place[name] = values[value]
                case "SET", [path, "=", addend, "+", value] if path == addend:
                    place, name = _place(new, path, arguments)
                    place[name] = {"N": str(int(place[name]["N"]) + int(values[value]["N"]))}
                case "REMOVE", [path]:
                    place, name = _place(new, path, arguments)
                    place.pop(name, None)
                case "ADD", [path, value]:
                    place, name = _place(new, path, arguments)
                    before = place.get(name, {"N": "0"})
                    place[name] = {"N": str(int(before["N"]) + int(values[value]["N"]))}
                case _:
                    raise ValueError(f"not an update that is understood: {arguments['UpdateExpression']}")
    return new


def _place(item: RawItem, path: str, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the map that contains the last name of a path. Raises ValueError if there is none, like DynamoDB."""
    *parents, name = _names(path, arguments)
    place = item
    for parent in parents:
        if parent not in place:
            raise ValueError(f"the path {path} leads nowhere")
        place = place[parent]["M"]
    return place, name


def _names(path: str, arguments: Mapping[str, Any]) -> list[str]:
    return [arguments["ExpressionAttributeNames"][part] for part in path.split(".")]


def _comparable(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return int(content) if kind == "N" else content


def _copied(value: Any) -> Any:
    """Copy a value with its maps, which an update can change in place."""
    ((kind, content),) = value.items()
    return {kind: {name: _copied(attribute) for name, attribute in content.items()} if kind == "M" else content}


# ---- errors --------------------------------------------------------------------------------------------


def _at_most(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ValueError(f"1 to {most} items are allowed, not {count}")


def _distinct(call: Call) -> None:
    if len(set(call.keys)) != len(call.keys):
        raise ValueError(f"{call} names an item twice, which DynamoDB refuses")


def _shown(arguments: Mapping[str, Any], old: RawItem | None) -> dict[str, Any]:
    wanted = arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return {"Item": old} if wanted and old is not None else {}


def _error(call: Call, code: str, message: str, **members: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": str(call.number), "RetryAttempts": 0},
        **members,
    }
    return ClientError(response, call.operation)
