"""The HTTP API: throttling, access log, gateway responses, and allowed origins of web pages."""

from __future__ import annotations

import json
from pathlib import Path

from infra.stage import Stage
from infra.template.functions import log_group
from infra.template.names import Json, arn
from infra.template.throttling import limits

GATEWAY_RESPONSES = Path(__file__).parents[1] / "gateway_responses.json"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
# Neither query strings nor headers, which may contain credentials. All values are quoted: a missing one is "-".
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


NO_EXECUTION_LOGS: Json = {"LoggingLevel": "OFF", "DataTraceEnabled": False}
"""Execution logs would contain headers and bodies: tokens and message content."""
MINIMUM_COMPRESSION = 16 * 1024
"""Bytes from which responses are compressed, such as the OpenAPI document, if the client accepts that."""
DOCUMENT_THROTTLE: Json = {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 20}
"""The OpenAPI document is long, and needs no credential."""


def api_name(stage: Stage) -> str:
    """Return the name of the API, by which its metrics are selected."""
    return f"{stage.full_name}-http"


def fragment(stage: Stage) -> Json:
    """Return the additions to Chalice's `RestAPI`."""
    return {
        "Resources": {
            "HttpAccessLogGroup": log_group(stage, "access/http"),
            "RestAPI": {
                "Properties": {
                    "Name": api_name(stage),
                    # Any value prevents SAM from creating a second, unthrottled stage named "Stage".
                    "OpenApiVersion": "2.0",
                    "GatewayResponses": gateway_responses(stage.infra.allowed_origins),
                    "MinimumCompressionSize": MINIMUM_COMPRESSION,
                    "MethodSettings": [
                        {
                            "HttpMethod": "*",
                            "ResourcePath": "/*",
                            **limits(stage, stage.infra.http_throttle),
                            **NO_EXECUTION_LOGS,
                        },
                        {
                            "HttpMethod": "GET",
                            # "/" is written as "~1" (CloudFormation, `AWS::ApiGateway::Stage MethodSetting`).
                            "ResourcePath": "/~1openapi.json",
                            **DOCUMENT_THROTTLE,
                            **NO_EXECUTION_LOGS,
                        },
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
    """Return API Gateway's own responses, as in the local gateway, for these origins.

    Their headers are constants. With several allowed origins the header is `*`: without it, a page could not
    distinguish a 401 from a network error. These responses contain nothing confidential and set no cookies.
    """
    responses: Json = json.loads(GATEWAY_RESPONSES.read_text(encoding="utf-8"))
    allowed = origins[0] if len(origins) == 1 else "*"
    for response in responses.values():
        response["ResponseParameters"]["Headers"][ALLOW_ORIGIN] = f"'{allowed}'"
    return responses


def set_title(template: Json, stage: Stage) -> None:
    """Give the definition the name of the API: an import of it may rename the API, and so its metrics."""
    template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["info"]["title"] = api_name(stage)


def restrict_preflight(template: Json, origins: list[str]) -> None:
    """Restrict the CORS preflight responses, which API Gateway generates, to these origins."""
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
    """Return a mapping template that responds with the request's origin if allowed, else with the first one.

    Header names are in lower case over HTTP/2 (API Gateway Developer Guide, "Override your API's request and
    response parameters and status codes").
    """
    matches = " || ".join(f"$origin == '{origin}'" for origin in origins)
    return (
        "#set($origin = $input.params().header.get('Origin'))\n"
        "#if(!$origin)#set($origin = $input.params().header.get('origin'))#end\n"
        f"#if({matches})\n"
        f"#set($context.responseOverride.header.{ALLOW_ORIGIN} = $origin)\n"
        "#end\n"
        "{}"
    )
