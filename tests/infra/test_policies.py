"""One role for each function, and in it nothing that is not meant. Whether the code needs it is not seen here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.stage import Stage
from infra.template.names import FUNCTIONS
from infra.template.secret import SID
from tests.infra.checkouts import ROOT

Json = dict[str, Any]
TABLES = [["ConversationsTable", "Arn"], ["ConnectionsTable", "Arn"], ["JobQueue", "Arn"]]
"""And the queue."""
SOCKETS = (
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
    "${WebsocketAPI}/${ApiStage}/%s/@connections/*"
)
DOCUMENTATION = (ROOT / "docs" / "packaging.md").read_text()


def statements(resources: Json, role: str) -> list[Json]:
    properties = resources[role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    (policy,) = properties["Policies"]
    found: list[Json] = policy["PolicyDocument"]["Statement"]
    return found


def test_every_function_has_a_role_of_its_own(resources: Json) -> None:
    roles = {
        name: each["Properties"]["Role"]["Fn::GetAtt"][0]
        for name, each in resources.items()
        if each["Type"] == "AWS::Serverless::Function"
    }
    assert roles == {each.logical_id: each.role for each in FUNCTIONS}
    assert len(set(roles.values())) == len(FUNCTIONS)


def test_there_are_no_other_roles_and_no_other_policies(resources: Json) -> None:
    roles = {name for name, each in resources.items() if each["Type"] == "AWS::IAM::Role"}
    assert roles == {each.role for each in FUNCTIONS} | {"GatewayLogRole"}
    kinds = {each["Type"] for each in resources.values() if each["Type"].startswith("AWS::IAM::")}
    assert kinds == {"AWS::IAM::Role"}


def test_only_lambda_takes_on_these_roles(resources: Json) -> None:
    for function in FUNCTIONS:
        (trust,) = resources[function.role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Principal"], trust["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_a_statement_names_what_it_allows_on_what(function: Any, resources: Json, stage: Stage) -> None:
    secret = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + (
        stage.secret_parameter or "/none"
    )
    allowed = [
        *({"Fn::GetAtt": table} for table in TABLES),
        {"Fn::GetAtt": [function.log_group, "Arn"]},
        {"Fn::Sub": SOCKETS % "POST"},
        {"Fn::Sub": SOCKETS % "DELETE"},
        {"Fn::Sub": secret},
    ]
    for each in statements(resources, function.role):
        assert each.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert each["Effect"] == "Allow"
        assert each["Resource"] in allowed
        for action in each["Action"]:
            assert re.fullmatch(r"[a-z-]+:[A-Za-z]+", action)


def test_the_only_wildcard_stands_for_the_ids_of_sockets(resources: Json) -> None:
    policies = json.dumps([statements(resources, each.role) for each in FUNCTIONS])
    # A log group's ARN ends with one as well, when CloudFormation fills it in: it stands for the group's streams.
    assert set(re.findall(r'[^"]*\*[^"]*', policies)) == {SOCKETS % "POST", SOCKETS % "DELETE"}


def test_each_function_writes_its_own_log_and_no_other(resources: Json) -> None:
    for function in FUNCTIONS:
        (found,) = (each for each in statements(resources, function.role) if each["Sid"] == "WriteOwnLog")
        assert found["Resource"] == {"Fn::GetAtt": [function.log_group, "Arn"]}
        assert found["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_who_reaches_which_table_and_which_socket(resources: Json) -> None:
    reached = {
        function.name: {
            each["Sid"] for each in statements(resources, function.role) if each["Sid"] not in ("WriteOwnLog", SID)
        }
        for function in FUNCTIONS
    }
    posting = {"PostToSockets", "CloseSockets"}
    assert reached == {
        "api": {"UseConversations", "FindSocketsAndGiveTickets", "SendWork", *posting},
        "auth": set(),
        "connect": {"OpenSocketsAndTakeTickets"},
        "message": {"UseConversations", "UseConnections", "HaveItToldLater", *posting},
        "disconnect": {"SayWhoWent", "ForgetSockets", "HaveItToldLater", *posting},
        "sweep": {"ClearAwayAndExpire", "TellOfIt", "SendLostWork", *posting},
        "worker": {"EraseAndExpire", "HangUpAndTell", "TakeWork", "SendOn", *posting},
    }


def test_nobody_may_scan_or_touch_a_table_itself(resources: Json) -> None:
    for function in FUNCTIONS:
        actions = {action for each in statements(resources, function.role) for action in each["Action"]}
        assert not actions & {"dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:UpdateTable", "iam:PassRole"}


def test_the_secret_is_read_by_those_who_verify_and_only_where_there_is_one(dev: Json, prod: Json) -> None:
    def readers(template: Json) -> set[str]:
        resources = template["Resources"]
        return {
            function.name
            for function in FUNCTIONS
            for each in statements(resources, function.role)
            if "ssm:GetParameter" in each["Action"]
        }

    assert readers(dev) == {"auth", "connect", "message"}
    assert readers(prod) == set()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_every_statement_is_explained(function: Any, dev: Json) -> None:
    for each in statements(dev["Resources"], function.role):
        row = re.search(rf"^\|.*`{function.name}`.*\| *`{each['Sid']}` *\|(.+)\|$", DOCUMENTATION, re.MULTILINE)
        assert row, f"docs/packaging.md does not explain {each['Sid']} of {function.name}"
        assert len(row[1].split()) >= 5
