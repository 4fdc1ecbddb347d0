"""What every read asks DynamoDB for, and that it goes on where DynamoDB ended a page."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from chalicelib.aws.dynamodb.table import Dynamo
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.errors import Unavailable


class Scripted:
    """A client that answers as it was told, and keeps what it was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = deque(answers)
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, method: str) -> Any:
        def answer(**arguments: Any) -> dict[str, Any]:
            self.asked.append({"method": method, **arguments})
            return self.answers.popleft()

        return answer


def item(number: int) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": f"{number}"}}


def page(*numbers: int, more: bool) -> dict[str, Any]:
    return {"Items": [item(each) for each in numbers]} | ({"LastEvaluatedKey": item(numbers[-1])} if more else {})


def test_one_item_is_read_consistently() -> None:
    client = Scripted({"Item": item(1)})
    assert Dynamo(client, SystemClock()).table("t").get("p", "1") == {"pk": "p", "sk": "1"}
    assert client.asked[0]["ConsistentRead"] is True


def test_a_query_reads_consistently_page_after_page() -> None:
    client = Scripted(page(1, 2, more=True), page(3, more=True), {"Items": []})
    found = Dynamo(client, SystemClock()).table("t").query("p")
    assert [each["sk"] for each in found] == ["1", "2", "3"]
    assert [each["ConsistentRead"] for each in client.asked] == [True] * 3
    assert [each.get("ExclusiveStartKey") for each in client.asked] == [None, item(2), item(3)]


def test_an_empty_page_is_not_the_end() -> None:
    client = Scripted({"Items": [], "LastEvaluatedKey": item(1)}, page(2, more=False))
    assert [each["sk"] for each in Dynamo(client, SystemClock()).table("t").query("p")] == ["2"]


def test_a_query_with_a_limit_asks_for_no_more_than_is_left() -> None:
    client = Scripted(page(1, 2, more=True), page(3, more=True))
    found = Dynamo(client, SystemClock()).table("t").query("p", limit=3)
    assert [each["sk"] for each in found] == ["1", "2", "3"]
    assert [each["Limit"] for each in client.asked] == [3, 1]


def test_a_query_asks_for_a_page_only_when_somebody_wants_it() -> None:
    client = Scripted(page(1, more=True))
    assert next(Dynamo(client, SystemClock()).table("t").query("p")) == {"pk": "p", "sk": "1"}
    assert len(client.asked) == 1


def test_a_batch_is_read_consistently_until_everything_was_processed() -> None:
    left = {"t": {"ConsistentRead": True, "Keys": [item(2)]}}
    client = Scripted(
        {"Responses": {"t": [item(1)]}, "UnprocessedKeys": left},
        {"Responses": {"t": [item(2)]}, "UnprocessedKeys": {}},
    )
    found = Dynamo(client, SystemClock()).batch_get([("t", "p", "1"), ("t", "p", "2")])
    assert [each["sk"] for each in found] == ["1", "2"]
    assert [each["RequestItems"]["t"]["ConsistentRead"] for each in client.asked] == [True, True]


def test_a_batch_that_is_never_processed_is_not_taken_for_empty() -> None:
    left = {"t": {"ConsistentRead": True, "Keys": [item(1)]}}
    client = Scripted(*[{"Responses": {}, "UnprocessedKeys": left}] * 20)
    with pytest.raises(Unavailable):
        Dynamo(client, Unhurried()).batch_get([("t", "p", "1")])


class Unhurried(SystemClock):
    """Whose pauses take no time."""

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
