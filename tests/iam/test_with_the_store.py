"""Before the store and the gateway that the local cloud runs on: they go on working, and are guarded."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from websockets.sync.client import connect

from local.gateway import Apis, Gateway, GatewaySettings, WebSocketApi
from tests.iam.support import KEY, SOCKETS, STAGE, Json, StandIn, allow, client_of, new_guard, poster_of, table
from tests.support.engine import Engine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MANAGE = "execute-api:ManageConnections"
PATIENCE = 10  # seconds until a post is given up


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": name}}


def test_the_store_keeps_what_is_written_through_the_guard(
    store_engine: Engine, stand_in: StandIn, tables: dict[str, str], dynamodb: DynamoDBClient
) -> None:
    name = tables["ConversationsTable"]
    everything = {"Writer": [allow("Everything", "dynamodb:*", table(name))]}
    with (
        new_guard(everything, store_engine.url, f"{stand_in.url}/dev") as guard,
        client_of("dynamodb", guard.store_url, "Writer") as client,
    ):
        items = [{**key(f"kept {number}"), "text": {"S": "grüß 👋" * 1000}} for number in range(25)]
        client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": each}} for each in items]})
        found = client.batch_get_item(RequestItems={name: {"Keys": [key(f"kept {n}") for n in range(25)]}})
        direct = dynamodb.get_item(TableName=name, Key=key("kept 7"))
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.put_item(TableName=name, Item=key("kept 7"), ConditionExpression="attribute_not_exists(pk)")
        with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
            check = {"TableName": name, "Key": key("none"), "ConditionExpression": "attribute_exists(pk)"}
            client.transact_write_items(TransactItems=[{"ConditionCheck": check}])
    assert sorted(each["pk"]["S"] for each in found["Responses"][name]) == sorted(e["pk"]["S"] for e in items)
    assert direct["Item"] == items[7]
    assert [each["Code"] for each in cancelled.value.response["CancellationReasons"]] == ["ConditionalCheckFailed"]
    assert {each.action for each in guard.calls()} == {
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:PutItem",
    }


def test_a_transaction_of_which_one_part_is_denied_leaves_no_trace(
    store_engine: Engine, stand_in: StandIn, tables: dict[str, str], dynamodb: DynamoDBClient
) -> None:
    name = tables["ConversationsTable"]
    put = {"Put": {"TableName": name, "Item": key("in part")}}
    delete = {"Delete": {"TableName": name, "Key": KEY}}
    policies = {"Writer": [allow("Put", "dynamodb:PutItem", table(name))]}
    with (
        new_guard(policies, store_engine.url, f"{stand_in.url}/dev") as guard,
        client_of("dynamodb", guard.store_url, "Writer") as client,
    ):
        with pytest.raises(ClientError) as refused:
            client.transact_write_items(TransactItems=[put, delete])
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
        assert "Item" not in dynamodb.get_item(TableName=name, Key=key("in part"))
        client.transact_write_items(TransactItems=[put])
        assert "Item" in dynamodb.get_item(TableName=name, Key=key("in part"))


class Sockets:
    """A gateway with one socket that is open."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        ids: list[str] = []

        def opened(event: Json, context: Any) -> Json:
            ids.append(event["requestContext"]["connectionId"])
            return {"statusCode": 200}

        api = WebSocketApi(connect=opened, default=lambda event, context: {"statusCode": 200})
        self.gateway = stack.enter_context(Gateway(Apis(websocket=api), GatewaySettings(stage=STAGE)))
        self.socket = stack.enter_context(connect(self.gateway.ws_url))
        (self.id,) = ids


def test_our_poster_posts_and_learns_who_is_gone(stand_in: StandIn) -> None:
    posting = {"Poster": [allow("Post", MANAGE, SOCKETS % "POST"), allow("Close", MANAGE, SOCKETS % "DELETE")]}
    with contextlib.ExitStack() as stack:
        sockets = Sockets(stack)
        guard = stack.enter_context(new_guard(posting, stand_in.url, sockets.gateway.management_url))
        poster = poster_of(guard, "Poster")
        text = "grüß 👋" * 5000
        gone = poster.post_all({sockets.id: [text.encode()], "AAAAAAAAAAAAAAA=": [b"x"]}, soon())
        assert gone == ["AAAAAAAAAAAAAAA="]
        assert sockets.socket.recv(timeout=PATIENCE) == text
        poster.close(sockets.id)
        with pytest.raises(Exception, match="1000"):
            sockets.socket.recv(timeout=PATIENCE)
        assert guard.denied() == []
        assert guard.unused() == []
        assert [each[1:] for each in guard.calls()] == [
            (MANAGE, SOCKETS % "DELETE", "Close", 1),
            (MANAGE, SOCKETS % "POST", "Post", 2),
        ]


def test_our_poster_posts_nothing_where_it_may_not(stand_in: StandIn) -> None:
    closing = {"Closer": [allow("Close", MANAGE, SOCKETS % "DELETE")]}
    with contextlib.ExitStack() as stack:
        sockets = Sockets(stack)
        guard = stack.enter_context(new_guard(closing, stand_in.url, sockets.gateway.management_url))
        assert poster_of(guard, "Closer").post_all({sockets.id: [b"x"]}, soon()) == []
        assert "management.posts" not in sockets.gateway.counters()
        assert guard.denied() == [("Closer", MANAGE, SOCKETS % "POST", 1)]


@pytest.mark.parametrize("connection_id", ["a", "a b", "a/b"])
def test_what_the_gateway_says_of_a_malformed_id_comes_back(stand_in: StandIn, connection_id: str) -> None:
    posting = {"Poster": [allow("Post", MANAGE, SOCKETS % "POST")]}
    with contextlib.ExitStack() as stack:
        sockets = Sockets(stack)
        guard = stack.enter_context(new_guard(posting, stand_in.url, sockets.gateway.management_url))
        client = stack.enter_context(client_of("apigatewaymanagementapi", guard.management_url, "Poster"))
        with pytest.raises(ClientError) as refused:
            client.post_to_connection(ConnectionId=connection_id, Data=b"x")
        assert refused.value.response["Error"]["Code"] == "BadRequestException"


def soon() -> float:
    return time.monotonic() + PATIENCE
