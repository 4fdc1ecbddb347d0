"""Settings of all functions: table names, variables, and a log group each."""

from __future__ import annotations

from infra.errors import InfraError
from infra.runtime import Runtime
from infra.stage import Stage
from infra.template.names import ALL_FUNCTIONS, Json, arn, boundary, functions_of, ref, sub

SWEEP_ATTEMPTS = 0
"""Retries of a failed sweep: none, because the next one runs within the hour and finds the remaining work."""
LOG_FORMAT = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}
"""Log lines of the platform and the runtime are JSON, like the application's.

Metric lines have no level, and Lambda treats them as `INFO`: a higher level would drop them (Lambda Developer
Guide, "Log-level filtering").
"""
MAX_VARIABLES = 4_096
"""Bytes of the names and values of a function's variables (Lambda Developer Guide, "Lambda quotas")."""
_REFERENCE = 100
"""Bytes of a value that CloudFormation fills in, on average of tables, endpoint and queues with long names."""


def fragment(stage: Stage) -> Json:
    """Return the functions' variables, and their log groups, which the roles reference."""
    resources: Json = {}
    for function in functions_of(stage):
        resources[function.log_group] = log_group(stage, f"functions/{function.name}")
        logging = {"LogGroup": ref(function.log_group), **LOG_FORMAT}
        resources[function.logical_id] = {"Properties": {"LoggingConfig": logging}}
        resources[function.role] = {"Properties": boundary(stage)}
    resources["Sweep"]["Properties"]["EventInvokeConfig"] = {"MaximumRetryAttempts": SWEEP_ATTEMPTS}
    return {
        "Globals": {"Function": {"Environment": {"Variables": _variables(stage)}}},
        "Resources": resources,
    }


def _variables(stage: Stage) -> Json:
    # A reference to the HTTP API would be circular: its definition references the functions. The number of the
    # history is state of the stage, which each deployment binds (`infra/deploy/state.py`).
    return {
        "CHAT_CONVERSATIONS_TABLE": ref("ConversationsTable"),
        "CHAT_CONNECTIONS_TABLE": ref("ConnectionsTable"),
        "CHAT_MANAGEMENT_ENDPOINT": sub(
            f"https://${{WebsocketAPI}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage.api_stage}"
        ),
        "CHAT_ALLOWED_ORIGINS": ",".join(stage.infra.allowed_origins),
        "CHAT_HISTORY_ID": sub("0.${ConversationsTable}"),
        "CHAT_STAGE": stage.name,
        # Otherwise pydantic searches every package of the bundle for plugins at each start; there are none.
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
    }


def set_version(template: Json, version: str) -> None:
    """Set the functions' version; it depends on the bundle, which is built with Chalice's output."""
    template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_VERSION"] = version


def check_variables(template: Json) -> None:
    """Raise InfraError if the functions' variables are too large, which CloudFormation notices in the update."""
    variables: Json = template["Globals"]["Function"]["Environment"]["Variables"]
    functions = (template["Resources"].get(function.logical_id) for function in ALL_FUNCTIONS)
    for function in filter(None, functions):
        own = function["Properties"].get("Environment", {}).get("Variables", {})
        size = sum(len(name) + _size(value) for name, value in {**variables, **own}.items())
        if size > MAX_VARIABLES:
            raise InfraError(
                f"The variables of the functions have up to {size} bytes, and Lambda allows {MAX_VARIABLES}:"
                " shorten environment_variables or allowed_origins in .chalice/config.json. Endpoints that"
                " services create take none (docs/webhooks.md)"
            )


def _size(value: object) -> int:
    return len(value.encode()) if isinstance(value, str) else _REFERENCE


def set_runtime(template: Json, runtime: Runtime) -> None:
    """Set the functions' runtime; Chalice sets that of the Python that runs it."""
    for function in ALL_FUNCTIONS:
        if function.logical_id in template["Resources"]:
            template["Resources"][function.logical_id]["Properties"]["Runtime"] = runtime.name


def log_group(stage: Stage, name: str) -> Json:
    """Return a log group with limited retention that is deleted with the stack."""
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
    """Return the role with which API Gateway writes access logs: one per account and region, used by both APIs.

    It is retained when the stack is deleted, as other stages may use it.
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
    # AWS's policy for this role: API Gateway checks that the role allows everything in it.
    policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    retained = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    role = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [sub(policy)], **boundary(stage)}
    return {
        "Resources": {
            "GatewayLogRole": {"Type": "AWS::IAM::Role", **retained, "Properties": role},
            "GatewayAccount": {
                "Type": "AWS::ApiGateway::Account",
                **retained,
                "Properties": {"CloudWatchRoleArn": arn("GatewayLogRole")},
            },
            # A stage with an access log can only be created after that.
            "RestAPI": {"DependsOn": ["GatewayAccount"]},
            "WebsocketAPIStage": {"DependsOn": ["GatewayAccount"]},
        }
    }
