"""The HTTP API: its limits, its access log, its own answers, and which web pages may read what it says."""

from __future__ import annotations

import json
from pathlib import Path

from infra.stage import Stage
from infra.template.functions import log_group
from infra.template.names import Json, arn

GATEWAY_RESPONSES = Path(__file__).parents[1] / "gateway_responses.json"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
# Neither query strings nor headers, in which credentials may stand. All values quoted: an absent one is a "-".
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "path": "$context.path",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "participant_id": "$context.authorizer.participant_id",
    "latency_ms": "$context.responseLatency",
    "function_latency_ms": "$context.integration.latency",
    "bytes": "$context.responseLength",
}


def fragment(stage: Stage) -> Json:
    """What is added to Chalice's `RestAPI`."""
    return {
        "Resources": {
            "HttpAccessLogGroup": log_group(stage, "access/http"),
            "RestAPI": {
                "Properties": {
                    "Name": f"{stage.full_name}-http",
                    # Any value keeps SAM from making a second, unthrottled stage named "Stage" beside ours.
                    "OpenApiVersion": "2.0",
                    "GatewayResponses": gateway_responses(stage.infra.allowed_origins),
                    "MethodSettings": [
                        {
                            "HttpMethod": "*",
                            "ResourcePath": "/*",
                            "ThrottlingRateLimit": stage.infra.http_throttle.rate,
                            "ThrottlingBurstLimit": stage.infra.http_throttle.burst,
                            # Execution logs would hold headers and bodies: tokens and texts.
                            "LoggingLevel": "OFF",
                            "DataTraceEnabled": False,
                        }
                    ],
                    "AccessLogSetting": {
                        "DestinationArn": arn("HttpAccessLogGroup"),
                        "Format": json.dumps(ACCESS_LOG),
                    },
                }
            },
        }
    }


def gateway_responses(origins: list[str]) -> Json:
    """API Gateway's own answers, as the local gateway gives them, for these origins.

    A header of theirs is a fixed text. Where several origins are allowed it is `*`, as without it a page could
    not tell a 401 from a broken line; these answers hold nothing that is worth hiding, and ask for no cookie.
    """
    responses: Json = json.loads(GATEWAY_RESPONSES.read_text(encoding="utf-8"))
    allowed = origins[0] if len(origins) == 1 else "*"
    for response in responses.values():
        response["ResponseParameters"]["Headers"][ALLOW_ORIGIN] = f"'{allowed}'"
    return responses


def restrict_preflight(template: Json, origins: list[str]) -> None:
    """Let only these origins pass the browsers' question before a request, which API Gateway answers by itself."""
    if origins == ["*"]:
        return
    for path in template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values():
        if "options" not in path:
            continue
        response = path["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        response["responseParameters"][f"method.response.header.{ALLOW_ORIGIN}"] = f"'{origins[0]}'"
        if len(origins) > 1:
            response["responseTemplates"] = {"application/json": _matching_origin(origins)}


def _matching_origin(origins: list[str]) -> str:
    """A mapping template that answers with the asking origin if it is allowed, else with the first of the list.

    Header names come in small letters over HTTP/2 (API Gateway developer guide, "Override your API's request and
    response parameters and status codes").
    """
    matches = " || ".join(f"$origin == '{each}'" for each in origins)
    return (
        "#set($origin = $input.params().header.get('Origin'))\n"
        "#if(!$origin)#set($origin = $input.params().header.get('origin'))#end\n"
        f"#if({matches})\n"
        f"#set($context.responseOverride.header.{ALLOW_ORIGIN} = $origin)\n"
        "#end\n"
        "{}"
    )
