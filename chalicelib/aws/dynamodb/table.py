"""DynamoDB as we use it: tables with keys `pk` and `sk`, typed values, conditions by name, no scan.

`Table` turns plain Python values into DynamoDB's and its errors into ours. In expressions `#word` stands
for the attribute `word`, whatever DynamoDB's list of reserved words says, and `:word` for a value.
An item with an `expires_at` (epoch seconds) in the past counts as absent: DynamoDB removes such items
hours or days later (developer guide, "Time to Live").
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.awshttp import _errors
from chalicelib.core.kernel.clock import Clock
from chalicelib.core.kernel.errors import Unavailable

Item = dict[str, Any]
Operation = dict[str, Any]
T = TypeVar("T")

MAX_TRANSACTION = 100
MAX_BATCH_GET = 100
MAX_BATCH_WRITE = 25
MAX_ATTEMPTS = 8


class ConditionFailed(Exception):
    """A conditional write did nothing; `item` is what was there, if that was asked for."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition of a write did not hold")
        self.item = item


@dataclass
class TransactionCancelled(Exception):
    """A transaction did nothing; one reason an operation, in their order."""

    reasons: Sequence[tuple[str, Item | None]]

    def failed(self, index: int) -> bool:
        """Whether the condition of the operation at `index` did not hold."""
        return self.reasons[index][0] == "ConditionalCheckFailed"

    @property
    def is_conflict(self) -> bool:
        """Whether it was cancelled for reasons that pass: conflicts and throttling, and no condition."""
        return all(code != "ConditionalCheckFailed" for code, _ in self.reasons)


class Dynamo:
    """One DynamoDB client, and what concerns several tables or none."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def table(self, name: str) -> Table:
        """A table by its name."""
        return Table(self, name)

    @property
    def now(self) -> int:
        """Epoch seconds, for what expires."""
        return int(self._clock.now())

    def transact(self, operations: Sequence[Operation]) -> None:
        """Do all of `operations` or none (TransactWriteItems).

        Raises:
            TransactionCancelled: none was done.
            Unavailable: the outcome is not known.
        """
        try:
            self.call("transact_write_items", TransactItems=list(operations))
        except Exception as error:
            said = _errors.response(error)
            if said is None or said["Error"]["Code"] != "TransactionCanceledException":
                raise
            reasons = said.get("CancellationReasons", [])
            raise TransactionCancelled(
                [(each.get("Code", "None"), _old(each.get("Item"))) for each in reasons]
            ) from error

    def call(self, method: str, **arguments: Any) -> Any:
        """One request. Refusals that say something to the caller pass, the rest is `Unavailable`."""
        for attempt in range(MAX_ATTEMPTS):
            try:
                return getattr(self._client, method)(**arguments)
            except Exception as error:
                said = _errors.response(error)
                if said is None:
                    if not _errors.is_network_error(error):
                        raise
                    raise _unavailable(error) from error
                code = said["Error"]["Code"]
                if code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
                    raise
                # A single write that met a running transaction (BatchWriteItem and the SDK do not retry it).
                if code != "TransactionConflictException" or attempt == MAX_ATTEMPTS - 1:
                    raise _unavailable(error) from error
                self._clock.sleep(random.uniform(0.005, 0.02) * (attempt + 1))  # noqa: S311 — jitter
        raise AssertionError("unreachable")

    def batch_get(self, keys: Sequence[tuple[str, str, str]]) -> list[Item]:
        """The items at these (table name, pk, sk), in no particular order; up to 100 a request."""
        found: list[Item] = []
        for some in chunks(list(dict.fromkeys(keys)), MAX_BATCH_GET):
            wanted: dict[str, Any] = {}
            for name, pk, sk in some:
                wanted.setdefault(name, {"ConsistentRead": True, "Keys": []})["Keys"].append(key(pk, sk))
            for attempt in range(MAX_ATTEMPTS):
                answer = self.call("batch_get_item", RequestItems=wanted)
                found += [unmarshal_item(each) for items in answer["Responses"].values() for each in items]
                wanted = answer.get("UnprocessedKeys") or {}
                if not wanted:
                    break
                self._clock.sleep(0.02 * 2**attempt)
            else:
                raise Unavailable
        return [item for item in found if not self.expired(item)]

    def batch_delete(self, keys: Sequence[tuple[str, str, str]]) -> None:
        """Delete these (table name, pk, sk) without conditions; 25 a request."""
        for some in chunks(list(dict.fromkeys(keys)), MAX_BATCH_WRITE):
            wanted: dict[str, Any] = {}
            for name, pk, sk in some:
                wanted.setdefault(name, []).append({"DeleteRequest": {"Key": key(pk, sk)}})
            for attempt in range(MAX_ATTEMPTS):
                wanted = self.call("batch_write_item", RequestItems=wanted).get("UnprocessedItems") or {}
                if not wanted:
                    break
                self._clock.sleep(0.02 * 2**attempt)
            else:
                raise Unavailable

    def expired(self, item: Mapping[str, Any]) -> bool:
        """Whether the item counts as absent."""
        expires_at = item.get("expires_at")
        return expires_at is not None and int(expires_at) <= self.now


class Table:
    """One table: single-item writes, reads (all consistent), and operations for transactions."""

    def __init__(self, dynamo: Dynamo, name: str) -> None:
        self.name = name
        self._dynamo = dynamo

    def get(self, pk: str, sk: str) -> Item | None:
        """One item."""
        answer = self._dynamo.call("get_item", TableName=self.name, Key=key(pk, sk), ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return None
        plain = unmarshal_item(item)
        return None if self._dynamo.expired(plain) else plain

    def query(
        self,
        pk: str,
        *,
        prefix: str | None = None,
        between: tuple[str, str] | None = None,
        descending: bool = False,
        limit: int | None = None,
        expired: bool = False,
    ) -> Iterator[Item]:
        """Items of one partition in the order of `sk`, page after page, as long as the caller asks for more.

        At most `limit` are looked at; those that have expired are left out, unless `expired` asks for them.
        """
        condition, values = "#pk = :pk", {":pk": {"S": pk}}
        if prefix is not None:
            condition += " AND begins_with(#sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        elif between is not None:
            condition += " AND #sk BETWEEN :low AND :high"
            values |= {":low": {"S": between[0]}, ":high": {"S": between[1]}}
        arguments: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": _names(condition),
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not descending,
            "ConsistentRead": True,
        }
        left = limit
        while True:
            if left is not None:
                arguments["Limit"] = left
            page = self._dynamo.call("query", **arguments)
            for item in page["Items"]:
                plain = unmarshal_item(item)
                if expired or not self._dynamo.expired(plain):
                    yield plain
            if left is not None:
                left -= len(page["Items"])
            if "LastEvaluatedKey" not in page or left == 0:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def put(self, item: Item, condition: str | None = None, **values: Any) -> None:
        """Write a whole item. Raises ConditionFailed."""
        self._write("put_item", self.put_op(item, condition, **values)["Put"])

    def update(self, pk: str, sk: str, change: str, condition: str | None = None, **values: Any) -> Item | None:
        """Change some attributes; the item as it was before. Raises ConditionFailed."""
        arguments = self.update_op(pk, sk, change, condition, **values)["Update"]
        answer = self._write("update_item", {**arguments, "ReturnValues": "ALL_OLD"})
        return _old(answer.get("Attributes"))

    def delete(self, pk: str, sk: str, condition: str | None = None, **values: Any) -> Item | None:
        """Delete; the item as it was before. Raises ConditionFailed."""
        arguments = self.delete_op(pk, sk, condition, **values)["Delete"]
        answer = self._write("delete_item", {**arguments, "ReturnValues": "ALL_OLD"})
        return _old(answer.get("Attributes"))

    def _write(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if "ConditionExpression" in arguments:
            arguments = arguments | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            answer: dict[str, Any] = self._dynamo.call(method, **arguments)
            return answer
        except Exception as error:
            said = _errors.response(error)
            if said is None or said["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise ConditionFailed(_old(said.get("Item"))) from error

    def put_op(self, item: Item, condition: str | None = None, **values: Any) -> Operation:
        """A put within a transaction."""
        return {"Put": {"TableName": self.name, "Item": marshal_item(item)} | _condition(condition, values)}

    def update_op(self, pk: str, sk: str, change: str, condition: str | None = None, **values: Any) -> Operation:
        """An update within a transaction."""
        update = {"TableName": self.name, "Key": key(pk, sk), "UpdateExpression": change}
        return {"Update": update | _condition(condition, values, also=change)}

    def delete_op(self, pk: str, sk: str, condition: str | None = None, **values: Any) -> Operation:
        """A delete within a transaction."""
        return {"Delete": {"TableName": self.name, "Key": key(pk, sk)} | _condition(condition, values)}

    def condition_op(self, pk: str, sk: str, condition: str, **values: Any) -> Operation:
        """A condition within a transaction, on an item that the transaction does not change."""
        check = {"TableName": self.name, "Key": key(pk, sk)}
        return {"ConditionCheck": check | _condition(condition, values)}


def with_old_image(operation: Operation) -> Operation:
    """The same operation of a transaction, saying what was there if its condition does not hold."""
    ((kind, arguments),) = operation.items()
    return {kind: arguments | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}


def key(pk: str, sk: str) -> dict[str, Any]:
    """A primary key, marshalled."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`values` in runs of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _condition(condition: str | None, values: Mapping[str, Any], also: str = "") -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if condition is not None:
        arguments["ConditionExpression"] = condition
    names = _names(f"{condition or ''} {also}")
    if names:
        arguments["ExpressionAttributeNames"] = names
    if values:
        arguments["ExpressionAttributeValues"] = {f":{name}": marshal(value) for name, value in values.items()}
    return arguments


@functools.lru_cache(512)
def _names(expression: str) -> Mapping[str, str]:
    return {f"#{name}": name for name in re.findall(r"#(\w+)", expression)}


_MARSHAL: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    str: lambda value: {"S": value},
    bool: lambda value: {"BOOL": value},
    int: lambda value: {"N": str(value)},
    dict: lambda value: {"M": marshal_item(value)},
}

_UNMARSHAL: Mapping[str, Callable[[Any], Any]] = {
    "S": str,
    "BOOL": bool,
    "N": int,
    "M": lambda value: {name: unmarshal(each) for name, each in value.items()},
}


def marshal(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's typed form. Only what we store: strings, whole numbers, booleans, maps of these."""
    return _MARSHAL[type(value)](value)


def marshal_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB's form; attributes that are None are left out."""
    return {name: _MARSHAL[type(value)](value) for name, value in item.items() if value is not None}


def unmarshal(typed: Mapping[str, Any]) -> Any:
    """A typed value as a plain one."""
    ((kind, value),) = typed.items()
    return _UNMARSHAL[kind](value)


def unmarshal_item(item: Mapping[str, Any]) -> Item:
    """An item as plain values."""
    # As `unmarshal` does it, without a call for each of the many attributes of a page.
    return {name: _UNMARSHAL[kind](value) for name, typed in item.items() for kind, value in typed.items()}


def _old(item: Mapping[str, Any] | None) -> Item | None:
    return None if item is None else unmarshal_item(item)


def _unavailable(error: Exception) -> Unavailable:
    unavailable = Unavailable(retry_after=1)
    unavailable.__cause__ = error
    return unavailable
