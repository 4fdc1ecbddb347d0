"""One contract for the benchmark's engine and the embedded engine, for the operations that the chat uses."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.engine import MemoryEngine
from tests.bench.conftest import ToyTable


def error_of(error: ClientError) -> tuple[str, Any]:
    """Return the error code, and the old item in the error."""
    response: Any = error.response
    return response["Error"]["Code"], response.get("Item")


def sks(answer: Any) -> list[str]:
    return [item["sk"]["S"] for item in answer["Items"]]


def test_get_returns_put_items_only(toy: ToyTable) -> None:
    toy.put("a", n=1)

    assert toy.get("a") == toy.item("a", n=1)
    assert toy.get("b") is None


def test_failed_condition_changes_nothing_and_returns_the_old_item_on_request(toy: ToyTable) -> None:
    toy.put("a", n=1)
    arguments = {
        "TableName": toy.table,
        "Item": toy.item("a", n=2),
        "ConditionExpression": "attribute_not_exists(#pk)",
        "ExpressionAttributeNames": {"#pk": "pk"},
    }

    with pytest.raises(ClientError) as silent:
        toy.client.put_item(**arguments)
    with pytest.raises(ClientError) as telling:
        toy.client.put_item(**arguments, ReturnValuesOnConditionCheckFailure="ALL_OLD")

    assert error_of(silent.value) == ("ConditionalCheckFailedException", None)
    assert error_of(telling.value) == ("ConditionalCheckFailedException", toy.item("a", n=1))
    assert toy.get("a") == toy.item("a", n=1)


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
def test_conditions_give_the_same_result_on_every_engine(toy: ToyTable, condition: str, *, is_met: bool) -> None:
    toy.put("a", n=10)
    names = {name: name[1:] for name in ("#n", "#absent") if name in condition}
    change = toy.at(
        "a",
        UpdateExpression="SET seen = :yes",
        ConditionExpression=condition,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":yes": {"BOOL": True}} | ({":n": {"N": "10"}} if ":n" in condition else {}),
    )

    if is_met:
        toy.client.update_item(**change)
    else:
        with pytest.raises(ClientError):
            toy.client.update_item(**change)

    assert ("seen" in (toy.get("a") or {})) == is_met


def test_comparisons_are_numeric_and_type_sensitive(toy: ToyTable) -> None:
    toy.put("a", n=9)

    def update(value: dict[str, str]) -> None:
        toy.client.update_item(
            **toy.at(
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

    assert (toy.get("a") or {})["seen"] == {"N": "10"}


def test_update_supports_add_set_and_remove_in_maps_and_returns_the_old_item(toy: ToyTable) -> None:
    key = toy.key("a")
    toy.client.put_item(TableName=toy.table, Item={**key, "gone": {"M": {"x": {"N": "1"}}}, "old": {"N": "5"}})

    answer = toy.client.update_item(
        **toy.at(
            "a",
            UpdateExpression="SET #gone.#y = :two, #new = :two REMOVE #gone.#x, #old ADD #count :two",
            ExpressionAttributeNames={f"#{name}": name for name in ("gone", "x", "y", "old", "new", "count")},
            ExpressionAttributeValues={":two": {"N": "2"}},
            ReturnValues="ALL_OLD",
        )
    )

    two = {"N": "2"}
    assert answer["Attributes"] == {**key, "gone": {"M": {"x": {"N": "1"}}}, "old": {"N": "5"}}
    assert toy.get("a") == {**key, "gone": {"M": {"y": two}}, "new": two, "count": two}


def test_update_creates_a_missing_item(toy: ToyTable) -> None:
    change = toy.at("a", UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})

    first = toy.client.update_item(**change, ReturnValues="ALL_OLD")
    second = toy.client.update_item(**change, ReturnValues="ALL_OLD")

    assert "Attributes" not in first
    assert second["Attributes"] == toy.item("a", n=1)
    assert toy.get("a") == toy.item("a", n=2)


def test_delete_returns_the_old_item(toy: ToyTable) -> None:
    toy.put("a", n=1)

    first = toy.client.delete_item(**toy.at("a"), ReturnValues="ALL_OLD")
    second = toy.client.delete_item(**toy.at("a"), ReturnValues="ALL_OLD")

    assert first["Attributes"] == toy.item("a", n=1)
    assert "Attributes" not in second


def test_query_is_ordered_ranged_and_paginated(toy: ToyTable) -> None:
    for sk in ("b", "a", "c1", "c2", "d"):
        toy.put(sk)

    assert sks(toy.query()) == ["a", "b", "c1", "c2", "d"]
    assert sks(toy.query(ScanIndexForward=False)) == ["d", "c2", "c1", "b", "a"]
    assert sks(toy.query("#pk = :pk AND begins_with(#sk, :p)", {":p": "c"})) == ["c1", "c2"]
    assert sks(toy.query("#pk = :pk AND #sk BETWEEN :l AND :h", {":l": "b", ":h": "c1"})) == ["b", "c1"]
    page = toy.query(Limit=2)
    rest = toy.query(ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (sks(page), sks(rest)) == (["a", "b"], ["c1", "c2", "d"])
    assert "LastEvaluatedKey" not in rest
    back = toy.query(ScanIndexForward=False, ExclusiveStartKey=toy.key("c2"))
    assert sks(back) == ["c1", "b", "a"]


def test_batches_read_existing_items_and_write_independently(toy: ToyTable) -> None:
    toy.put("a", n=1)
    put, delete = {"PutRequest": {"Item": toy.item("b", n=2)}}, {"DeleteRequest": {"Key": toy.key("a")}}
    requests: list[Any] = [put, delete]

    written = toy.client.batch_write_item(RequestItems={toy.table: requests})
    keys = [toy.key(sk) for sk in ("a", "b", "c")]
    read = toy.client.batch_get_item(RequestItems={toy.table: {"Keys": keys, "ConsistentRead": True}})

    assert not written["UnprocessedItems"]
    assert read["Responses"][toy.table] == [toy.item("b", n=2)]
    assert not read["UnprocessedKeys"]


def absent(toy: ToyTable, sk: str, **numbers: int) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": toy.table,
            "Item": toy.item(sk, **numbers),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def test_transaction_applies_all_actions(toy: ToyTable) -> None:
    toy.put("gone")
    toy.put("checked", n=1)
    check = toy.at(
        "checked", ConditionExpression="n = :one", ExpressionAttributeValues={":one": {"N": "1"}}
    )  # fmt: skip
    add = toy.at("counted", UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})

    toy.client.transact_write_items(
        TransactItems=[
            absent(toy, "new", n=1),
            {"ConditionCheck": check},
            {"Update": add},
            {"Delete": toy.at("gone")},
        ]
    )

    assert sks(toy.query()) == ["checked", "counted", "new"]


def test_cancelled_transaction_changes_nothing_and_lists_reasons_in_order(toy: ToyTable) -> None:
    toy.put("there", n=7)

    with pytest.raises(ClientError) as cancelled:
        toy.client.transact_write_items(TransactItems=[absent(toy, "new"), absent(toy, "there", n=8)])

    response: Any = cancelled.value.response
    reasons = response["CancellationReasons"]
    assert response["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"] == toy.item("there", n=7)
    assert sks(toy.query()) == ["there"]


def test_transaction_rejects_duplicate_items(toy: ToyTable) -> None:
    with pytest.raises(ClientError) as refused:
        toy.client.transact_write_items(TransactItems=[absent(toy, "a"), {"Delete": toy.at("a")}])

    assert error_of(refused.value)[0] == "ValidationException"


@pytest.mark.parametrize("condition", ["size(a) > :one", "a = :one AND b = :one OR c = :one", "NOT a = :one"])
def test_unsupported_condition_raises_value_error(condition: str) -> None:
    with pytest.raises(ValueError, match="unsupported"):
        MemoryEngine().put_item(
            TableName="t",
            Item={"pk": {"S": "p"}, "sk": {"S": "s"}},
            ConditionExpression=condition,
            ExpressionAttributeValues={":one": {"N": "1"}},
        )


@pytest.mark.parametrize(
    "update", ["SET a = a + :one", "DELETE a :one", "SET a = if_not_exists(a, :one)", "SET a.b = :one"]
)
def test_unsupported_update_raises_value_error(update: str) -> None:
    with pytest.raises(ValueError, match=r"unsupported|not a map"):
        MemoryEngine().update_item(
            TableName="t",
            Key={"pk": {"S": "p"}, "sk": {"S": "s"}},
            UpdateExpression=update,
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
