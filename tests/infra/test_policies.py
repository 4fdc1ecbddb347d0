"""One role per function, with only the intended permissions. Other tests check which ones the code needs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.hook import hook_of
from infra.stage import Stage
from infra.template.hook import SID
from infra.template.names import FUNCTIONS
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
DOCUMENTATION = (ROOT / "docs" / "packaging.md").read_text()


def statements(resources: Json, role: str) -> list[Json]:
    properties = resources[role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    (policy,) = properties["Policies"]
    found: list[Json] = policy["PolicyDocument"]["Statement"]
    return found


def test_every_function_has_its_own_role(resources: Json) -> None:
    roles = {
        name: resource["Properties"]["Role"]["Fn::GetAtt"][0]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert roles == {function.logical_id: function.role for function in FUNCTIONS}
    assert len(set(roles.values())) == len(FUNCTIONS)


def test_no_other_roles_and_policies_exist(resources: Json) -> None:
    roles = {name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"}
    assert roles == {function.role for function in FUNCTIONS} | {"GatewayLogRole"}
    kinds = {resource["Type"] for resource in resources.values() if resource["Type"].startswith("AWS::IAM::")}
    assert kinds == {"AWS::IAM::Role"}


def test_only_lambda_can_assume_the_roles(resources: Json) -> None:
    for function in FUNCTIONS:
        (trust,) = resources[function.role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Principal"], trust["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda item: item.name)
def test_statement_lists_allowed_actions_and_resources(function: Any, resources: Json, stage: Stage) -> None:
    parameter = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    hook = hook_of(stage.environment)
    allowed = [
        *({"Fn::GetAtt": table} for table in TABLES),
        {"Fn::GetAtt": [function.log_group, "Arn"]},
        {"Fn::Sub": SOCKETS % "POST"},
        {"Fn::Sub": SOCKETS % "DELETE"},
        *({"Fn::Sub": f"{parameter}{name}"} for name in stage.secret_parameters.values()),
        *([] if hook is None else [{"Fn::Sub": f"{HOOKS}{hook}"}]),
    ]
    for statement in statements(resources, function.role):
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert statement["Resource"] in allowed
        for action in statement["Action"]:
            assert re.fullmatch(r"[a-z-]+:[A-Za-z]+", action)


def test_only_wildcard_is_for_connection_ids(resources: Json) -> None:
    policies = json.dumps([statements(resources, function.role) for function in FUNCTIONS])
    # A log group's ARN ends with another one after CloudFormation's substitution, for the group's streams.
    assert set(re.findall(r'[^"]*\*[^"]*', policies)) == {SOCKETS % "POST", SOCKETS % "DELETE"}


def test_function_writes_only_its_own_log(resources: Json) -> None:
    for function in FUNCTIONS:
        (found,) = (
            statement for statement in statements(resources, function.role) if statement["Sid"] == "WriteOwnLog"
        )
        assert found["Resource"] == {"Fn::GetAtt": [function.log_group, "Arn"]}
        assert found["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_functions_that_verify_tokens_read_the_secrets_of_both_issuers(every: Json) -> None:
    for function in FUNCTIONS:
        found = statements(every["Resources"], function.role)
        readable = [item["Resource"]["Fn::Sub"] for item in found if "ssm:GetParameter" in item["Action"]]
        names = [
            text.removeprefix("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter")
            for text in readable
        ]
        assert names == (["/chat/every/jwt-secret", "/chat/every/next-secret"] if function.verifies_tokens else [])


def test_functions_have_exactly_the_expected_statements(resources: Json) -> None:
    found = {
        function.name: {
            statement["Sid"]: statement["Resource"].get("Fn::GetAtt", ["WebsocketAPI"])[0]
            for statement in statements(resources, function.role)
            if statement["Sid"] not in ("WriteOwnLog", SID, *SIDS)
        }
        for function in FUNCTIONS
    }
    conversations, connections = "ConversationsTable", "ConnectionsTable"
    enqueuing = {"EnqueueJobs": "JobQueue"}
    posting = {"PostToConnections": "WebsocketAPI", "CloseConnections": "WebsocketAPI"}
    assert found == {
        "api": {
            "UseConversations": conversations,
            "UseConnectionsAndTickets": connections,
            **enqueuing,
            **posting,
        },
        "auth": {"ReadRevocations": connections},
        "connect": {"OpenConnectionsAndRedeemTickets": connections, **posting},
        "message": {"UseConversations": conversations, "UseConnections": connections, **enqueuing, **posting},
        "disconnect": {"ReadHeads": conversations, "DeleteConnections": connections, **enqueuing, **posting},
        "sweep": {"PurgeAndExpire": conversations, "FanOut": connections, **enqueuing, **posting},
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
}
"""The actions on each table. The end-to-end tests on the bundle find missing and unused ones, but take minutes."""


@pytest.mark.parametrize("name", ACTIONS)
def test_functions_have_exactly_the_expected_actions(name: str) -> None:
    document = json.loads((ROOT / ".chalice" / f"policy-{name}.json").read_text())
    found: dict[str, set[str]] = {}
    for statement in document["Statement"]:
        table = statement["Resource"].get("Fn::GetAtt", [""])[0]
        if table.endswith("Table"):
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


def test_no_function_can_scan_or_manage_tables(resources: Json) -> None:
    for function in FUNCTIONS:
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


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda item: item.name)
def test_every_statement_is_documented(function: Any, dev: Json, every: Json) -> None:
    found = [*statements(dev["Resources"], function.role), *statements(every["Resources"], function.role)]
    for statement in found:
        if statement["Sid"] in SIDS[1:]:
            continue
        row = re.search(
            rf"^\|.*`{function.name}`.*\| *`{statement['Sid']}` *\|(.+)\|$", DOCUMENTATION, re.MULTILINE
        )
        assert row, f"docs/packaging.md does not document {statement['Sid']} of {function.name}"
        assert len(row[1].split()) >= 5
