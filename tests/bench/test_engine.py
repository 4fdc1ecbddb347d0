"""One contract for the engine of the benchmark and for MiniStack, as far as the chat uses them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.engine import MemoryEngine
from tests.bench.conftest import Place


def refusal(error: ClientError) -> tuple[str, Any]:
    """The code, and the old item that came with it."""
    response: Any = error.response
    return response["Error"]["Code"], response.get("Item")


def sks(answer: Any) -> list[str]:
    return [item["sk"]["S"] for item in answer["Items"]]


def test_what_is_put_is_there_and_what_is_not_is_not(place: Place) -> None:
    place.put("a", n=1)

    assert place.get("a") == place.item("a", n=1)
    assert place.get("b") is None


def test_a_failed_condition_changes_nothing_and_brings_the_old_item_if_asked(place: Place) -> None:
    place.put("a", n=1)
    arguments = {
        "TableName": place.table,
        "Item": place.item("a", n=2),
        "ConditionExpression": "attribute_not_exists(#pk)",
        "ExpressionAttributeNames": {"#pk": "pk"},
    }

    with pytest.raises(ClientError) as silent:
        place.client.put_item(**arguments)
    with pytest.raises(ClientError) as telling:
        place.client.put_item(**arguments, ReturnValuesOnConditionCheckFailure="ALL_OLD")

    assert refusal(silent.value) == ("ConditionalCheckFailedException", None)
    assert refusal(telling.value) == ("ConditionalCheckFailedException", place.item("a", n=1))
    assert place.get("a") == place.item("a", n=1)


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        ("#n = :n", True),
        ("#n <> :n", False),
        ("#n < :n", False),
        ("#n <= :n", True),
        ("#n > :n", False),
        ("#n >= :n", True),
        ("#absent = :n", False),
        ("#absent < :n", False),
        ("attribute_exists(#n)", True),
        ("attribute_exists(#absent)", False),
        ("attribute_not_exists(#absent) AND #n = :n", True),
        ("attribute_exists(#absent) AND #n = :n", False),
        ("attribute_exists(#absent) OR #n = :n", True),
        ("attribute_exists(#absent) OR #n < :n", False),
    ],
)
def test_conditions_hold_or_not_on_every_engine_alike(place: Place, condition: str, *, is_met: bool) -> None:
    place.put("a", n=10)
    names = {name: name[1:] for name in ("#n", "#absent") if name in condition}
    change = place.at(
        "a",
        UpdateExpression="SET seen = :yes",
        ConditionExpression=condition,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":yes": {"BOOL": True}} | ({":n": {"N": "10"}} if ":n" in condition else {}),
    )

    if is_met:
        place.client.update_item(**change)
    else:
        with pytest.raises(ClientError):
            place.client.update_item(**change)

    assert ("seen" in (place.get("a") or {})) == is_met


def test_numbers_compare_as_numbers_and_other_types_never_match(place: Place) -> None:
    place.put("a", n=9)

    def update(value: dict[str, str]) -> None:
        place.client.update_item(
            **place.at(
                "a",
                UpdateExpression="SET seen = :value",
                ConditionExpression="#n < :value",
                ExpressionAttributeNames={"#n": "n"},
                ExpressionAttributeValues={":value": value},
            )
        )

    with pytest.raises(ClientError):
        update({"S": "x"})
    update({"N": "10"})

    assert (place.get("a") or {})["seen"] == {"N": "10"}


def test_an_update_adds_sets_and_removes_also_within_maps_and_returns_the_old_item(place: Place) -> None:
    key = place.key("a")
    place.client.put_item(TableName=place.table, Item={**key, "gone": {"M": {"x": {"N": "1"}}}, "old": {"N": "5"}})

    answer = place.client.update_item(
        **place.at(
            "a",
            UpdateExpression="SET #gone.#y = :two, #new = :two REMOVE #gone.#x, #old ADD #count :two",
            ExpressionAttributeNames={f"#{name}": name for name in ("gone", "x", "y", "old", "new", "count")},
            ExpressionAttributeValues={":two": {"N": "2"}},
            ReturnValues="ALL_OLD",
        )
    )

    two = {"N": "2"}
    assert answer["Attributes"] == {**key, "gone": {"M": {"x": {"N": "1"}}}, "old": {"N": "5"}}
    assert place.get("a") == {**key, "gone": {"M": {"y": two}}, "new": two, "count": two}


def test_an_update_creates_what_is_not_there_and_has_no_old_item(place: Place) -> None:
    change = place.at("a", UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})

    first = place.client.update_item(**change, ReturnValues="ALL_OLD")
    second = place.client.update_item(**change, ReturnValues="ALL_OLD")

    assert "Attributes" not in first
    assert second["Attributes"] == place.item("a", n=1)
    assert place.get("a") == place.item("a", n=2)


def test_a_delete_returns_what_was_there(place: Place) -> None:
    place.put("a", n=1)

    first = place.client.delete_item(**place.at("a"), ReturnValues="ALL_OLD")
    second = place.client.delete_item(**place.at("a"), ReturnValues="ALL_OLD")

    assert first["Attributes"] == place.item("a", n=1)
    assert "Attributes" not in second


def test_a_query_is_in_order_within_its_range_and_comes_in_pages(place: Place) -> None:
    for sk in ("b", "a", "c1", "c2", "d"):
        place.put(sk)

    assert sks(place.query()) == ["a", "b", "c1", "c2", "d"]
    assert sks(place.query(ScanIndexForward=False)) == ["d", "c2", "c1", "b", "a"]
    assert sks(place.query("#pk = :pk AND begins_with(#sk, :p)", {":p": "c"})) == ["c1", "c2"]
    assert sks(place.query("#pk = :pk AND #sk BETWEEN :l AND :h", {":l": "b", ":h": "c1"})) == ["b", "c1"]
    page = place.query(Limit=2)
    rest = place.query(ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (sks(page), sks(rest)) == (["a", "b"], ["c1", "c2", "d"])
    assert "LastEvaluatedKey" not in rest
    back = place.query(ScanIndexForward=False, ExclusiveStartKey=place.key("c2"))
    assert sks(back) == ["c1", "b", "a"]


def test_batches_read_what_is_there_and_write_each_item_for_itself(place: Place) -> None:
    place.put("a", n=1)
    put, delete = {"PutRequest": {"Item": place.item("b", n=2)}}, {"DeleteRequest": {"Key": place.key("a")}}
    requests: list[Any] = [put, delete]

    written = place.client.batch_write_item(RequestItems={place.table: requests})
    keys = [place.key(sk) for sk in ("a", "b", "c")]
    read = place.client.batch_get_item(RequestItems={place.table: {"Keys": keys, "ConsistentRead": True}})

    assert not written["UnprocessedItems"]
    assert read["Responses"][place.table] == [place.item("b", n=2)]
    assert not read["UnprocessedKeys"]


def absent(place: Place, sk: str, **numbers: int) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": place.table,
            "Item": place.item(sk, **numbers),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def test_a_transaction_does_everything(place: Place) -> None:
    place.put("gone")
    place.put("checked", n=1)
    check = place.at(
        "checked", ConditionExpression="n = :one", ExpressionAttributeValues={":one": {"N": "1"}}
    )  # fmt: skip
    add = place.at("counted", UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})

    place.client.transact_write_items(
        TransactItems=[
            absent(place, "new", n=1),
            {"ConditionCheck": check},
            {"Update": add},
            {"Delete": place.at("gone")},
        ]
    )

    assert sks(place.query()) == ["checked", "counted", "new"]


def test_a_cancelled_transaction_does_nothing_and_says_why_in_order(place: Place) -> None:
    place.put("there", n=7)

    with pytest.raises(ClientError) as cancelled:
        place.client.transact_write_items(TransactItems=[absent(place, "new"), absent(place, "there", n=8)])

    response: Any = cancelled.value.response
    reasons = response["CancellationReasons"]
    assert response["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"] == place.item("there", n=7)
    assert sks(place.query()) == ["there"]


def test_a_transaction_may_name_an_item_only_once(place: Place) -> None:
    with pytest.raises(ClientError) as refused:
        place.client.transact_write_items(TransactItems=[absent(place, "a"), {"Delete": place.at("a")}])

    assert refusal(refused.value)[0] == "ValidationException"


@pytest.mark.parametrize("condition", ["size(a) > :one", "a = :one AND b = :one OR c = :one", "NOT a = :one"])
def test_a_condition_that_is_not_understood_is_an_error_and_no_answer(condition: str) -> None:
    with pytest.raises(ValueError, match="understood"):
        MemoryEngine().put_item(
            TableName="t",
            Item={"pk": {"S": "p"}, "sk": {"S": "s"}},
            ConditionExpression=condition,
            ExpressionAttributeValues={":one": {"N": "1"}},
        )


@pytest.mark.parametrize(
    "update", ["SET a = a + :one", "DELETE a :one", "SET a = if_not_exists(a, :one)", "SET a.b = :one"]
)
def test_an_update_that_is_not_understood_is_an_error_and_no_answer(update: str) -> None:
    with pytest.raises(ValueError, match=r"understood|no map"):
        MemoryEngine().update_item(
            TableName="t",
            Key={"pk": {"S": "p"}, "sk": {"S": "s"}},
            UpdateExpression=update,
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
