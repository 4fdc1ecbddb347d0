"""The engine behind the product's own table client, and behind boto3's kind of errors."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.client import DynamoClient
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.errors import ConditionFailed, TransactionCancelled
from chalicelib.aws.dynamodb.table import Table, with_old_image
from chalicelib.awshttp import ServiceError
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.errors import Unavailable
from local.dynamodb.client import EngineClient, MakeError
from local.dynamodb.engine import Engine
from local.faults.client import DynamoClient as FaultsClient
from local.tables import DEFINITION, read_tables
from local.tables import Table as TableToBe
from tests.dynamodb.targets import Target, key

MAKE_ERROR: list[MakeError] = [ServiceError, ClientError]


@pytest.fixture(params=MAKE_ERROR, ids=["ServiceError", "ClientError"])
def table(request: pytest.FixtureRequest, engine: Engine, toys: Target) -> Table:
    return Table(Dynamo(EngineClient(engine, request.param), SystemClock()), toys.table)


def test_product_s_client_has_no_method_that_the_engine_s_lacks() -> None:
    methods = {name for name in vars(DynamoClient) if not name.startswith("_")}
    methods |= {name for name in vars(FaultsClient) if not name.startswith("_")}

    assert methods <= set(vars(EngineClient))


def test_product_reads_what_it_writes(table: Table) -> None:
    table.put({"pk": "p", "sk": "a", "n": 1, "yes": True, "m": {"x": {"y": 2}}, "absent": None})

    assert table.get("p", "a") == {"pk": "p", "sk": "a", "n": 1, "yes": True, "m": {"x": {"y": 2}}}
    assert table.update("p", "a", "SET #m.#x.#y = :n", "#n = :n", n=1) == {
        "pk": "p", "sk": "a", "n": 1, "yes": True, "m": {"x": {"y": 2}}
    }  # fmt: skip
    assert [found["m"] for found in table.query("p", prefix="a")] == [{"x": {"y": 1}}]
    assert table.delete("p", "a", "#yes = :yes", yes=True) is not None
    assert table.get("p", "a") is None


def test_product_sees_the_old_item_of_a_failed_condition(table: Table) -> None:
    table.put({"pk": "p", "sk": "a", "n": 1})

    with pytest.raises(ConditionFailed) as failed:
        table.put({"pk": "p", "sk": "a"}, "attribute_not_exists(#pk)")

    assert failed.value.item == {"pk": "p", "sk": "a", "n": 1}


def test_product_sees_which_action_cancelled_a_transaction(engine: Engine, toys: Target) -> None:
    dynamo = Dynamo(EngineClient(engine, ServiceError), SystemClock())
    table = Table(dynamo, toys.table)
    table.put({"pk": "p", "sk": "a", "n": 1})

    with pytest.raises(TransactionCancelled) as cancelled:
        dynamo.transact(
            [
                table.put_op({"pk": "p", "sk": "b"}),
                with_old_image(table.put_op({"pk": "p", "sk": "a"}, "attribute_not_exists(#pk)")),
            ]
        )

    assert list(cancelled.value.reasons) == [
        ("None", None),
        ("ConditionalCheckFailed", {"pk": "p", "sk": "a", "n": 1}),
    ]
    assert table.get("p", "b") is None


def test_product_sees_a_failing_storage_as_unavailable(engine: Engine, table: Table) -> None:
    engine.close()

    with pytest.raises(Unavailable):
        table.get("p", "a")


def test_tables_of_the_deployed_definition_can_be_created(engine: Engine) -> None:
    client = EngineClient(engine, ClientError)
    settings = {"CHAT_CONVERSATIONS_TABLE": "conversations", "CHAT_CONNECTIONS_TABLE": "connections"}
    tables: list[TableToBe] = read_tables(settings, DEFINITION)

    for table in tables:
        client.create_table(**table.parameters)
        expiry = {"AttributeName": table.ttl_attribute, "Enabled": True}
        client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=expiry)

    assert client.list_tables()["TableNames"] == ["connections", "conversations"]


def test_binary_values_may_be_given_as_bytes(engine: Engine, toys: Target) -> None:
    client = EngineClient(engine, ClientError)
    raw = bytes(range(4))
    item: dict[str, Any] = {**key("p", "a"), "b": {"B": raw}, "bs": {"BS": [raw]}}

    client.put_item(TableName=toys.table, Item=item)

    text = base64.b64encode(raw).decode()
    found = client.get_item(TableName=toys.table, Key=key("p", "a"))["Item"]
    assert (found["b"], found["bs"]) == ({"B": text}, {"BS": [text]})
