"""The WebSocket API: automatic deployment, throttling and access log."""

from __future__ import annotations

import json

from infra.stage import Stage
from infra.template.functions import log_group
from infra.template.names import Json, arn
from infra.template.throttling import limits

# Neither query strings, which may contain a ticket, nor messages.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "event": "$context.eventType",
    "route": "$context.routeKey",
    "connection_id": "$context.connectionId",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "function_latency_ms": "$context.integrationLatency",
}


def fragment(stage: Stage) -> Json:
    """Return the additions to Chalice's `WebsocketAPI` and its stage."""
    return {
        "Parameters": {
            # The policy files in `.chalice/` are the same for all stages and reference this parameter.
            "ApiStage": {
                "Description": "Stage name of both APIs",
                "Type": "String",
                "Default": stage.api_stage,
                "AllowedValues": [stage.api_stage],
            }
        },
        "Resources": {
            "SocketAccessLogGroup": log_group(stage, "access/sockets"),
            "WebsocketAPI": {"Properties": {"Name": f"{stage.full_name}-sockets"}},
            # The handler verifies tokens: docs/decisions/0005-connect-authorizer.md.
            "WebsocketConnectRoute": {"Properties": {"AuthorizationType": "NONE"}},
            "WebsocketAPIStage": {
                "Properties": {
                    "AutoDeploy": True,
                    "DefaultRouteSettings": {
                        **limits(stage, stage.infra.socket_throttle),
                        "DataTraceEnabled": False,
                    },
                    "AccessLogSettings": {
                        "DestinationArn": arn("SocketAccessLogGroup"),
                        "Format": json.dumps(ACCESS_LOG),
                    },
                }
            },
        },
    }


def use_auto_deploy(template: Json) -> None:
    """Remove Chalice's deployment: its name is constant, so CloudFormation would create it only once.

    A changed route or integration takes effect with a new deployment, which `AutoDeploy` creates each time.
    """
    del template["Resources"]["WebsocketAPIDeployment"]
    del template["Resources"]["WebsocketAPIStage"]["Properties"]["DeploymentId"]
