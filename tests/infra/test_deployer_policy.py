"""The deployer's policies compared with what CloudFormation does for the deployer, according to AWS's schemas.

CloudFormation's registry has a schema for every resource type; its handlers list the actions that the caller
needs to create, read, update and delete a resource. The calls of this project's own code are recorded and
compared with the policy in `tests/deploy/test_commands_whole.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.iam.access import Access
from local.policy import parse_identity_policy
from tests.infra.judge import Verdict, judge
from tests.support.deployer import ACCOUNT, POLICIES, WITH_PAGE, allowed, is_allowed, statements

Json = dict[str, Any]
MOST = 6_144
"""Maximum characters of a managed policy, without white space (IAM User Guide, "IAM and AWS STS quotas")."""
ROOM = 1_000
"""Characters that must be left for the next resource type."""
BOUNDARY = json.loads((POLICIES / "boundary.json").read_text().replace("ACCOUNT", ACCOUNT))
REGION = "eu-west-1"
OURS = {"cloudformation", "s3", "ssm", "sts"}
"""Services that this project's code calls."""
CALLED = {"iam:GetPolicy", "lambda:GetAccountSettings"}
"""Further actions that this project's code calls."""
# The names that CloudFormation generates for a stack's resources.
RESOURCES = {
    "AWS::ApiGateway::Account": ["apigateway:{region}::/account"],
    "AWS::ApiGateway::Deployment": ["apigateway:{region}::/restapis/a1/deployments"],
    "AWS::ApiGateway::RestApi": ["apigateway:{region}::/restapis", "apigateway:{region}::/restapis/a1"],
    "AWS::ApiGateway::Stage": ["apigateway:{region}::/restapis/a1/stages/dev"],
    "AWS::ApiGatewayV2::Api": ["apigateway:{region}::/apis", "apigateway:{region}::/apis/a1"],
    "AWS::ApiGatewayV2::ApiMapping": ["apigateway:{region}::/domainnames/api.chat.test/apimappings"],
    "AWS::ApiGatewayV2::DomainName": [
        "apigateway:{region}::/domainnames",
        "apigateway:{region}::/domainnames/api.chat.test",
    ],
    "AWS::ApiGatewayV2::Integration": ["apigateway:{region}::/apis/a1/integrations"],
    "AWS::ApiGatewayV2::Route": ["apigateway:{region}::/apis/a1/routes"],
    "AWS::ApiGatewayV2::Stage": ["apigateway:{region}::/apis/a1/stages/dev"],
    "AWS::CloudFront::Distribution": ["cloudfront::{account}:distribution/A1"],
    "AWS::CloudFront::OriginAccessControl": ["cloudfront::{account}:origin-access-control/A1"],
    "AWS::CloudFront::ResponseHeadersPolicy": ["cloudfront::{account}:response-headers-policy/a1"],
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
    "AWS::Logs::MetricFilter": ["logs:{region}:{account}:log-group:/chat-dev/functions/deliver:*"],
    "AWS::SNS::Topic": ["sns:{region}:{account}:{name}"],
    "AWS::WAFv2::WebACLAssociation": [
        "wafv2:{region}:{account}:regional/webacl/chat/a1",
        "apigateway:{region}::/restapis/a1/stages/dev",
    ],
    "AWS::SQS::Queue": ["sqs:{region}:{account}:{name}"],
}
# The resources of actions of another service than the type's.
ELSEWHERE = {
    "apigateway": "apigateway:{region}::/restapis/a1/stages/dev",
    "iam": "iam::{account}:role/{name}",
    "kms": "kms:{region}:{account}:key/a1",
    "s3": "s3:::chat-artefacts-{account}-{region}-an/chat-dev/a1.zip",
}
# Actions that are only called for a resource with a certain property, by type and property. No resource has it.
UNLESS: dict[str, dict[str, set[str]]] = {
    # The API's definition, which could contain a policy, is written by SAM; it contains none.
    "AWS::ApiGateway::RestApi": {"Policy": {"apigateway:UpdateRestApiPolicy"}},
    "AWS::ApiGatewayV2::DomainName": {"MutualTlsAuthentication": {"s3:GetObjectVersion"}},
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
        # AWS's own DynamoDB key in each account has a policy that lets every principal of the account use it
        # through DynamoDB (DynamoDB Developer Guide, "Authorizing use of the AWS managed key").
        "KMSMasterKeyId": {
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:Encrypt",
            "kms:ListAliases",
            "kms:RevokeGrant",
        },
        "ResourcePolicy": {"dynamodb:DeleteResourcePolicy", "dynamodb:PutResourcePolicy"},
    },
    "AWS::CloudFront::Distribution": {
        "ConnectionMode": {"cloudfront:CreateConnectionGroup", "cloudfront:GetConnectionGroup"},
        "ContinuousDeploymentPolicyId": {"cloudfront:UpdateDistributionWithStagingConfig"},
        "VpcOriginConfig": {"cloudfront:GetVpcOrigin"},
    },
    "AWS::Events::Rule": {"RoleArn": {"iam:PassRole"}},
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
        # As for DynamoDB: only for a customer managed key.
        "KmsKeyArn": {
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
        },
        "Layers": {"lambda:GetLayerVersion"},
        "PublishToLatestPublished": {"lambda:PublishVersion"},
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
NEVER = {
    # For a web ACL that another account shares.
    "AWS::WAFv2::WebACLAssociation": {"wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy"},
    # Only an administrator may take the permissions boundary away.
    "AWS::IAM::Role": {"iam:DeleteRolePermissionsBoundary"},
    # Replicas in other regions: the type has no property for them.
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
    },
}
# Missing in the schemas: to enable access logs of a stage, API Gateway creates a log delivery on behalf of the
# caller (CloudWatch Logs User Guide, "Enable logging from AWS services", "Logs sent to CloudWatch Logs").
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
    """Return what CloudFormation calls for a resource of a stack. It never lists all resources of a type."""
    named = verdict.kinds[kind]["permissions"]
    asked = {action for done, actions in named.items() if done != "list" for action in actions}
    if kind == "AWS::WAFv2::WebACLAssociation":
        # The schema also lists the actions for all other resources that WAF protects.
        asked = {action for action in asked if action.partition(":")[0] in {"apigateway", "wafv2"}}
    return asked | BESIDES.get(kind, set())


def excused(kind: str) -> set[str]:
    return {action for actions in UNLESS.get(kind, {}).values() for action in actions} | NEVER.get(kind, set())


def denied(verdict: Verdict, kind: str) -> set[str]:
    return {
        action
        for action in needed(verdict, kind)
        if not all(is_allowed(access, context_of(kind), WITH_PAGE) for access in accesses(kind, action))
    }


def accesses(kind: str, action: str) -> Iterator[Access]:
    service = action.partition(":")[0]
    about = RESOURCES[kind] if service == service_of(kind) or service not in ELSEWHERE else [ELSEWHERE[service]]
    for item in about:
        named = item.format(region=REGION, account=ACCOUNT, name="chat-dev-Name-A1")
        yield Access(action, f"arn:aws:{named}")


def context_of(kind: str) -> dict[str, str]:
    service = service_of(kind)
    return {
        "iam:PassedToService": f"{service}.amazonaws.com",
        "iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/chat-boundary",
        "kms:ViaService": f"{service}.{REGION}.amazonaws.com",
        "lambda:FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:chat-dev-Work-A1",
    }


def service_of(kind: str) -> str:
    return {"ApiGatewayV2": "apigateway"}.get(kind.split("::")[1], kind.split("::")[1].lower())


def names_in(value: object) -> Iterator[str]:
    """Yield the names of all properties."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield name
            yield from names_in(entry)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)


def test_policy_allows_what_cloudformation_does_for_the_deployer(verdict: Verdict) -> None:
    assert set(verdict.kinds) <= set(RESOURCES)
    missing = {kind: denied(verdict, kind) - excused(kind) for kind in verdict.kinds}
    assert {kind: actions for kind, actions in missing.items() if actions} == {}


@pytest.fixture(scope="session")
def of_every_option(every: Json, shared: Path) -> Verdict:
    """The verdict of the stage with every option, which has every resource type."""
    return judge(every, shared / "verdicts")


@pytest.mark.parametrize("kind", UNLESS)
def test_denied_actions_belong_to_unused_properties(of_every_option: Verdict, kind: str) -> None:
    verdict = of_every_option
    resources = verdict.translation["Resources"].values()
    used = {
        name for resource in resources if resource["Type"] == kind for name in names_in(resource["Properties"])
    }
    assert not used & UNLESS[kind].keys()
    # An unknown property would excuse any action, and an allowed action needs no excuse.
    assert UNLESS[kind].keys() <= set(verdict.kinds[kind]["properties"])
    assert excused(kind) <= denied(verdict, kind)


def test_tables_have_no_replica_property(verdict: Verdict) -> None:
    assert not {"Replicas", "ReplicaSpecification"} & set(verdict.kinds["AWS::DynamoDB::Table"]["properties"])


def test_policy_allows_no_unneeded_actions(of_every_option: Verdict) -> None:
    verdict = of_every_option
    assert set(verdict.kinds) == set(RESOURCES)
    asked = {action.lower() for kind in verdict.kinds for action in needed(verdict, kind) - excused(kind)}
    # The calls of this project's code are recorded where it runs.
    others = {action for action in allowed(WITH_PAGE) if action.partition(":")[0] not in OURS} - CALLED
    assert {other for other in others if other.lower() not in asked} == set()


def test_policy_resources_match_the_names_that_cloudformation_generates() -> None:
    for statement in statements(WITH_PAGE):
        if statement["Sid"] in ("ReadBoundary", "TagEventSourceMappings"):
            continue  # one policy; an id that Lambda chooses
        for resource in statement["Resource"]:
            if re.match(rf"arn:aws:(lambda|dynamodb|sns|sqs|events|cloudformation|iam):.*{ACCOUNT}", resource):
                assert re.search(r"[:/]chat-\*", resource), resource


@pytest.mark.parametrize("statement", statements(WITH_PAGE), ids=lambda statement: statement["Sid"])
def test_no_statement_allows_all_actions_or_unrestricted_pass_role(statement: Json) -> None:
    assert not any("*" in action for action in statement["Action"])
    if "iam:PassRole" in statement["Action"]:
        assert statement["Action"] == ["iam:PassRole"] and "Condition" in statement
    if statement["Resource"] == ["*"]:
        limited = str(statement.get("Condition", "")).endswith(f":{ACCOUNT}:function:chat-*'}}}}")
        assert limited or statement["Sid"] in {"ReadAccount", "DeliverAccessLogs"}, "these have no resources"


def test_actions_without_a_resource_type_are_allowed_on_all_resources() -> None:
    # Service Authorization Reference: IAM ignores a narrower resource, so that the action would be denied.
    without = {
        "lambda:GetAccountSettings",
        "logs:DescribeIndexPolicies",
        "logs:DescribeResourcePolicies",
        "sts:GetCallerIdentity",
    }
    everywhere = {
        action
        for statement in statements(WITH_PAGE)
        if statement["Resource"] == ["*"]
        for action in statement["Action"]
    }
    assert without <= everywhere


@pytest.mark.parametrize("file", [*WITH_PAGE, POLICIES / "boundary.json"], ids=lambda file: file.stem)
def test_policy_of_a_real_account_fits_into_a_managed_policy(file: Path) -> None:
    text = file.read_text().replace("ACCOUNT", "123456789012")
    assert len(json.dumps(json.loads(text), separators=(",", ":"))) <= MOST - ROOM


def test_deployer_grants_permissions_only_to_roles_with_the_boundary() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/chat-dev-ApiHandlerRole-A1"
    within = {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/chat-boundary"}
    other = {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/chat-other"}
    for action in ("CreateRole", "AttachRolePolicy", "PutRolePolicy", "PutRolePermissionsBoundary"):
        access = Access(f"iam:{action}", role)
        assert is_allowed(access, within)
        assert not is_allowed(access, {}) and not is_allowed(access, other), action


def test_deployer_cannot_change_or_remove_the_boundary() -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/chat-boundary"
    assert is_allowed(Access("iam:GetPolicy", boundary), {})
    assert {action for action in allowed(WITH_PAGE) if re.match(r"iam:(Create|Delete|Set)Policy", action)} == set()
    assert "iam:DeleteRolePermissionsBoundary" not in allowed(WITH_PAGE)


def test_boundary_allows_what_the_roles_allow_and_no_administration(resources: Json) -> None:
    unconditional = [entry for entry in BOUNDARY["Statement"] if "Condition" not in entry]
    policy = parse_identity_policy("the boundary", unconditional)
    for statement in statements_of_roles(resources):
        given = statement["Resource"]
        for resource in map(arn_of, given if isinstance(given, list) else [given]):
            for action in statement["Action"]:
                assert policy.allows(action, resource), f"{action} on {resource}"
    services = {action.partition(":")[0] for entry in BOUNDARY["Statement"] for action in entry["Action"]}
    assert services == {"dynamodb", "events", "execute-api", "kms", "lambda", "logs", "sqs", "ssm"}


def test_boundary_allows_the_default_keys_through_the_services_that_use_them_alone(resources: Json) -> None:
    """The keys' own policies grant their use to the roles; whether a boundary limits that is not documented."""
    encrypted = [item for item in resources.values() if item["Type"] == "AWS::DynamoDB::Table"]
    assert all(table["Properties"]["SSESpecification"] == {"SSEEnabled": True} for table in encrypted)
    (statement,) = (entry for entry in BOUNDARY["Statement"] if entry["Action"][0].startswith("kms:"))
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} <= {*statement["Action"]}
    assert "kms:CreateGrant" not in statement["Action"]
    services = ["dynamodb.*.amazonaws.com", "ssm.*.amazonaws.com"]
    assert statement["Condition"] == {"StringLike": {"kms:ViaService": services}}


def test_every_role_has_the_boundary(resources: Json) -> None:
    expected = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/chat-boundary"}
    roles = [item["Properties"] for item in resources.values() if item["Type"] == "AWS::IAM::Role"]
    assert roles and all(role["PermissionsBoundary"] == expected for role in roles)


def statements_of_roles(resources: Json) -> Iterator[Json]:
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"].get("Policies", []):
                yield from policy["PolicyDocument"]["Statement"]


def arn_of(resource: Json) -> str:
    """Return the ARN of a resource of the stack, with the name that CloudFormation generates."""
    if "Fn::Sub" in resource:
        names = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
        return re.sub(r"\$\{([\w:]+)\}", lambda name: names.get(name[1], "a1"), resource["Fn::Sub"])
    logical_id = resource["Fn::GetAtt"][0]
    for suffix, form in {
        "Table": "dynamodb:{region}:{account}:table/{name}",
        "Queue": "sqs:{region}:{account}:{name}",
        "LogGroup": "logs:{region}:{account}:log-group:/chat-dev/functions/api:*",
    }.items():
        if logical_id.endswith(suffix):
            return "arn:aws:" + form.format(region=REGION, account=ACCOUNT, name=f"chat-dev-{logical_id}-A1")
    raise AssertionError(logical_id)
