"""What all functions have in common: where their tables are, and a log of their own."""

from __future__ import annotations

from infra.stage import Stage
from infra.template.names import FUNCTIONS, Json, arn, ref, sub

SWEEP_ATTEMPTS = 0
"""Repeats of a failed sweep: none, the next one comes within the hour and finds what is left to do."""
LOG_FORMAT = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}
"""The platform's own lines, and what its runtime says of a function that failed, are JSON like ours.

Metrics are lines without a level, which Lambda takes for `INFO`: above it there would be none (Lambda developer
guide, "Log-level filtering").
"""


def fragment(stage: Stage) -> Json:
    """Variables for all functions; a log group for each, made before the function so that its role can name it."""
    resources: Json = {}
    for function in FUNCTIONS:
        resources[function.log_group] = log_group(stage, f"functions/{function.name}")
        logging = {"LogGroup": ref(function.log_group), **LOG_FORMAT}
        resources[function.logical_id] = {"Properties": {"LoggingConfig": logging}}
    resources["Sweep"]["Properties"]["EventInvokeConfig"] = {"MaximumRetryAttempts": SWEEP_ATTEMPTS}
    return {
        "Globals": {"Function": {"Environment": {"Variables": _variables(stage)}}},
        "Resources": resources,
    }


def _variables(stage: Stage) -> Json:
    # No reference to the HTTP API here: its definition names the functions, and neither could be made first.
    return {
        "CHAT_CONVERSATIONS_TABLE": ref("ConversationsTable"),
        "CHAT_CONNECTIONS_TABLE": ref("ConnectionsTable"),
        "CHAT_MANAGEMENT_ENDPOINT": sub(
            f"https://${{WebsocketAPI}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
        ),
        "CHAT_ALLOWED_ORIGINS": ",".join(stage.infra.allowed_origins),
        "CHAT_STAGE": stage.name,
        # Else pydantic searches every package of the bundle for plugins, of which there are none, at each start.
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
    }


def set_version(template: Json, version: str) -> None:
    """Say to all functions what they are a version of; it comes from the bundle, which Chalice helps to make."""
    template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_VERSION"] = version


def log_group(stage: Stage, name: str) -> Json:
    """A log group that forgets, and goes with the stack."""
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": sub(f"/${{AWS::StackName}}/{name}"),
            "RetentionInDays": stage.infra.log_retention_days,
        },
    }


def account_log_role(stage: Stage) -> Json:
    """The role by which API Gateway writes access logs: once for an account and region, and needed by both APIs.

    It stays when the stack goes, as another stage's logs may hang on it.
    """
    if not stage.infra.account_log_role:
        return {}
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    # AWS's own policy for this: API Gateway checks that the role may all that it lists.
    policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    retained = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    role = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [sub(policy)]}
    return {
        "Resources": {
            "GatewayLogRole": {"Type": "AWS::IAM::Role", **retained, "Properties": role},
            "GatewayAccount": {
                "Type": "AWS::ApiGateway::Account",
                **retained,
                "Properties": {"CloudWatchRoleArn": arn("GatewayLogRole")},
            },
            # A stage with an access log cannot be made before that.
            "RestAPI": {"DependsOn": ["GatewayAccount"]},
            "WebsocketAPIStage": {"DependsOn": ["GatewayAccount"]},
        }
    }
