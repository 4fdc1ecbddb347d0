"""Reading and writing several items, each for itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.targets import OperationFailed, Target, item, key


def put(pk: str, sk: str, **attributes: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": item(pk, sk, **attributes)}}


def delete(pk: str, sk: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": key(pk, sk)}}


def write(target: Target, requests: list[dict[str, Any]]) -> dict[str, Any]:
    return target.call("BatchWriteItem", RequestItems={target.table: requests})


def read(target: Target, keys: list[dict[str, Any]], **more: Any) -> list[Any]:
    answer = target.call("BatchGetItem", RequestItems={target.table: {"Keys": keys, **more}})
    assert answer["UnprocessedKeys"] == {}
    found: list[Any] = answer["Responses"][target.table]
    return sorted(found, key=lambda each: each.get("sk", {}).get("S", ""))


def test_batch_writes_and_deletes(target: Target, pk: str) -> None:
    target.put(pk, "a")
    target.put(pk, "b", n=1)

    answer = write(target, [delete(pk, "a"), put(pk, "b", n=2), put(pk, "c"), delete(pk, "d")])

    assert answer["UnprocessedItems"] == {}
    assert read(target, [key(pk, sk) for sk in "abcd"]) == [item(pk, "b", n=2), item(pk, "c")]


def test_batch_reads_what_is_there(target: Target, pk: str) -> None:
    target.put(pk, "a", n=1, s="x")

    assert read(target, [key(pk, "a"), key(pk, "b")], ConsistentRead=True) == [item(pk, "a", n=1, s="x")]
    assert read(target, [key(pk, "a")], ProjectionExpression="#n", ExpressionAttributeNames={"#n": "n"}) == [
        {"n": {"N": "1"}}
    ]
    assert read(target, [key(pk, "b")]) == []


def test_hundred_items_are_read_and_one_more_refused(target: Target, pk: str) -> None:
    for start in range(0, 100, 25):
        write(target, [put(pk, f"{number:03}") for number in range(start, start + 25)])
    keys = [key(pk, f"{number:03}") for number in range(101)]

    assert len(read(target, keys[:100])) == 100
    with pytest.raises(OperationFailed) as failure:
        read(target, keys)
    assert failure.value.code == "ValidationException"


def test_more_than_sixteen_megabytes_are_left_unprocessed(target: Target, pk: str) -> None:
    for number in range(45):
        target.put(pk, f"{number:02}", text="x" * 390_000)
    wanted: Any = {
        target.table: {"Keys": [key(pk, f"{number:02}") for number in range(45)], "ConsistentRead": True}
    }
    found: list[str] = []
    rounds = 0
    while wanted:
        answer = target.call("BatchGetItem", RequestItems=wanted)
        found += [each["sk"]["S"] for each in answer["Responses"][target.table]]
        wanted = answer["UnprocessedKeys"]
        rounds += 1

    assert rounds == 2
    assert sorted(found) == [f"{number:02}" for number in range(45)]


@pytest.mark.parametrize("count", [0, 26])
def test_batch_of_no_or_too_many_writes_is_refused(target: Target, pk: str, count: int) -> None:
    with pytest.raises(OperationFailed) as failure:
        write(target, [put(pk, f"{number}") for number in range(count)])

    assert failure.value.code == "ValidationException"


def test_item_may_be_named_once_only(target: Target, pk: str) -> None:
    with pytest.raises(OperationFailed, match="Provided list of item keys contains duplicates"):
        write(target, [put(pk, "a"), delete(pk, "a")])
    with pytest.raises(OperationFailed, match="Provided list of item keys contains duplicates"):
        read(target, [key(pk, "a"), key(pk, "a")])


def test_one_bad_request_refuses_the_whole_batch(target: Target, pk: str) -> None:
    with pytest.raises(OperationFailed) as failure:
        write(target, [put(pk, "a"), put(pk, "")])

    assert failure.value.code == "ValidationException"
    assert target.get(pk, "a") is None
