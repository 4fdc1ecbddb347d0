"""The requests of reads and writes of a table, and their results."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed
from chalicelib.aws.dynamodb.table import Table, chunks, parallel_batch_get, with_old_image
from chalicelib.core.kernel.errors import Unavailable
from tests.support.fakes import FakeClock
from tests.unit.aws.dynamodb.fakes import NOW, ScriptedClient, service_error, typed_item

EXPIRED = typed_item(9, expires_at={"N": str(NOW)})


def table(client: ScriptedClient) -> Table:
    return Table(Dynamo(client, FakeClock()), "t")


def page(*numbers: int, more: bool) -> dict[str, Any]:
    last_key = {"LastEvaluatedKey": typed_item(numbers[-1])} if more else {}
    return {"Items": [typed_item(number) for number in numbers], **last_key}


# ---- reads ---------------------------------------------------------------------------------------------


def test_get_is_strongly_consistent() -> None:
    client = ScriptedClient({"Item": typed_item(1)})
    assert table(client).get("p", "1") == {"pk": "p", "sk": "1"}
    assert client.calls[0]["ConsistentRead"] is True


@pytest.mark.parametrize("response", [{}, {"Item": EXPIRED}], ids=["missing", "expired"])
def test_get_returns_none_for_an_absent_item(response: dict[str, Any]) -> None:
    assert table(ScriptedClient(response)).get("p", "9") is None


def test_query_reads_every_page_consistently() -> None:
    client = ScriptedClient(page(1, 2, more=True), page(3, more=True), {"Items": []})
    assert [item["sk"] for item in table(client).query("p")] == ["1", "2", "3"]
    assert [call["ConsistentRead"] for call in client.calls] == [True] * 3
    assert [call.get("ExclusiveStartKey") for call in client.calls] == [None, typed_item(2), typed_item(3)]


def test_query_continues_after_an_empty_page() -> None:
    client = ScriptedClient({"Items": [], "LastEvaluatedKey": typed_item(1)}, page(2, more=False))
    assert [item["sk"] for item in table(client).query("p")] == ["2"]


def test_query_with_a_limit_requests_no_more_than_is_left() -> None:
    client = ScriptedClient(page(1, 2, more=True), page(3, more=True))
    assert [item["sk"] for item in table(client).query("p", limit=3)] == ["1", "2", "3"]
    assert [call["Limit"] for call in client.calls] == [3, 1]


def test_query_reads_a_page_only_when_its_items_are_needed() -> None:
    client = ScriptedClient(page(1, more=True))
    assert next(table(client).query("p")) == {"pk": "p", "sk": "1"}
    assert len(client.calls) == 1


def test_query_skips_expired_items_unless_they_are_asked_for() -> None:
    response = {"Items": [EXPIRED, typed_item(1)]}
    assert [item["sk"] for item in table(ScriptedClient(response)).query("p")] == ["1"]
    assert len(list(table(ScriptedClient(response)).query("p", include_expired=True))) == 2


def test_query_of_a_range_names_its_ends() -> None:
    client = ScriptedClient({"Items": []})
    list(table(client).query("p", between=("a", "b"), descending=True))
    (call,) = client.calls
    assert call["KeyConditionExpression"] == "#pk = :pk AND #sk BETWEEN :low AND :high"
    assert call["ExpressionAttributeValues"] == {":pk": {"S": "p"}, ":low": {"S": "a"}, ":high": {"S": "b"}}
    assert call["ExpressionAttributeNames"] == {"#pk": "pk", "#sk": "sk"}
    assert call["ScanIndexForward"] is False


def test_batch_get_reads_consistently_until_every_key_is_processed() -> None:
    unprocessed = {"t": {"ConsistentRead": True, "Keys": [typed_item(2)]}}
    client = ScriptedClient(
        {"Responses": {"t": [typed_item(1)]}, "UnprocessedKeys": unprocessed},
        {"Responses": {"t": [typed_item(2)]}, "UnprocessedKeys": {}},
    )
    items = table(client).batch_get([("p", "1"), ("p", "2"), ("p", "1")])
    assert [item["sk"] for item in items] == ["1", "2"]
    assert [call["RequestItems"]["t"]["ConsistentRead"] for call in client.calls] == [True, True]
    assert len(client.calls[0]["RequestItems"]["t"]["Keys"]) == 2


def test_batch_get_skips_expired_items() -> None:
    client = ScriptedClient({"Responses": {"t": [EXPIRED, typed_item(1)]}})
    assert [item["sk"] for item in table(client).batch_get([("p", "1"), ("p", "9")])] == ["1"]


def test_batch_get_that_is_never_processed_is_unavailable() -> None:
    unprocessed = {"t": {"ConsistentRead": True, "Keys": [typed_item(1)]}}
    client = ScriptedClient(*[{"Responses": {}, "UnprocessedKeys": unprocessed}] * 20)
    with pytest.raises(Unavailable):
        table(client).batch_get([("p", "1")])


def test_parallel_batch_get_has_a_call_for_each_100_keys() -> None:
    client = ScriptedClient(*[{"Responses": {"t": [typed_item(number)]}} for number in range(3)])
    calls: list[int] = []

    def gather(*each: Any) -> list[Any]:
        calls.append(len(each))
        return [call() for call in each]

    items = parallel_batch_get(table(client), gather, [("p", str(number)) for number in range(201)])
    assert calls == [3]
    assert [item["sk"] for item in items] == ["0", "1", "2"]


# ---- writes --------------------------------------------------------------------------------------------


def test_failed_condition_has_the_item_that_was_there() -> None:
    client = ScriptedClient(service_error("ConditionalCheckFailedException", Item=typed_item(1)))
    with pytest.raises(ConditionFailed) as caught:
        table(client).update("p", "1", "SET #a = :a", "#b = :b", a=1, b="x")
    assert caught.value.item == {"pk": "p", "sk": "1"}
    (call,) = client.calls
    assert call["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert call["ExpressionAttributeNames"] == {"#a": "a", "#b": "b"}
    assert call["ExpressionAttributeValues"] == {":a": {"N": "1"}, ":b": {"S": "x"}}


@pytest.mark.parametrize("response", [{}, {"Attributes": typed_item(1)}])
def test_update_and_delete_return_the_old_item(response: dict[str, Any]) -> None:
    old = {"pk": "p", "sk": "1"} if response else None
    assert table(ScriptedClient(response)).update("p", "1", "SET #a = :a", a=1) == old
    assert table(ScriptedClient(response)).delete("p", "1") == old


def test_put_leaves_out_attributes_without_a_value() -> None:
    client = ScriptedClient({})
    table(client).put({"pk": "p", "sk": "1", "name": None})
    assert client.calls[0]["Item"] == typed_item(1)


def test_batch_delete_has_a_request_for_each_25_keys_and_retries_what_is_unprocessed() -> None:
    left = {"t": [{"DeleteRequest": {"Key": typed_item(7)}}]}
    client = ScriptedClient({"UnprocessedItems": left}, {}, {})
    table(client).batch_delete([("p", str(number)) for number in range(30)])
    assert [len(call["RequestItems"]["t"]) for call in client.calls] == [25, 1, 5]


def test_operations_name_the_table_and_the_key() -> None:
    toys = table(ScriptedClient())
    assert toys.condition_op("p", "1", "#a = :a", a=True) == {
        "ConditionCheck": {
            "TableName": "t",
            "Key": typed_item(1),
            "ConditionExpression": "#a = :a",
            "ExpressionAttributeNames": {"#a": "a"},
            "ExpressionAttributeValues": {":a": {"BOOL": True}},
        }
    }
    assert toys.delete_op("p", "1") == {"Delete": {"TableName": "t", "Key": typed_item(1)}}
    assert toys.put_op({"pk": "p", "sk": "1"}) == {"Put": {"TableName": "t", "Item": typed_item(1)}}


def test_old_image_is_requested_for_a_failed_condition() -> None:
    operation = with_old_image(table(ScriptedClient()).delete_op("p", "1", "attribute_exists(#pk)"))
    assert operation["Delete"]["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_chunks_have_at_most_the_given_size() -> None:
    assert list(chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(chunks([], 2)) == []
