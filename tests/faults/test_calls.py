"""Calls as data, and the calls that a layer forwards."""

from typing import TYPE_CHECKING, Any

import pytest

from local.faults.calls import Call, ItemKey
from local.faults.client import Layer
from tests.faults.toys import Hooked, Partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

P = Partition("table", "room")
KEYS = (P.key("a"), P.key("b"))


@pytest.mark.parametrize(
    ("operation", "arguments", "keys", "written"),
    [
        ("get_item", P.at("a"), KEYS[:1], ()),
        ("put_item", P.put("a"), KEYS[:1], KEYS[:1]),
        ("update_item", P.add("a"), KEYS[:1], KEYS[:1]),
        ("delete_item", P.at("a"), KEYS[:1], KEYS[:1]),
        ("query", P.all(), (), ()),
        ("batch_get_item", P.batch_get("a", "b"), KEYS, ()),
        ("batch_write_item", P.batch_put("a", "b"), KEYS, KEYS),
        (
            "batch_write_item",
            {"RequestItems": {"table": [{"DeleteRequest": {"Key": KEYS[0].attributes()}}]}},
            KEYS[:1],
            KEYS[:1],
        ),
        (
            "transact_write_items",
            {"TransactItems": [{"ConditionCheck": P.check_absent("a")}, {"Put": P.put("b")}]},
            KEYS,
            KEYS[1:],
        ),
        (
            "transact_write_items",
            {"TransactItems": [{"Update": P.add("a")}, {"Delete": P.at("b")}]},
            KEYS,
            KEYS,
        ),
    ],
)
def test_call_lists_its_tables_named_items_and_written_items(
    operation: str, arguments: dict[str, Any], keys: tuple[ItemKey, ...], written: tuple[ItemKey, ...]
) -> None:
    call = Call(1, operation, arguments)
    assert call.keys == keys
    assert call.written == frozenset(written)
    assert call.writes == bool(written)
    assert call.tables == {"table"}


def test_item_without_both_keys_and_unknown_operation_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"pk and sk; got \['id'\]"):
        _ = Call(1, "put_item", {"TableName": "table", "Item": {"id": {"S": "x"}}}).keys
    with pytest.raises(ValueError, match="scan is not"):
        _ = Call(1, "scan", {"TableName": "table"}).keys


def test_with_arguments_returns_a_changed_copy() -> None:
    call = Call(4, "query", {"TableName": "table", "Limit": 5})
    assert call.with_arguments(Limit=None, Select="COUNT") == Call(
        4, "query", {"TableName": "table", "Select": "COUNT"}
    )
    assert call.arguments["Limit"] == 5
    assert str(call) == "query"


def test_layer_forwards_and_numbers_all_eight_operations(dynamodb: "DynamoDBClient", partition: Partition) -> None:
    seen: list[str] = []
    client = Layer(Hooked(dynamodb, lambda call: seen.append(f"{call.number} {call}")))
    client.put_item(**partition.put("a", 1))
    client.update_item(**partition.add("a", 2))
    client.transact_write_items(TransactItems=[{"Put": partition.put("b", 5)}])
    client.batch_write_item(**partition.batch_put("c"))
    assert partition.contents(client) == {"a": 3, "b": 5, "c": 0}
    client.delete_item(**partition.at("a"))
    assert partition.read(client, "a") is None
    assert client.batch_get_item(**partition.batch_get("a"))["Responses"][partition.table] == []
    assert seen == [
        "1 put_item",
        "2 update_item",
        "3 transact_write_items",
        "4 batch_write_item",
        "5 query",
        "6 delete_item",
        "7 get_item",
        "8 batch_get_item",
    ]


def test_layer_exposes_exceptions_and_meta_of_the_inner_client(
    dynamodb: "DynamoDBClient",
) -> None:
    client = Layer(Layer(dynamodb))
    assert client.exceptions is dynamodb.exceptions
    assert client.meta.region_name == "us-east-1"
