"""One table, as the stores use it: key attributes `pk` and `sk`, plain values, conditions, and no scan.

In expressions, `#name` is the attribute `name` and `:name` a value that is passed as a keyword, so that DynamoDB's
reserved words do not matter. An item whose `expires_at` (epoch seconds) has passed counts as
absent: DynamoDB deletes such items only hours or days later (Developer Guide, "Time to Live").
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.errors import CONDITION_FAILED, ConditionFailed, error_response
from chalicelib.aws.dynamodb.keys import Key, sk_after, sk_up_to
from chalicelib.aws.dynamodb.values import (
    Item,
    marshal,
    marshal_item,
    marshal_key,
    unmarshal_item,
    unmarshal_optional,
)
from chalicelib.core.kernel.concurrency import Gather

T = TypeVar("T")
MAX_BATCH_GET = 100
MAX_BATCH_WRITE = 25
"""How many items a request of each kind can have (DynamoDB's limits)."""


class Table:
    """One table: strongly consistent reads, writes of single items, and the operations of transactions."""

    def __init__(self, dynamo: Dynamo, name: str) -> None:
        self.name = name
        self._dynamo = dynamo

    # ---- reads -----------------------------------------------------------------------------------------

    def get(self, pk: str, sk: str) -> Item | None:
        """Return an item."""
        key = marshal_key(pk, sk)
        response = self._dynamo.call("get_item", TableName=self.name, Key=key, ConsistentRead=True)
        item = unmarshal_optional(response.get("Item"))
        return None if item is None or self._dynamo.is_expired(item) else item

    def batch_get(self, keys: Sequence[Key]) -> list[Item]:
        """Return the items that exist, in no particular order, with a request for each 100 of them."""
        items: list[Item] = []
        for batch in chunks(list(dict.fromkeys(keys)), MAX_BATCH_GET):
            request = {"ConsistentRead": True, "Keys": [marshal_key(*key) for key in batch]}
            responses = self._dynamo.call_until_processed(
                "batch_get_item", {self.name: request}, "UnprocessedKeys"
            )
            found = [item for response in responses for item in response["Responses"].get(self.name, [])]
            items += map(unmarshal_item, found)
        return [item for item in items if not self._dynamo.is_expired(item)]

    def query(
        self,
        pk: str,
        *,
        prefix: str | None = None,
        between: tuple[str, str] | None = None,
        descending: bool = False,
        limit: int | None = None,
        page: int | None = None,
        include_expired: bool = False,
    ) -> Iterator[Item]:
        """Return items of one partition in the order of `sk`, reading page after page as the caller iterates.

        At most `limit` items are read; expired ones are among these even if they are not returned. One request
        reads at most `page` items, by default all that DynamoDB returns at once, 1 MB.
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
            "ExpressionAttributeNames": _attribute_names(condition),
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not descending,
            "ConsistentRead": True,
        }
        left = limit
        while True:
            if numbers := [number for number in (left, page) if number is not None]:
                arguments["Limit"] = min(numbers)
            answer = self._dynamo.call("query", **arguments)
            for typed_item in answer["Items"]:
                item = unmarshal_item(typed_item)
                if include_expired or not self._dynamo.is_expired(item):
                    yield item
            if left is not None:
                left -= len(answer["Items"])
            if "LastEvaluatedKey" not in answer or left == 0:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def page(
        self, pk: str, prefix: str, after: str | None, limit: int, *, least_read: int = 0
    ) -> tuple[list[Item], str | None]:
        """Return items below a prefix, by their keys, and the key for `after` of the next page if there are more.

        The prefix is left out of these keys. Expired items make a page shorter: one that went on until it was full
        would read any number of them. `least_read` items are read in any case, so that a few of them do not.
        """
        between = (prefix if after is None else sk_after(f"{prefix}{after}"), sk_up_to(prefix))
        most_read = max(limit + 1, least_read)
        read = list(self.query(pk, between=between, limit=most_read, include_expired=True))
        items = [item for item in read if not self._dynamo.is_expired(item)]
        if len(items) > limit:
            read = items[:limit]
        elif len(read) < most_read:
            return items, None
        return items[:limit], read[-1]["sk"].removeprefix(prefix)

    # ---- writes ----------------------------------------------------------------------------------------

    def put(self, item: Item, condition: str | None = None, **values: Any) -> None:
        """Write a whole item. Raises ConditionFailed."""
        self._write("put_item", self.put_op(item, condition, **values)["Put"])

    def update(self, pk: str, sk: str, change: str, condition: str | None = None, **values: Any) -> Item | None:
        """Change attributes of an item; return the item as it was before. Raises ConditionFailed."""
        arguments = self.update_op(pk, sk, change, condition, **values)["Update"]
        response = self._write("update_item", {**arguments, "ReturnValues": "ALL_OLD"})
        return unmarshal_optional(response.get("Attributes"))

    def delete(self, pk: str, sk: str, condition: str | None = None, **values: Any) -> Item | None:
        """Delete an item; return it as it was before. Raises ConditionFailed."""
        arguments = self.delete_op(pk, sk, condition, **values)["Delete"]
        response = self._write("delete_item", {**arguments, "ReturnValues": "ALL_OLD"})
        return unmarshal_optional(response.get("Attributes"))

    def try_update(self, pk: str, sk: str, change: str, condition: str, **values: Any) -> bool:
        """Change attributes of an item; return whether its condition held."""
        try:
            self.update(pk, sk, change, condition, **values)
        except ConditionFailed:
            return False
        return True

    def try_delete(self, pk: str, sk: str, condition: str, **values: Any) -> bool:
        """Delete an item; return whether its condition held."""
        try:
            self.delete(pk, sk, condition, **values)
        except ConditionFailed:
            return False
        return True

    def batch_delete(self, keys: Sequence[Key]) -> None:
        """Delete items without conditions, with a request for each 25 of them."""
        for batch in chunks(list(dict.fromkeys(keys)), MAX_BATCH_WRITE):
            requests = [{"DeleteRequest": {"Key": marshal_key(*key)}} for key in batch]
            self._dynamo.call_until_processed("batch_write_item", {self.name: requests}, "UnprocessedItems")

    def _write(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if "ConditionExpression" in arguments:
            arguments = arguments | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            response: dict[str, Any] = self._dynamo.call(method, **arguments)
            return response
        except Exception as error:
            failure = error_response(error)
            if failure is None or failure["Error"]["Code"] != CONDITION_FAILED:
                raise
            raise ConditionFailed(unmarshal_optional(failure.get("Item"))) from error

    # ---- operations of transactions --------------------------------------------------------------------

    def put_op(self, item: Item, condition: str | None = None, **values: Any) -> Operation:
        """Return an operation that writes a whole item."""
        return {"Put": {"TableName": self.name, "Item": marshal_item(item)} | _expressions(condition, values)}

    def update_op(self, pk: str, sk: str, change: str, condition: str | None = None, **values: Any) -> Operation:
        """Return an operation that changes attributes of an item."""
        update = {"TableName": self.name, "Key": marshal_key(pk, sk), "UpdateExpression": change}
        return {"Update": update | _expressions(condition, values, change)}

    def delete_op(self, pk: str, sk: str, condition: str | None = None, **values: Any) -> Operation:
        """Return an operation that deletes an item."""
        return {"Delete": {"TableName": self.name, "Key": marshal_key(pk, sk)} | _expressions(condition, values)}

    def condition_op(self, pk: str, sk: str, condition: str, **values: Any) -> Operation:
        """Return an operation that checks a condition on an item that the transaction does not write."""
        check = {"TableName": self.name, "Key": marshal_key(pk, sk)}
        return {"ConditionCheck": check | _expressions(condition, values)}


def parallel_batch_get(table: Table, gather: Gather, keys: Sequence[Key]) -> list[Item]:
    """Return the items that exist, in no particular order, with parallel requests for 100 each."""
    calls = [functools.partial(table.batch_get, batch) for batch in chunks(keys, MAX_BATCH_GET)]
    return [item for items in gather(*calls) for item in items]


def with_old_image(operation: Operation) -> Operation:
    """Return an operation that, if its condition fails, also returns the item that was there."""
    ((kind, arguments),) = operation.items()
    return {kind: arguments | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return `values` in runs of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _expressions(condition: str | None, values: Mapping[str, Any], change: str = "") -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if condition is not None:
        arguments["ConditionExpression"] = condition
    names = _attribute_names(f"{condition or ''} {change}")
    if names:
        arguments["ExpressionAttributeNames"] = names
    if values:
        arguments["ExpressionAttributeValues"] = {f":{name}": marshal(value) for name, value in values.items()}
    return arguments


@functools.lru_cache(512)
def _attribute_names(expression: str) -> Mapping[str, str]:
    return {f"#{name}": name for name in re.findall(r"#(\w+)", expression)}
