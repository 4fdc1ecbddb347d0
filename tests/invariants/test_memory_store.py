"""The store in memory answers like the engine of the local cloud, call by call."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.connections import DynamoConnections
from chalicelib.aws.dynamodb.dynamo import Dynamo, Operation
from chalicelib.aws.dynamodb.table import Table, with_old_image
from chalicelib.aws.dynamodb.values import Item, marshal_item, marshal_key
from local.faults.calls import READS
from local.faults.client import DynamoClient
from tests.invariants.harness import Tables
from tests.support.engine import TOY_TABLE, create_tables
from tests.support.fakes import FakeClock
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Request = tuple[str, dict[str, Any]]
SORT_KEYS = ("A#1", "A#2", "A#10", "B", "HEAD")
CONDITIONS = (
    None,
    "attribute_exists(#pk)",
    "attribute_not_exists(#pk)",
    "#n = :n",
    "#n <= :n AND #flag = :flag",
    "#n < :n OR attribute_not_exists(#pk)",
    "#map.#inner.#n = :n",
    "#missing <> :n",
)
CHANGES = (
    "SET #n = :n",
    "SET #n = :n, #flag = :flag",
    "SET #n = #n + :n",
    "ADD #count :n",
    "REMOVE #flag",
    "SET #map.#new = :inner",
    "REMOVE #map.#inner",
)


@pytest.fixture(scope="module")
def table_name(dynamodb: DynamoDBClient) -> str:
    return create_tables(dynamodb, {"Toy": TOY_TABLE})["Toy"]


class Script:
    """Requests with a fixed seed, of every kind that the application makes, on a few items of two partitions."""

    def __init__(self, seed: int, table: str) -> None:
        self._chance = random.Random(seed)
        self._table = Table(Dynamo(None, FakeClock()), table)
        self._name = table
        self._partitions = [uuid.uuid4().hex, uuid.uuid4().hex]

    def request(self) -> Request:
        """Return the next request: a method and its arguments."""
        kinds: list[Callable[[], Request]] = [
            self._get,
            self._query,
            self._batch_get,
            self._put,
            self._update,
            self._delete,
            self._batch_write,
            self._transact,
        ]
        return self._chance.choice(kinds)()

    def _place(self) -> tuple[str, str]:
        return self._chance.choice(self._partitions), self._chance.choice(SORT_KEYS)

    def _places(self) -> list[tuple[str, str]]:
        every = [(pk, sk) for pk in self._partitions for sk in SORT_KEYS]
        return self._chance.sample(every, self._chance.randint(1, 5))

    def _values(self, *texts: str | None) -> dict[str, Any]:
        """Return a value for each placeholder of the expressions."""
        values = {
            "n": self._chance.randint(0, 3),
            "flag": self._chance.random() < 0.5,
            "inner": {"n": self._chance.randint(0, 3)},
        }
        return {name: value for name, value in values.items() if any(f":{name}" in (text or "") for text in texts)}

    def _item(self, pk: str, sk: str) -> Item:
        number = self._chance.randint(0, 3)
        return {"pk": pk, "sk": sk, "n": number, "flag": True, "text": "ä#", "map": {"inner": {"n": number}}}

    def _get(self) -> Request:
        return "get_item", {"TableName": self._name, "Key": marshal_key(*self._place()), "ConsistentRead": True}

    def _query(self) -> Request:
        pk, low = self._place()
        condition, values = self._chance.choice(
            [
                ("#pk = :pk", {}),
                ("#pk = :pk AND begins_with(#sk, :low)", {":low": {"S": low[:1]}}),
                ("#pk = :pk AND #sk BETWEEN :low AND :high", {":low": {"S": low}, ":high": {"S": "B"}}),
            ]
        )
        names = {"#pk": "pk"} | ({"#sk": "sk"} if "#sk" in condition else {})
        if values.get(":high") and low > "B":
            values = {":low": {"S": "B"}, ":high": {"S": low}}
        request: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":pk": {"S": pk}} | values,
            "ScanIndexForward": self._chance.random() < 0.5,
            "ConsistentRead": True,
        }
        if self._chance.random() < 0.5:
            request["Limit"] = self._chance.randint(1, 3)
        return "query", request

    def _batch_get(self) -> Request:
        keys = [marshal_key(*place) for place in self._places()]
        return "batch_get_item", {"RequestItems": {self._name: {"ConsistentRead": True, "Keys": keys}}}

    def _batch_write(self) -> Request:
        requests: list[dict[str, Any]] = []
        for place in self._places():
            if self._chance.random() < 0.5:
                requests.append({"PutRequest": {"Item": marshal_item(self._item(*place))}})
            else:
                requests.append({"DeleteRequest": {"Key": marshal_key(*place)}})
        return "batch_write_item", {"RequestItems": {self._name: requests}}

    def _put(self) -> Request:
        return "put_item", self._asking(self._put_op(*self._place()))

    def _update(self) -> Request:
        return "update_item", self._asking(self._update_op(*self._place())) | {"ReturnValues": "ALL_OLD"}

    def _delete(self) -> Request:
        return "delete_item", self._asking(self._delete_op(*self._place())) | {"ReturnValues": "ALL_OLD"}

    def _transact(self) -> Request:
        kinds: list[Callable[[str, str], Operation]] = [
            self._put_op,
            self._update_op,
            self._delete_op,
            self._check_op,
        ]
        operations = [self._chance.choice(kinds)(*place) for place in self._places()]
        return "transact_write_items", {"TransactItems": [with_old_image(operation) for operation in operations]}

    def _asking(self, operation: Operation) -> dict[str, Any]:
        ((_, arguments),) = operation.items()
        if "ConditionExpression" not in arguments:
            return dict(arguments)
        return {**arguments, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

    def _put_op(self, pk: str, sk: str) -> Operation:
        condition = self._chance.choice(CONDITIONS)
        return self._table.put_op(self._item(pk, sk), condition, **self._values(condition))

    def _update_op(self, pk: str, sk: str) -> Operation:
        change = self._chance.choice(CHANGES)
        # DynamoDB rejects a path through a missing map and a sum with a missing number.
        condition = self._chance.choice(CONDITIONS)
        if "#map" in change or "+" in change:
            condition = "attribute_exists(#text)"
        return self._table.update_op(pk, sk, change, condition, **self._values(change, condition))

    def _delete_op(self, pk: str, sk: str) -> Operation:
        condition = self._chance.choice(CONDITIONS)
        return self._table.delete_op(pk, sk, condition, **self._values(condition))

    def _check_op(self, pk: str, sk: str) -> Operation:
        condition = self._chance.choice([text for text in CONDITIONS if text])
        return self._table.condition_op(pk, sk, condition, **self._values(condition))


def outcome(client: DynamoClient, request: Request) -> Any:
    """Return what a client sees of a response or an error."""
    method, arguments = request
    try:
        answer = getattr(client, method)(**copy.deepcopy(arguments))
    except ClientError as error:
        response: Any = error.response
        reasons = [
            (cancellationreason["Code"], cancellationreason.get("Item"))
            for cancellationreason in response.get("CancellationReasons", [])
        ]
        return response["Error"]["Code"], response.get("Item"), reasons
    unseen = ("ResponseMetadata", "Count", "ScannedCount")
    seen = {name: value for name, value in answer.items() if name not in unseen}
    if method == "batch_get_item":
        seen["Responses"] = {table: sorted(items, key=str) for table, items in seen["Responses"].items()}
    if method not in READS and not seen.get("UnprocessedItems", True):
        del seen["UnprocessedItems"]
    return {name: value for name, value in seen.items() if value or name == "Items"}


@pytest.mark.parametrize("seed", range(4))
def test_memory_store_answers_like_the_engine(dynamodb: DynamoDBClient, table_name: str, seed: int) -> None:
    script, memory = Script(seed, table_name), MemoryStore()
    kinds = set()
    for number in range(150):
        request = script.request()
        there, here = outcome(dynamodb, request), outcome(memory, request)
        if request[0] == "query" and "Limit" in request[1] and len(here["Items"]) == request[1]["Limit"]:
            # Engines may or may not return LastEvaluatedKey for a full last page.
            there.pop("LastEvaluatedKey", None)
            here.pop("LastEvaluatedKey", None)
        assert here == there, f"request {number} of seed {seed}: {request}"
        kinds.add((request[0], isinstance(there, tuple)))
    assert len(kinds) >= 11, "every operation, and every one that can fail has failed"


def test_unsupported_request_is_rejected(tables: Tables) -> None:
    memory = MemoryStore()
    table = Table(Dynamo(memory, FakeClock()), "t")
    with pytest.raises(ValueError, match="not a condition"):
        table.put({"pk": "a", "sk": "b"}, "size(#pk) > :n", n=1)
    with pytest.raises(ValueError, match="not an update"):
        table.update("a", "b", "SET #n = if_not_exists(#n, :n)", n=1)
    with pytest.raises(ValueError, match="leads nowhere"):
        table.update("a", "b", "SET #map.#n = :n", n=1)
    with pytest.raises(ValueError, match="twice"):
        memory.transact_write_items(TransactItems=[table.delete_op("a", "b"), table.delete_op("a", "b")])
    with pytest.raises(ValueError, match="1 to 100"):
        memory.transact_write_items(TransactItems=[])
    assert DynamoConnections(Dynamo(memory, FakeClock()), "t", "u").subscribers("nothing") == []


def test_returned_items_are_copies(tables: Tables) -> None:
    memory = MemoryStore()
    table = Table(Dynamo(memory, FakeClock()), "t")
    table.put({"pk": "a", "sk": "b", "map": {"x": {"n": 1}}})
    before = memory.get_item(TableName="t", Key=marshal_key("a", "b"))
    table.update("a", "b", "SET #map.#y = :n", n=2)
    table.update("a", "b", "REMOVE #map.#x")
    assert before["Item"]["map"] == {"M": {"x": {"M": {"n": {"N": "1"}}}}}
    assert table.get("a", "b") == {"pk": "a", "sk": "b", "map": {"y": 2}}
