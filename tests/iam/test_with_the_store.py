"""The guard in front of the real store and gateway of the local cloud."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from websockets.sync.client import connect

from local.gateway import Apis, Gateway, GatewaySettings, WebSocketApi
from tests.iam.support import KEY, SOCKETS, STAGE, FakeServer, Json, allow, client_of, new_guard, poster_of, table
from tests.support.engine import Engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MANAGE = "execute-api:ManageConnections"
TIMEOUT = 10  # seconds for a post


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": name}}


def test_store_works_behind_the_guard(
    store_engine: Engine, fake_server: FakeServer, tables: dict[str, str], dynamodb: DynamoDBClient
) -> None:
    name = tables["ConversationsTable"]
    everything = {"Writer": [allow("Everything", "dynamodb:*", table(name))]}
    with (
        new_guard(everything, store_engine.url, f"{fake_server.url}/dev") as guard,
        client_of("dynamodb", guard.store_url, "Writer") as client,
    ):
        items = [{**key(f"kept {number}"), "text": {"S": "grüß 👋" * 1000}} for number in range(25)]
        client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}} for item in items]})
        response = client.batch_get_item(RequestItems={name: {"Keys": [key(f"kept {n}") for n in range(25)]}})
        direct = dynamodb.get_item(TableName=name, Key=key("kept 7"))
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.put_item(TableName=name, Item=key("kept 7"), ConditionExpression="attribute_not_exists(pk)")
        with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
            check = {"TableName": name, "Key": key("none"), "ConditionExpression": "attribute_exists(pk)"}
            client.transact_write_items(TransactItems=[{"ConditionCheck": check}])
    stored = response["Responses"][name]
    assert sorted(item["pk"]["S"] for item in stored) == sorted(item["pk"]["S"] for item in items)
    assert direct["Item"] == items[7]
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["ConditionalCheckFailed"]
    assert {call.action for call in guard.calls()} == {
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:PutItem",
    }


def test_partly_denied_transaction_has_no_effect(
    store_engine: Engine, fake_server: FakeServer, tables: dict[str, str], dynamodb: DynamoDBClient
) -> None:
    name = tables["ConversationsTable"]
    put = {"Put": {"TableName": name, "Item": key("in part")}}
    delete = {"Delete": {"TableName": name, "Key": KEY}}
    policies = {"Writer": [allow("Put", "dynamodb:PutItem", table(name))]}
    with (
        new_guard(policies, store_engine.url, f"{fake_server.url}/dev") as guard,
        client_of("dynamodb", guard.store_url, "Writer") as client,
    ):
        with pytest.raises(ClientError) as refused:
            client.transact_write_items(TransactItems=[put, delete])
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
        assert "Item" not in dynamodb.get_item(TableName=name, Key=key("in part"))
        client.transact_write_items(TransactItems=[put])
        assert "Item" in dynamodb.get_item(TableName=name, Key=key("in part"))


class Sockets:
    """A gateway with one open connection."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        ids: list[str] = []

        def opened(event: Json, context: Any) -> Json:
            ids.append(event["requestContext"]["connectionId"])
            return {"statusCode": 200}

        api = WebSocketApi(connect=opened, default=lambda event, context: {"statusCode": 200})
        self.gateway = stack.enter_context(Gateway(Apis(websocket=api), GatewaySettings(stage=STAGE)))
        self.socket = stack.enter_context(connect(self.gateway.ws_url))
        (self.id,) = ids


def test_product_poster_posts_and_detects_stale_connections(fake_server: FakeServer) -> None:
    posting = {"Poster": [allow("Post", MANAGE, SOCKETS % "POST"), allow("Close", MANAGE, SOCKETS % "DELETE")]}
    with contextlib.ExitStack() as stack:
        sockets = Sockets(stack)
        guard = stack.enter_context(new_guard(posting, fake_server.url, sockets.gateway.management_url))
        poster = poster_of(guard, "Poster")
        text = "grüß 👋" * 5000
        stale = poster.post_all({sockets.id: [text.encode()], "AAAAAAAAAAAAAAA=": [b"x"]}, soon())
        assert stale == ["AAAAAAAAAAAAAAA="]
        assert sockets.socket.recv(timeout=TIMEOUT) == text
        poster.close(sockets.id)
        with pytest.raises(Exception, match="1000"):
            sockets.socket.recv(timeout=TIMEOUT)
        assert guard.denied() == []
        assert guard.unused() == []
        assert [call[1:] for call in guard.calls()] == [
            (MANAGE, SOCKETS % "DELETE", "Close", 1),
            (MANAGE, SOCKETS % "POST", "Post", 2),
        ]


def test_product_poster_posts_nothing_without_permission(fake_server: FakeServer) -> None:
    closing = {"Closer": [allow("Close", MANAGE, SOCKETS % "DELETE")]}
    with contextlib.ExitStack() as stack:
        sockets = Sockets(stack)
        guard = stack.enter_context(new_guard(closing, fake_server.url, sockets.gateway.management_url))
        assert poster_of(guard, "Closer").post_all({sockets.id: [b"x"]}, soon()) == []
        assert "management.posts" not in sockets.gateway.counters()
        assert guard.denied() == [("Closer", MANAGE, SOCKETS % "POST", 1)]


@pytest.mark.parametrize("connection_id", ["a", "a b", "a/b"])
def test_gateway_error_for_a_malformed_id_is_returned(fake_server: FakeServer, connection_id: str) -> None:
    posting = {"Poster": [allow("Post", MANAGE, SOCKETS % "POST")]}
    with contextlib.ExitStack() as stack:
        sockets = Sockets(stack)
        guard = stack.enter_context(new_guard(posting, fake_server.url, sockets.gateway.management_url))
        client = stack.enter_context(client_of("apigatewaymanagementapi", guard.management_url, "Poster"))
        with pytest.raises(ClientError) as refused:
            client.post_to_connection(ConnectionId=connection_id, Data=b"x")
        assert refused.value.response["Error"]["Code"] == "BadRequestException"


def soon() -> float:
    return time.monotonic() + TIMEOUT
