"""The WebSocket API: a stage that follows changes, its limits and its access log."""

from __future__ import annotations

import json

from infra.stage import Stage
from infra.template.functions import log_group
from infra.template.names import Json, arn

# No query string, in which a ticket stands, and no message.
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
    """What is added to Chalice's `WebsocketAPI` and its stage."""
    return {
        "Parameters": {
            # The policy files in `.chalice/` are the same for all stages, and name their sockets by this.
            "ApiStage": {
                "Description": "The last part of both URLs",
                "Type": "String",
                "Default": stage.api_stage,
                "AllowedValues": [stage.api_stage],
            }
        },
        "Resources": {
            "SocketAccessLogGroup": log_group(stage, "access/sockets"),
            "WebsocketAPI": {"Properties": {"Name": f"{stage.full_name}-sockets"}},
            # The handler verifies: docs/decisions/0005-connect-authorizer.md.
            "WebsocketConnectRoute": {"Properties": {"AuthorizationType": "NONE"}},
            "WebsocketAPIStage": {
                "Properties": {
                    "AutoDeploy": True,
                    "DefaultRouteSettings": {
                        "ThrottlingRateLimit": stage.infra.socket_throttle.rate,
                        "ThrottlingBurstLimit": stage.infra.socket_throttle.burst,
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
    """Take out Chalice's deployment: its name never changes, so that CloudFormation would make it only once.

    A changed route or integration reaches clients with a new deployment only, which `AutoDeploy` makes each time.
    """
    del template["Resources"]["WebsocketAPIDeployment"]
    del template["Resources"]["WebsocketAPIStage"]["Properties"]["DeploymentId"]
