"""The deployer's policy against what CloudFormation does on the deployer's behalf, as AWS's own schemas say it.

CloudFormation's registry has a schema for every type of resource; its handlers name the actions that the caller
has to be allowed when a resource is created, read, updated and deleted. What our own code asks for is recorded and
held against the policy in `tests/deploy/test_commands_whole.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local.iam.access import Access
from tests.infra.judge import Verdict
from tests.support.deployer import ACCOUNT, FILE, allowed, is_allowed, statements

Json = dict[str, Any]
MOST = 6_144
"""Characters of a managed policy, without white space (IAM user guide, "IAM and AWS STS quotas")."""
REGION = "eu-west-1"
OURS = {"cloudformation", "s3", "ssm", "sts"}
"""Services that our own code asks."""
# The names that CloudFormation gives to what it makes for a stack.
RESOURCES = {
    "AWS::ApiGateway::Account": ["apigateway:{region}::/account"],
    "AWS::ApiGateway::Deployment": ["apigateway:{region}::/restapis/a1/deployments"],
    "AWS::ApiGateway::RestApi": ["apigateway:{region}::/restapis", "apigateway:{region}::/restapis/a1"],
    "AWS::ApiGateway::Stage": ["apigateway:{region}::/restapis/a1/stages/dev"],
    "AWS::ApiGatewayV2::Api": ["apigateway:{region}::/apis", "apigateway:{region}::/apis/a1"],
    "AWS::ApiGatewayV2::Integration": ["apigateway:{region}::/apis/a1/integrations"],
    "AWS::ApiGatewayV2::Route": ["apigateway:{region}::/apis/a1/routes"],
    "AWS::ApiGatewayV2::Stage": ["apigateway:{region}::/apis/a1/stages/dev"],
    "AWS::CloudWatch::Alarm": ["cloudwatch:{region}:{account}:alarm:{name}"],
    "AWS::CloudWatch::Dashboard": ["cloudwatch::{account}:dashboard/{name}"],
    "AWS::DynamoDB::Table": ["dynamodb:{region}:{account}:table/{name}"],
    "AWS::Events::Rule": ["events:{region}:{account}:rule/{name}"],
    "AWS::IAM::Role": ["iam::{account}:role/{name}"],
    "AWS::Lambda::EventInvokeConfig": ["lambda:{region}:{account}:function:{name}"],
    "AWS::Lambda::EventSourceMapping": ["lambda:{region}:{account}:event-source-mapping:a1"],
    "AWS::Lambda::Function": ["lambda:{region}:{account}:function:{name}"],
    "AWS::Lambda::Permission": ["lambda:{region}:{account}:function:{name}"],
    "AWS::Logs::LogGroup": ["logs:{region}:{account}:log-group:/chat-dev/functions/api:*"],
    "AWS::SNS::Topic": ["sns:{region}:{account}:{name}"],
    "AWS::SQS::Queue": ["sqs:{region}:{account}:{name}"],
}
# What actions of another service than the type's are about.
ELSEWHERE = {
    "iam": "iam::{account}:role/{name}",
    "kms": "kms:{region}:{account}:key/a1",
    "s3": "s3:::chat-artefacts-{account}-{region}-an/chat-dev/a1.zip",
}
# What is called only for a resource that has a property, by type and property. None of ours has it.
UNLESS: dict[str, dict[str, set[str]]] = {
    # SAM writes the API's definition, where a policy would stand, into the template; there is none.
    "AWS::ApiGateway::RestApi": {"Policy": {"apigateway:UpdateRestApiPolicy"}},
    "AWS::DynamoDB::Table": {
        "ContributorInsightsSpecification": {"dynamodb:UpdateContributorInsights"},
        "ImportSourceSpecification": {
            "dynamodb:DescribeImport",
            "dynamodb:ImportTable",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
            "s3:GetObjectMetadata",
        },
        "KinesisStreamSpecification": {
            "dynamodb:DisableKinesisStreamingDestination",
            "dynamodb:EnableKinesisStreamingDestination",
            "dynamodb:UpdateKinesisStreamingDestination",
            "kinesis:DescribeStream",
            "kinesis:PutRecords",
        },
        # The key that AWS keeps for DynamoDB in each account has a policy that lets everybody in the account use
        # it by way of DynamoDB (DynamoDB developer guide, "Authorizing use of the AWS managed key").
        "KMSMasterKeyId": {
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:Encrypt",
            "kms:ListAliases",
            "kms:RevokeGrant",
        },
        "ResourcePolicy": {"dynamodb:DeleteResourcePolicy", "dynamodb:PutResourcePolicy"},
    },
    "AWS::Events::Rule": {"RoleArn": {"iam:PassRole"}},
    "AWS::IAM::Role": {
        "PermissionsBoundary": {"iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"}
    },
    "AWS::Lambda::EventSourceMapping": {"KmsKeyArn": {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"}},
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": {"lambda:PassCapacityProvider"},
        "CodeSigningConfigArn": {
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        },
        "FileSystemConfigs": {"elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"},
        "FunctionScalingConfig": {"lambda:PutFunctionScalingConfig"},
        # As for DynamoDB: of a key of one's own.
        "KmsKeyArn": {
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
        },
        "Layers": {"lambda:GetLayerVersion"},
        "PublishToLatestPublished": {"lambda:PublishVersion"},
        "RecursiveLoop": {"lambda:PutFunctionRecursionConfig"},
        "RuntimeManagementConfig": {"lambda:AssociateRuntimeAlias", "lambda:PutRuntimeManagementConfig"},
        "S3ObjectVersion": {"s3:GetObjectVersion"},
        "VpcConfig": {
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        },
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": {"logs:PutBearerTokenAuthentication"},
        "DataProtectionPolicy": {
            "firehose:TagDeliveryStream",
            "logs:DeleteDataProtectionPolicy",
            "logs:PutDataProtectionPolicy",
            "s3:REST.PUT.OBJECT",
        },
        "DeletionProtectionEnabled": {"logs:PutLogGroupDeletionProtection"},
        "FieldIndexPolicies": {"logs:DeleteIndexPolicy", "logs:PutIndexPolicy"},
        "KmsKeyId": {"logs:AssociateKmsKey", "logs:DisassociateKmsKey"},
        "ResourcePolicyDocument": {"logs:DeleteResourcePolicy"},
    },
    "AWS::SNS::Topic": {
        "DataProtectionPolicy": {"sns:PutDataProtectionPolicy"},
        "DeliveryStatusLogging": {"iam:PassRole"},
    },
}
# Copies of a table in other regions: for those, the type has no property at all.
NEVER = {
    "AWS::DynamoDB::Table": {
        "dynamodb:AssociateTableReplica",
        "dynamodb:BatchWriteItem",
        "dynamodb:CreateTableReplica",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "iam:CreateServiceLinkedRole",
    }
}
# What the schemas do not say: to let a stage write access logs, API Gateway makes a delivery as whoever asks for
# it (CloudWatch Logs user guide, "Enable logging from AWS services", "Logs sent to CloudWatch Logs").
BESIDES = {
    "AWS::ApiGatewayV2::Stage": {
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    }
}


def needed(verdict: Verdict, kind: str) -> set[str]:
    """What CloudFormation does to a resource of a stack. It never lists all that an account has of a type."""
    named = verdict.kinds[kind]["permissions"]
    asked = {each for done, actions in named.items() if done != "list" for each in actions}
    return asked | BESIDES.get(kind, set())


def excused(kind: str) -> set[str]:
    return {action for actions in UNLESS.get(kind, {}).values() for action in actions} | NEVER.get(kind, set())


def denied(verdict: Verdict, kind: str) -> set[str]:
    return {
        action
        for action in needed(verdict, kind)
        if not all(is_allowed(access, context_of(kind)) for access in accesses(kind, action))
    }


def accesses(kind: str, action: str) -> Iterator[Access]:
    service = action.partition(":")[0]
    about = RESOURCES[kind] if service == service_of(kind) or service not in ELSEWHERE else [ELSEWHERE[service]]
    for each in about:
        named = each.format(region=REGION, account=ACCOUNT, name="chat-dev-Name-A1")
        yield Access(action, f"arn:aws:{named}")


def context_of(kind: str) -> dict[str, str]:
    service = service_of(kind)
    return {
        "iam:PassedToService": f"{service}.amazonaws.com",
        "kms:ViaService": f"{service}.{REGION}.amazonaws.com",
        "lambda:FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:chat-dev-Work-A1",
    }


def service_of(kind: str) -> str:
    return {"ApiGatewayV2": "apigateway"}.get(kind.split("::")[1], kind.split("::")[1].lower())


def names_in(value: object) -> Iterator[str]:
    """The names of all properties."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from names_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from names_in(each)


def test_what_cloudformation_does_for_the_deployer_is_allowed(verdict: Verdict) -> None:
    assert set(verdict.kinds) == set(RESOURCES)
    missing = {kind: denied(verdict, kind) - excused(kind) for kind in verdict.kinds}
    assert {kind: actions for kind, actions in missing.items() if actions} == {}


@pytest.mark.parametrize("kind", UNLESS)
def test_what_is_not_allowed_is_for_properties_that_no_resource_has(verdict: Verdict, kind: str) -> None:
    resources = verdict.translation["Resources"].values()
    used = {name for each in resources if each["Type"] == kind for name in names_in(each["Properties"])}
    assert not used & UNLESS[kind].keys()
    # A name that is no property would excuse anything, and an action that is allowed needs no excuse.
    assert UNLESS[kind].keys() <= set(verdict.kinds[kind]["properties"])
    assert excused(kind) <= denied(verdict, kind)


def test_a_table_knows_nothing_of_other_regions(verdict: Verdict) -> None:
    assert not {"Replicas", "ReplicaSpecification"} & set(verdict.kinds["AWS::DynamoDB::Table"]["properties"])


def test_nothing_is_allowed_that_nobody_needs(verdict: Verdict) -> None:
    asked = {action.lower() for kind in verdict.kinds for action in needed(verdict, kind) - excused(kind)}
    # What our own code asks of its services is recorded where it runs.
    others = {each for each in allowed() if each.partition(":")[0] not in OURS}
    assert {each for each in others if each.lower() not in asked} == set()


def test_names_that_cloudformation_gives_are_those_that_the_policy_knows() -> None:
    for each in statements():
        if each["Sid"] == "LabelWhatBringsMessages":
            continue  # has an id that Lambda chooses
        for resource in each["Resource"]:
            if re.match(rf"arn:aws:(lambda|dynamodb|sns|sqs|events|cloudformation|iam):.*{ACCOUNT}", resource):
                assert re.search(r"[:/]chat-\*", resource), resource


@pytest.mark.parametrize("each", statements(), ids=lambda each: each["Sid"])
def test_no_statement_allows_all_actions_or_passes_roles_to_anybody(each: Json) -> None:
    assert not any("*" in action for action in each["Action"])
    if "iam:PassRole" in each["Action"]:
        assert each["Action"] == ["iam:PassRole"] and "Condition" in each
    if each["Resource"] == ["*"]:
        limited = str(each.get("Condition", "")).endswith(f":{ACCOUNT}:function:chat-*'}}}}")
        assert limited or each["Sid"] in {"SayWhoWeAre", "DeliverAccessLogs"}, "neither knows resources"


def test_it_fits_into_one_managed_policy() -> None:
    assert len(json.dumps(json.loads(FILE.read_text()), separators=(",", ":"))) <= MOST
