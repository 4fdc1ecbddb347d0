"""The policies that are deployed, enforced: each function may do what its policy says, and nothing else."""

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
    Json,
    StandIn,
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
ALL = sorted(each.logical_id for each in FUNCTIONS)


def calls_on(name: str) -> dict[str, tuple[str, Json]]:
    """One call for each action on a table."""
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
    """Every action on both tables, on the queue and on a socket, as this function."""
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


def said(statements: list[Json]) -> set[tuple[str, str]]:
    """What statements allow as they stand in the template: (action, resource), of the three services only."""
    resources = {
        **{str({"Fn::GetAtt": [logical_id, "Arn"]}): table(name) for logical_id, name in TABLES.items()},
        str({"Fn::GetAtt": ["JobQueue", "Arn"]}): QUEUE,
        **{f"/{method}/": SOCKETS % method for method in ("POST", "DELETE")},
    }
    found = set()
    for each, (mark, arn) in itertools.product(statements, resources.items()):
        if mark in str(each["Resource"]):
            found |= {(action, arn) for action in each["Action"]}
    return found


@pytest.mark.parametrize("function", ALL)
def test_a_function_may_do_what_its_policy_says_and_nothing_else(
    function: str,
    our_policies: dict[str, list[Json]],
    deployed_policies: dict[str, list[Json]],
    stand_in: StandIn,
) -> None:
    allowed = said(deployed_policies[function])
    everything = {(action, table(name)) for name in TABLES.values() for action in calls_on(name)}
    everything |= {(action, QUEUE) for action in ON_THE_QUEUE}
    everything |= {(MANAGE, SOCKETS % method) for method in ("POST", "GET", "DELETE")}
    assert allowed <= everything, "an action that this test does not try"
    with new_guard(our_policies, stand_in.url, f"{stand_in.url}/dev") as guard:
        try_everything(guard, function)
        assert {(each.action, each.resource) for each in guard.calls()} == allowed
        assert {(each.action, each.resource) for each in guard.denied()} == everything - allowed
        assert {each.function for each in guard.calls()} <= {function}
        assert {each.function for each in guard.denied()} == {function}
        assert len(stand_in.received) == len(allowed)
        unused = {(each.function, each.action, each.resource) for each in guard.unused()}
        others = (name for name in ALL if name != function)
        assert unused == {(name, *each) for name in others for each in said(deployed_policies[name])}


def test_what_is_never_used_is_told_of_every_function(
    our_policies: dict[str, list[Json]], deployed_policies: dict[str, list[Json]], stand_in: StandIn
) -> None:
    with new_guard(our_policies, stand_in.url, f"{stand_in.url}/dev") as guard:
        record = guard.record()
    for function in ALL:
        unused = {(each["action"], each["resource"]) for each in record["unused"] if each["function"] == function}
        assert unused == said(deployed_policies[function])
    assert {each["action"] for each in record["unwatched"]} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "ssm:GetParameter",
    }
    assert record["calls"] == record["denied"] == []


def without(policies: dict[str, list[Json]], function: str, action: str) -> dict[str, list[Json]]:
    """The policies with an action less."""
    return {
        name: [
            each if name != function else {**each, "Action": [one for one in each["Action"] if one != action]}
            for each in statements
        ]
        for name, statements in policies.items()
    }


@pytest.fixture
def named(our_policies: dict[str, list[Json]], tables: dict[str, str]) -> dict[str, list[Json]]:
    """The deployed policies of two functions, for the tables in the engine."""
    renamed = {table(short): table(tables[logical_id]) for logical_id, short in TABLES.items()}
    return {
        function: [{**each, "Resource": renamed.get(each["Resource"], each["Resource"])} for each in statements]
        for function, statements in our_policies.items()
        if function in ("APIHandler", "WebsocketConnect")
    }


@contextlib.contextmanager
def tickets_of(guard: Guard, function: str, tables: dict[str, str]) -> Iterator[Tickets]:
    """Our own code, as this function runs it."""
    runtime = new_runtime()
    with client_of("dynamodb", guard.store_url, function) as client:
        tickets = DynamoTickets(Dynamo(client, runtime.clock), tables["ConnectionsTable"])
        yield Tickets(tickets=tickets, runtime=runtime)


def use_a_ticket(guard: Guard, tables: dict[str, str]) -> Identity:
    """The API gives a ticket, a socket is opened with it."""
    with tickets_of(guard, "APIHandler", tables) as api, tickets_of(guard, "WebsocketConnect", tables) as socket:
        return socket.redeem(str(api.issue(Identity("ann", "Ann", int(time.time()) + 60))["ticket"]))


def test_our_code_runs_under_its_own_policies(
    named: dict[str, list[Json]], tables: dict[str, str], store_engine: Engine, stand_in: StandIn
) -> None:
    with new_guard(named, store_engine.url, f"{stand_in.url}/dev") as guard:
        assert use_a_ticket(guard, tables).participant_id == "ann"
        assert guard.denied() == []
        connections = table(tables["ConnectionsTable"])
        assert guard.calls() == [
            ("APIHandler", "dynamodb:PutItem", connections, "FindSocketsAndGiveTickets", 2),  # with its note
            ("WebsocketConnect", "dynamodb:DeleteItem", connections, "OpenSocketsAndTakeTickets", 1),
        ]


@pytest.mark.parametrize(
    ("function", "action"),
    [("APIHandler", "dynamodb:PutItem"), ("WebsocketConnect", "dynamodb:DeleteItem")],
)
def test_an_action_that_a_policy_lacks_is_caught(
    named: dict[str, list[Json]],
    tables: dict[str, str],
    store_engine: Engine,
    stand_in: StandIn,
    function: str,
    action: str,
) -> None:
    with new_guard(without(named, function, action), store_engine.url, f"{stand_in.url}/dev") as guard:
        with pytest.raises(Unavailable) as failed:
            use_a_ticket(guard, tables)
        assert f"{function} is not authorized to perform: {action} on" in str(failed.value.__cause__)
        assert guard.denied() == [(function, action, table(tables["ConnectionsTable"]), 1)]


def test_an_action_that_a_policy_has_too_much_is_told(
    named: dict[str, list[Json]], tables: dict[str, str], store_engine: Engine, stand_in: StandIn
) -> None:
    connections = table(tables["ConnectionsTable"])
    superfluous = allow("Look", "dynamodb:Scan", connections)
    doubled = allow("Again", "dynamodb:DeleteItem", [connections, table(tables["ConversationsTable"])])
    named["WebsocketConnect"] = [*named["WebsocketConnect"], superfluous, doubled]
    with new_guard(named, store_engine.url, f"{stand_in.url}/dev") as guard:
        use_a_ticket(guard, tables)
        assert [each for each in guard.unused() if each.function == "WebsocketConnect"] == [
            ("WebsocketConnect", "OpenSocketsAndTakeTickets", "dynamodb:PutItem", connections),
            ("WebsocketConnect", "Look", "dynamodb:Scan", connections),
            ("WebsocketConnect", "Again", "dynamodb:DeleteItem", connections),
            ("WebsocketConnect", "Again", "dynamodb:DeleteItem", table(tables["ConversationsTable"])),
        ]
