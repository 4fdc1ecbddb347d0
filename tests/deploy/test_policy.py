"""The policy that the deployer needs, against our own calls; `test_ministack.py` holds it against resources."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "infra" / "deployer-policy.json"
MOST = 6_144
"""Characters of a managed policy, without white space (IAM user guide, "IAM and AWS STS quotas")."""
# What creating, changing and deleting a resource of a type takes at the very least.
NEEDS = {
    "AWS::ApiGateway::Account": {"apigateway:PATCH", "apigateway:GET", "iam:PassRole"},
    "AWS::ApiGateway::Deployment": {"apigateway:POST", "apigateway:DELETE"},
    "AWS::ApiGateway::RestApi": {"apigateway:POST", "apigateway:PUT", "apigateway:PATCH", "apigateway:DELETE"},
    "AWS::ApiGateway::Stage": {"apigateway:POST", "apigateway:PATCH", "logs:CreateLogDelivery"},
    "AWS::ApiGatewayV2::Api": {"apigateway:POST", "apigateway:PATCH", "apigateway:DELETE"},
    "AWS::ApiGatewayV2::Integration": {"apigateway:POST", "apigateway:PATCH", "apigateway:DELETE"},
    "AWS::ApiGatewayV2::Route": {"apigateway:POST", "apigateway:PATCH", "apigateway:DELETE"},
    "AWS::ApiGatewayV2::Stage": {"apigateway:POST", "apigateway:PATCH", "logs:CreateLogDelivery"},
    "AWS::CloudWatch::Alarm": {"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"},
    "AWS::CloudWatch::Dashboard": {"cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"},
    "AWS::DynamoDB::Table": {
        "dynamodb:CreateTable",
        "dynamodb:UpdateTable",
        "dynamodb:DeleteTable",
        "dynamodb:DescribeTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
    },
    "AWS::Events::Rule": {"events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule"},
    "AWS::IAM::Role": {"iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DeleteRole"},
    "AWS::Lambda::EventSourceMapping": {
        "lambda:CreateEventSourceMapping",
        "lambda:GetEventSourceMapping",
        "lambda:UpdateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
    },
    "AWS::Lambda::EventInvokeConfig": {
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:DeleteFunctionEventInvokeConfig",
    },
    "AWS::Lambda::Function": {
        "lambda:CreateFunction",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "lambda:PutFunctionConcurrency",
        "lambda:DeleteFunction",
        "iam:PassRole",
        "s3:GetObject",
    },
    "AWS::Lambda::Permission": {"lambda:AddPermission", "lambda:RemovePermission"},
    "AWS::Logs::LogGroup": {"logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"},
    "AWS::SQS::Queue": {
        "sqs:CreateQueue",
        "sqs:SetQueueAttributes",
        "sqs:GetQueueAttributes",
        "sqs:DeleteQueue",
    },
    "AWS::SNS::Topic": {"sns:CreateTopic", "sns:Subscribe", "sns:DeleteTopic"},
}
# Client and method, where IAM's name of the action is not the method's.
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
}
CLIENTS = {"_client": "cloudformation", "_s3": "s3", "_ssm": "ssm", "sts": "sts"}


def statements() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(POLICY.read_text())["Statement"]
    return found


def allowed() -> set[str]:
    return {action for each in statements() for action in each["Action"]}


def our_calls() -> set[str]:
    """Every call of a client in `infra/deploy`, as the action that IAM knows it by."""
    found = set()
    for file in (ROOT / "infra" / "deploy").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                found |= _names(node)
    named = {f"{service}:{''.join(part.title() for part in method.split('_'))}" for service, method in found}
    return {ACTIONS.get(each, each) for each in named}


def _names(call: ast.Call) -> set[tuple[str, str]]:
    function, texts = call.func, [each.value for each in call.args if isinstance(each, ast.Constant)]
    if not isinstance(function, ast.Attribute):
        return set()
    if function.attr == "_is_there":
        return {("s3", str(texts[0]))}
    owner = function.value.attr if isinstance(function.value, ast.Attribute) else getattr(function.value, "id", "")
    if owner not in CLIENTS:
        return set()
    method = str(texts[0]) if function.attr == "get_paginator" else function.attr
    return {(CLIENTS[owner], method)}


def test_what_the_deployment_calls_is_found_and_allowed() -> None:
    calls = our_calls()
    assert {"cloudformation:ExecuteChangeSet", "s3:PutObject", "s3:GetObject", "ssm:PutParameter"} <= calls
    assert {"sts:GetCallerIdentity", "s3:ListBucket", "cloudformation:ListStackResources"} <= calls
    assert calls <= allowed(), calls - allowed()


def test_nothing_of_cloudformation_s3_and_ssm_is_allowed_that_is_never_called() -> None:
    ours = {each for each in allowed() if each.partition(":")[0] in {"cloudformation", "s3", "ssm", "sts"}}
    # Tags come with PutParameter.
    assert ours - our_calls() == {"ssm:AddTagsToResource"}


def test_names_that_cloudformation_gives_are_those_that_the_policy_knows() -> None:
    for each in statements():
        resources = each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]]
        for resource in resources:
            if each["Sid"] == "SeeHowMessagesAreBrought":
                continue  # only reads, what has an id that Lambda chooses
            if re.match(r"arn:aws:(lambda|dynamodb|sns|sqs|events|cloudformation|iam):.*ACCOUNT", resource):
                assert re.search(r"[:/]chat-\*", resource), resource


@pytest.mark.parametrize("each", statements(), ids=lambda each: each["Sid"])
def test_no_statement_allows_all_actions_or_passes_roles_to_anybody(each: dict[str, Any]) -> None:
    assert not any("*" in action for action in each["Action"])
    if "iam:PassRole" in each["Action"]:
        assert each["Action"] == ["iam:PassRole"] and "Condition" in each
    if each["Resource"] == "*":
        limited = str(each.get("Condition", "")).endswith(":ACCOUNT:function:chat-*'}}")
        assert limited or each["Sid"] in {"SayWhoWeAre", "DeliverAccessLogs"}, "neither knows resources"


def test_it_fits_into_one_managed_policy() -> None:
    assert len(json.dumps(json.loads(POLICY.read_text()), separators=(",", ":"))) <= MOST
