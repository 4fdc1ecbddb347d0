"""All or nothing, once."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, item, key

ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}
OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}


def put(target: Target, pk: str, sk: str, more: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    return {"Put": {"TableName": target.table, "Item": item(pk, sk, **attributes), **(more or {})}}


def increment(target: Target, pk: str, sk: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": target.table,
            "Key": key(pk, sk),
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def delete(target: Target, pk: str, sk: str) -> dict[str, Any]:
    return {"Delete": {"TableName": target.table, "Key": key(pk, sk)}}


def check(target: Target, pk: str, sk: str, condition: str) -> dict[str, Any]:
    return {"ConditionCheck": {"TableName": target.table, "Key": key(pk, sk), "ConditionExpression": condition}}


def transact(target: Target, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return target.call("TransactWriteItems", TransactItems=list(actions), **more)


def test_transaction_carries_out_every_kind_of_action(target: Target, pk: str) -> None:
    target.put(pk, "deleted")
    target.put(pk, "checked")

    answer = transact(
        target,
        put(target, pk, "new", ABSENT, n=1),
        increment(target, pk, "counted"),
        delete(target, pk, "deleted"),
        check(target, pk, "checked", "attribute_exists(pk)"),
    )

    assert answer == {}
    assert target.query(pk) == ["checked", "counted", "new"]
    assert target.get(pk, "counted") == item(pk, "counted", n=1)


def test_failed_condition_cancels_everything_and_is_named_by_its_place(target: Target, pk: str) -> None:
    target.put(pk, "there", n=7)

    with pytest.raises(OperationFailed) as failure:
        transact(
            target,
            put(target, pk, "new"),
            put(target, pk, "there", {**ABSENT, **OLD}),
            check(target, pk, "absent", "attribute_exists(pk)"),
        )

    assert failure.value.code == "TransactionCanceledException"
    assert failure.value.message == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons"
        " [None, ConditionalCheckFailed, ConditionalCheckFailed]"
    )
    assert failure.value.reasons == [{"Code": "None"}, {**FAILED, "Item": item(pk, "there", n=7)}, FAILED]
    assert target.query(pk) == ["there"]


def test_action_that_does_not_fit_its_item_cancels_with_a_validation_error(target: Target, pk: str) -> None:
    target.put(pk, "a", n="text")

    with pytest.raises(OperationFailed) as failure:
        transact(target, put(target, pk, "b"), increment(target, pk, "a"))

    assert failure.value.code == "TransactionCanceledException"
    assert [reason["Code"] for reason in failure.value.reasons] == ["None", "ValidationError"]
    assert target.get(pk, "b") is None


def test_action_with_a_bad_key_cancels_with_a_validation_error(target: Target, pk: str) -> None:
    bad = {"Put": {"TableName": target.table, "Item": {"pk": {"S": pk}}}}

    with pytest.raises(OperationFailed) as failure:
        transact(target, put(target, pk, "a"), bad)

    assert failure.value.code == "TransactionCanceledException"
    assert [reason["Code"] for reason in failure.value.reasons] == ["None", "ValidationError"]
    assert target.get(pk, "a") is None


def test_item_may_be_named_once_only(target: Target, pk: str) -> None:
    with pytest.raises(OperationFailed) as failure:
        transact(target, put(target, pk, "a"), delete(target, pk, "a"))

    assert failure.value.code == "ValidationException"
    assert failure.value.message == "Transaction request cannot include multiple operations on one item"


def test_hundred_actions_are_carried_out(target: Target, pk: str) -> None:
    transact(target, *(put(target, pk, f"{number:03}") for number in range(100)))

    assert len(target.query(pk)) == 100


@pytest.mark.parametrize("count", [0, 101])
def test_no_and_too_many_actions_are_refused(target: Target, pk: str, count: int) -> None:
    with pytest.raises(OperationFailed, match="Member must have length") as failure:
        transact(target, *(put(target, pk, f"{number:03}") for number in range(count)))

    assert failure.value.code == "ValidationException"


def test_four_megabytes_are_the_limit(target: Target, pk: str) -> None:
    text = "x" * 390_000
    transact(target, *(put(target, pk, f"{number:02}", text=text) for number in range(10)))

    with pytest.raises(OperationFailed):
        transact(target, *(put(target, pk, f"{number:02}", text=text) for number in range(11)))


def test_repeated_token_carries_out_nothing_again(target: Target, pk: str) -> None:
    token = str(uuid.uuid4())
    transact(target, increment(target, pk, "a"), ClientRequestToken=token)
    transact(target, increment(target, pk, "a"), ClientRequestToken=token)

    assert target.get(pk, "a") == item(pk, "a", n=1)


def test_token_of_another_transaction_is_refused(target: Target, pk: str) -> None:
    token = str(uuid.uuid4())
    transact(target, increment(target, pk, "a"), ClientRequestToken=token)

    with pytest.raises(OperationFailed) as failure:
        transact(target, increment(target, pk, "b"), ClientRequestToken=token)

    assert failure.value.code == "IdempotentParameterMismatchException"
    assert target.get(pk, "b") is None


def test_token_of_a_cancelled_transaction_may_be_used_again(target: Target, pk: str) -> None:
    token = str(uuid.uuid4())
    action = put(target, pk, "a", ABSENT)
    target.put(pk, "a")
    with pytest.raises(OperationFailed, match="ConditionalCheckFailed"):
        transact(target, action, ClientRequestToken=token)
    target.call("DeleteItem", Key=key(pk, "a"))

    transact(target, action, ClientRequestToken=token)

    assert target.get(pk, "a") == item(pk, "a")


def test_reads_of_a_transaction_come_in_their_order(target: Target, pk: str) -> None:
    target.put(pk, "a", n=1, s="x")
    gets = [{"Get": {"TableName": target.table, "Key": key(pk, sk)}} for sk in "ba"]
    gets[1]["Get"]["ProjectionExpression"] = "n"

    answer = target.call("TransactGetItems", TransactItems=gets)

    assert answer == {"Responses": [{}, {"Item": {"n": {"N": "1"}}}]}
