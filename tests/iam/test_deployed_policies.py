"""The deployed policies, enforced: each function is allowed exactly what its policy grants."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.ephemeral import DynamoTickets
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.realtime.tickets import Tickets
from chalicelib.identity.model import Identity
from infra.template.names import FUNCTIONS
from local.iam import Guard
from tests.iam.support import (
    KEY,
    QUEUE,
    SOCKETS,
    FakeServer,
    Json,
    allow,
    client_of,
    new_guard,
    poster_of,
    queue,
    table,
)
from tests.support.engine import Engine
from tests.support.runtime import new_runtime

TABLES = {"ConversationsTable": "conversations", "ConnectionsTable": "connections"}
MANAGE = "execute-api:ManageConnections"
WORK = {"QueueUrl": queue("work")}
ON_THE_QUEUE: dict[str, tuple[str, Json]] = {
    "sqs:SendMessage": ("send_message", {**WORK, "MessageBody": "erasure:1"}),
    "sqs:ReceiveMessage": ("receive_message", WORK),
    "sqs:DeleteMessage": ("delete_message", {**WORK, "ReceiptHandle": "r"}),
    "sqs:GetQueueAttributes": ("get_queue_attributes", WORK),
    "sqs:ChangeMessageVisibility": (
        "change_message_visibility",
        {**WORK, "ReceiptHandle": "r", "VisibilityTimeout": 0},
    ),
}
ALL = sorted(function.logical_id for function in FUNCTIONS)


def calls_on(name: str) -> dict[str, tuple[str, Json]]:
    """Return one call per action on a table."""
    on_item = {"TableName": name, "Key": KEY}
    query = {"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}}
    check = {"ConditionCheck": {**on_item, "ConditionExpression": "attribute_exists(pk)"}}
    return {
        "dynamodb:GetItem": ("get_item", on_item),
        "dynamodb:BatchGetItem": ("batch_get_item", {"RequestItems": {name: {"Keys": [KEY]}}}),
        "dynamodb:Query": ("query", {"TableName": name, **query}),
        "dynamodb:Scan": ("scan", {"TableName": name}),
        "dynamodb:PutItem": ("put_item", {"TableName": name, "Item": KEY}),
        "dynamodb:UpdateItem": ("update_item", on_item),
        "dynamodb:DeleteItem": ("delete_item", on_item),
        "dynamodb:BatchWriteItem": (
            "batch_write_item",
            {"RequestItems": {name: [{"DeleteRequest": {"Key": KEY}}]}},
        ),
        "dynamodb:ConditionCheckItem": ("transact_write_items", {"TransactItems": [check]}),
        "dynamodb:DescribeTable": ("describe_table", {"TableName": name}),
    }


def try_everything(guard: Guard, function: str) -> None:
    """Try every action on both tables, on the queue and on a connection, as this function."""
    with (
        client_of("dynamodb", guard.store_url, function) as store,
        client_of("sqs", guard.queues_url, function) as queues,
        client_of("apigatewaymanagementapi", guard.management_url, function) as sockets,
    ):
        for operation, parameters in ON_THE_QUEUE.values():
            with contextlib.suppress(ClientError):
                getattr(queues, operation)(**parameters)
        for name in TABLES.values():
            for operation, parameters in calls_on(name).values():
                with contextlib.suppress(ClientError):
                    getattr(store, operation)(**parameters)
        with contextlib.suppress(ClientError):
            sockets.get_connection(ConnectionId="abc=")
    poster = poster_of(guard, function)
    poster.post_all({"abc=": [b"x"]}, time.monotonic() + 10)
    poster.close("abc=")


def permissions_in(statements: list[Json]) -> set[tuple[str, str]]:
    """Return the (action, resource) pairs of statements of the template, for the three services only."""
    resources = {
        **{str({"Fn::GetAtt": [logical_id, "Arn"]}): table(name) for logical_id, name in TABLES.items()},
        str({"Fn::GetAtt": ["JobQueue", "Arn"]}): QUEUE,
        **{f"/{method}/": SOCKETS % method for method in ("POST", "DELETE")},
    }
    permissions = set()
    for statement, (mark, arn) in itertools.product(statements, resources.items()):
        if mark in str(statement["Resource"]):
            permissions |= {(action, arn) for action in statement["Action"]}
    return permissions


@pytest.mark.parametrize("function", ALL)
def test_function_is_allowed_exactly_what_its_policy_grants(
    function: str,
    resolved_policies: dict[str, list[Json]],
    deployed_policies: dict[str, list[Json]],
    fake_server: FakeServer,
) -> None:
    allowed = permissions_in(deployed_policies[function])
    everything = {(action, table(name)) for name in TABLES.values() for action in calls_on(name)}
    everything |= {(action, QUEUE) for action in ON_THE_QUEUE}
    everything |= {(MANAGE, SOCKETS % method) for method in ("POST", "GET", "DELETE")}
    assert allowed <= everything, "an action that this test does not try"
    with new_guard(resolved_policies, fake_server.url, f"{fake_server.url}/dev") as guard:
        try_everything(guard, function)
        assert {(call.action, call.resource) for call in guard.calls()} == allowed
        assert {(denial.action, denial.resource) for denial in guard.denied()} == everything - allowed
        assert {call.function for call in guard.calls()} <= {function}
        assert {denial.function for denial in guard.denied()} == {function}
        assert len(fake_server.received) == len(allowed)
        unused = {(permission.function, permission.action, permission.resource) for permission in guard.unused()}
        others = (name for name in ALL if name != function)
        assert unused == {(name, *pair) for name in others for pair in permissions_in(deployed_policies[name])}


def test_unused_permissions_are_listed_per_function(
    resolved_policies: dict[str, list[Json]], deployed_policies: dict[str, list[Json]], fake_server: FakeServer
) -> None:
    with new_guard(resolved_policies, fake_server.url, f"{fake_server.url}/dev") as guard:
        record = guard.record()
    for function in ALL:
        unused = {
            (permission["action"], permission["resource"])
            for permission in record["unused"]
            if permission["function"] == function
        }
        assert unused == permissions_in(deployed_policies[function])
    assert {permission["action"] for permission in record["unwatched"]} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "ssm:GetParameter",
    }
    assert record["calls"] == record["denied"] == []


def without(policies: dict[str, list[Json]], function: str, action: str) -> dict[str, list[Json]]:
    """Return the policies with one action removed."""
    return {
        name: [
            statement
            if name != function
            else {**statement, "Action": [kept for kept in statement["Action"] if kept != action]}
            for statement in statements
        ]
        for name, statements in policies.items()
    }


@pytest.fixture
def named(resolved_policies: dict[str, list[Json]], tables: dict[str, str]) -> dict[str, list[Json]]:
    """The deployed policies of two functions, for the engine's tables."""
    renamed = {table(short): table(tables[logical_id]) for logical_id, short in TABLES.items()}
    return {
        function: [
            {**statement, "Resource": renamed.get(statement["Resource"], statement["Resource"])}
            for statement in statements
        ]
        for function, statements in resolved_policies.items()
        if function in ("APIHandler", "WebsocketConnect")
    }


@contextlib.contextmanager
def tickets_of(guard: Guard, function: str, tables: dict[str, str]) -> Iterator[Tickets]:
    """Yield the product's ticket service, as this function runs it."""
    runtime = new_runtime()
    with client_of("dynamodb", guard.store_url, function) as client:
        tickets = DynamoTickets(Dynamo(client, runtime.clock), tables["ConnectionsTable"])
        yield Tickets(tickets=tickets, runtime=runtime)


def use_a_ticket(guard: Guard, tables: dict[str, str]) -> Identity:
    """Issue a ticket as the API, and redeem it as $connect."""
    with tickets_of(guard, "APIHandler", tables) as api, tickets_of(guard, "WebsocketConnect", tables) as socket:
        return socket.redeem(str(api.issue(Identity("ann", "Ann", int(time.time()) + 60))["ticket"]))


def test_product_code_runs_with_its_own_policies(
    named: dict[str, list[Json]], tables: dict[str, str], store_engine: Engine, fake_server: FakeServer
) -> None:
    with new_guard(named, store_engine.url, f"{fake_server.url}/dev") as guard:
        assert use_a_ticket(guard, tables).participant_id == "ann"
        assert guard.denied() == []
        connections = table(tables["ConnectionsTable"])
        assert guard.calls() == [
            ("APIHandler", "dynamodb:PutItem", connections, "UseConnectionsAndTickets", 2),  # with its index item
            ("WebsocketConnect", "dynamodb:DeleteItem", connections, "OpenConnectionsAndRedeemTickets", 1),
        ]


@pytest.mark.parametrize(
    ("function", "action"),
    [("APIHandler", "dynamodb:PutItem"), ("WebsocketConnect", "dynamodb:DeleteItem")],
)
def test_missing_action_is_denied(
    named: dict[str, list[Json]],
    tables: dict[str, str],
    store_engine: Engine,
    fake_server: FakeServer,
    function: str,
    action: str,
) -> None:
    with new_guard(without(named, function, action), store_engine.url, f"{fake_server.url}/dev") as guard:
        with pytest.raises(Unavailable) as failed:
            use_a_ticket(guard, tables)
        assert f"{function} is not authorized to perform: {action} on" in str(failed.value.__cause__)
        assert guard.denied() == [(function, action, table(tables["ConnectionsTable"]), 1)]


def test_superfluous_action_is_listed_as_unused(
    named: dict[str, list[Json]], tables: dict[str, str], store_engine: Engine, fake_server: FakeServer
) -> None:
    connections = table(tables["ConnectionsTable"])
    superfluous = allow("Look", "dynamodb:Scan", connections)
    doubled = allow("Again", "dynamodb:DeleteItem", [connections, table(tables["ConversationsTable"])])
    named["WebsocketConnect"] = [*named["WebsocketConnect"], superfluous, doubled]
    with new_guard(named, store_engine.url, f"{fake_server.url}/dev") as guard:
        use_a_ticket(guard, tables)
        unused = [permission for permission in guard.unused() if permission.function == "WebsocketConnect"]
        own = [permission.action for permission in unused if permission.sid == "OpenConnectionsAndRedeemTickets"]
        assert "dynamodb:PutItem" in own
        assert "dynamodb:DeleteItem" not in own
        assert [permission for permission in unused if permission.sid in ("Look", "Again")] == [
            ("WebsocketConnect", "Look", "dynamodb:Scan", connections),
            ("WebsocketConnect", "Again", "dynamodb:DeleteItem", connections),
            ("WebsocketConnect", "Again", "dynamodb:DeleteItem", table(tables["ConversationsTable"])),
        ]
