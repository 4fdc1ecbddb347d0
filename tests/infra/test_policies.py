"""One role per function, with only the intended permissions. Other tests check which ones the code needs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.hook import hook_of
from infra.stage import Stage
from infra.template.hook import SID
from infra.template.names import ALL_FUNCTIONS, FUNCTIONS, functions_of
from infra.template.secret import SIDS
from tests.infra.checkouts import ROOT

Json = dict[str, Any]
TABLES = [["ConversationsTable", "Arn"], ["ConnectionsTable", "Arn"], ["JobQueue", "Arn"]]
"""And the job queue."""
SOCKETS = (
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
    "${WebsocketAPI}/${ApiStage}/%s/@connections/*"
)
HOOKS = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
OF_EVENTS: list[Any] = [
    {"Fn::GetAtt": ["ConversationsTable", "StreamArn"]},
    {"Fn::GetAtt": ["DeliveryQueue", "Arn"]},
    {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/chat-events"},
    {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/chat-audit"},
    {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/chat/every/webhook-secret"},
]
"""The stream, the queue and the buses of a stage with events."""
DOCUMENTATION = (ROOT / "docs" / "packaging.md").read_text()


def statements(resources: Json, role: str) -> list[Json]:
    properties = resources[role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    (policy,) = properties["Policies"]
    found: list[Json] = policy["PolicyDocument"]["Statement"]
    return found


def resources_of(statement: Json) -> list[Any]:
    resource = statement["Resource"]
    return resource if isinstance(resource, list) else [resource]


def test_every_function_has_its_own_role(resources: Json, stage: Stage) -> None:
    roles = {
        name: resource["Properties"]["Role"]["Fn::GetAtt"][0]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert roles == {function.logical_id: function.role for function in functions_of(stage)}
    assert len(set(roles.values())) == len(functions_of(stage))


def test_no_other_roles_and_policies_exist(resources: Json, stage: Stage) -> None:
    roles = {name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"}
    assert roles == {function.role for function in functions_of(stage)} | {"GatewayLogRole"}
    kinds = {resource["Type"] for resource in resources.values() if resource["Type"].startswith("AWS::IAM::")}
    assert kinds == {"AWS::IAM::Role"}


def test_only_lambda_can_assume_the_roles(resources: Json, stage: Stage) -> None:
    for function in functions_of(stage):
        (trust,) = resources[function.role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Principal"], trust["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")


@pytest.mark.parametrize("function", ALL_FUNCTIONS, ids=lambda item: item.name)
def test_statement_lists_allowed_actions_and_resources(function: Any, resources: Json, stage: Stage) -> None:
    if function not in functions_of(stage):
        return
    parameter = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    hook = hook_of(stage.environment)
    allowed = [
        *({"Fn::GetAtt": table} for table in TABLES),
        {"Fn::GetAtt": [function.log_group, "Arn"]},
        {"Fn::Sub": SOCKETS % "POST"},
        {"Fn::Sub": SOCKETS % "DELETE"},
        *({"Fn::Sub": f"{parameter}{name}"} for name in stage.secret_parameters.values()),
        *([] if hook is None else [{"Fn::Sub": f"{HOOKS}{hook}"}]),
        *(OF_EVENTS if stage.infra.events else ()),
    ]
    for statement in statements(resources, function.role):
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert all(resource in allowed for resource in resources_of(statement))
        for action in statement["Action"]:
            assert re.fullmatch(r"[a-z-]+:[A-Za-z]+", action)


def test_only_wildcard_is_for_connection_ids(resources: Json, stage: Stage) -> None:
    policies = json.dumps([statements(resources, function.role) for function in functions_of(stage)])
    # A log group's ARN ends with another one after CloudFormation's substitution, for the group's streams.
    assert set(re.findall(r'[^"]*\*[^"]*', policies)) == {SOCKETS % "POST", SOCKETS % "DELETE"}


def test_function_writes_only_its_own_log(resources: Json, stage: Stage) -> None:
    for function in functions_of(stage):
        (found,) = (
            statement for statement in statements(resources, function.role) if statement["Sid"] == "WriteOwnLog"
        )
        assert found["Resource"] == {"Fn::GetAtt": [function.log_group, "Arn"]}
        assert found["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_functions_that_verify_tokens_read_the_secrets_of_both_issuers(every: Json) -> None:
    for function in FUNCTIONS:
        found = statements(every["Resources"], function.role)
        readable = [item["Resource"]["Fn::Sub"] for item in found if item["Sid"] in SIDS]
        names = [
            text.removeprefix("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter")
            for text in readable
        ]
        assert names == (["/chat/every/jwt-secret", "/chat/every/next-secret"] if function.verifies_tokens else [])


def test_functions_have_exactly_the_expected_statements(resources: Json, stage: Stage) -> None:
    found = {
        function.name: {
            statement["Sid"]: statement["Resource"].get("Fn::GetAtt", ["WebsocketAPI"])[0]
            for statement in statements(resources, function.role)
            if statement["Sid"] not in ("WriteOwnLog", SID, "PutEvents", "ReadEndpointSecrets", *SIDS)
        }
        for function in functions_of(stage)
    }
    conversations, connections = "ConversationsTable", "ConnectionsTable"
    enqueuing = {"EnqueueJobs": "JobQueue"}
    posting = {"PostToConnections": "WebsocketAPI", "CloseConnections": "WebsocketAPI"}
    delivering = {"EnqueueDeliveries": "DeliveryQueue"} if stage.infra.events else {}
    of_events = {
        "publish": {"WakeCursors": conversations, "ReadStream": conversations, **delivering},
        "deliver": {
            "PublishEvents": conversations,
            "ReadPresence": connections,
            "ConsumeDeliveries": "DeliveryQueue",
            **delivering,
        },
    }
    assert found == (of_events if stage.infra.events else {}) | {
        "api": {
            "UseConversations": conversations,
            "UseConnectionsAndTickets": connections,
            **enqueuing,
            **posting,
            **delivering,
        },
        "auth": {"ReadRevocations": connections},
        "connect": {"OpenConnectionsAndRedeemTickets": connections, **posting},
        "message": {"UseConversations": conversations, "UseConnections": connections, **enqueuing, **posting},
        "disconnect": {"ReadHeads": conversations, "DeleteConnections": connections, **enqueuing, **posting},
        "sweep": {"PurgeAndExpire": conversations, "FanOut": connections, **enqueuing, **posting, **delivering},
        "worker": {
            "EraseAndExpire": conversations,
            "DisconnectAndFanOut": connections,
            "ConsumeJobs": "JobQueue",
            **enqueuing,
            **posting,
        },
    }


READS = frozenset({"dynamodb:GetItem", "dynamodb:Query"})
REWRITES = frozenset({"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"})
USES = READS | REWRITES | {"dynamodb:BatchGetItem", "dynamodb:PutItem"}
CHECK = "dynamodb:ConditionCheckItem"
ACTIONS = {
    "api": {"ConversationsTable": USES | {CHECK}, "ConnectionsTable": USES},
    "auth": {"ConnectionsTable": {"dynamodb:GetItem"}},
    "connect": {"ConnectionsTable": READS | REWRITES | {"dynamodb:PutItem"}},
    "message": {"ConversationsTable": USES | {CHECK}, "ConnectionsTable": USES | {CHECK}},
    "disconnect": {"ConversationsTable": {"dynamodb:GetItem"}, "ConnectionsTable": READS | REWRITES},
    "sweep": {
        "ConversationsTable": USES,
        "ConnectionsTable": READS | REWRITES,
    },
    "worker": {
        "ConversationsTable": USES | {CHECK},
        "ConnectionsTable": READS | REWRITES,
    },
    "publish": {"ConversationsTable": {"dynamodb:Query", "dynamodb:UpdateItem"}},
    "deliver": {
        "ConversationsTable": USES - {"dynamodb:BatchWriteItem"},
        "ConnectionsTable": {"dynamodb:BatchGetItem", "dynamodb:Query"},
    },
}
"""The actions on each table. The end-to-end tests on the bundle find missing and unused ones, but take minutes."""


@pytest.mark.parametrize("name", ACTIONS)
def test_functions_have_exactly_the_expected_actions(name: str) -> None:
    document = json.loads((ROOT / ".chalice" / f"policy-{name}.json").read_text())
    found: dict[str, set[str]] = {}
    for statement in document["Statement"]:
        table, attribute = statement["Resource"].get("Fn::GetAtt", ["", ""])
        if table.endswith("Table") and attribute == "Arn":
            assert table not in found, "two statements for one table"
            found[table] = set(statement["Action"])
    assert found == ACTIONS[name]


def test_worker_may_do_what_the_event_source_mapping_requires(resources: Json) -> None:
    """Source: "Using Lambda with Amazon SQS" (Lambda Developer Guide), "Setting up the execution role"."""
    (consuming,) = (item for item in statements(resources, "WorkerRole") if item["Sid"] == "ConsumeJobs")
    assert set(consuming["Action"]) == {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
    }


def test_functions_of_events_may_do_what_their_mappings_require(every: Json) -> None:
    """Sources: "Using Lambda with Amazon SQS", "Process DynamoDB records" (Lambda Developer Guide)."""
    granted = {
        item["Sid"]: set(item["Action"])
        for role in ("PublishRole", "DeliverRole")
        for item in statements(every["Resources"], role)
    }
    assert granted["ConsumeDeliveries"] == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    reading = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}
    assert granted["ReadStream"] == {f"dynamodb:{name}" for name in reading}


def test_no_function_can_scan_or_manage_tables(resources: Json, stage: Stage) -> None:
    for function in functions_of(stage):
        actions = {action for statement in statements(resources, function.role) for action in statement["Action"]}
        assert not actions & {"dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:UpdateTable", "iam:PassRole"}


def test_only_verifying_functions_read_the_secret_if_the_stage_has_one(dev: Json, prod: Json) -> None:
    def readers(template: Json) -> set[str]:
        resources = template["Resources"]
        return {
            function.name
            for function in FUNCTIONS
            for statement in statements(resources, function.role)
            if "ssm:GetParameter" in statement["Action"]
        }

    assert readers(dev) == {"auth", "connect", "message"}
    assert readers(prod) == set()


def test_only_functions_in_which_participants_act_ask_the_hook_if_the_stage_has_one(
    dev: Json, every: Json
) -> None:
    def resources_of(template: Json) -> dict[str, list[Any]]:
        found = {
            function.name: [
                statement["Resource"]
                for statement in statements(template["Resources"], function.role)
                if "lambda:InvokeFunction" in statement["Action"]
            ]
            for function in FUNCTIONS
        }
        return {name: asked for name, asked in found.items() if asked}

    function = f"{HOOKS}chat-hook:live"
    assert resources_of(dev) == {}
    assert resources_of(every) == {name: [{"Fn::Sub": function}] for name in ("api", "message")}


@pytest.mark.parametrize("function", ALL_FUNCTIONS, ids=lambda item: item.name)
def test_every_statement_is_documented(function: Any, every: Json) -> None:
    for statement in statements(every["Resources"], function.role):
        if statement["Sid"] == SIDS[1]:
            continue  # as the first
        row = re.search(
            rf"^\|.*`{function.name}`.*\| *`{statement['Sid']}` *\|(.+)\|$", DOCUMENTATION, re.MULTILINE
        )
        assert row, f"docs/packaging.md does not document {statement['Sid']} of {function.name}"
        assert len(row[1].split()) >= 5
