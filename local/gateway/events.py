"""The events that functions receive, in API Gateway's formats.

Sources: "Set up a WebSocket API integration request", "Input to an API Gateway Lambda authorizer" and "Input
format of a Lambda function for proxy integration" in the API Gateway developer guide, and captured live events,
which show undocumented details: MESSAGE has no headers, ``requestId`` equals ``extendedRequestId``, and only
CONNECT has ``integrationLatency``.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.gateway.registry import Connection
from local.gateway.settings import GatewaySettings
from local.gateway.wire import Pairs, clf_time, exclude_names, multi_values, single_values

_HOP_BY_HOP = frozenset({"connection", "upgrade"})
_NOT_IN_REST_EVENTS = _HOP_BY_HOP | {"content-length", "transfer-encoding", "keep-alive", "te", "expect"}


@dataclass(frozen=True)
class EventMetadata:
    """The request id and time of an event."""

    request_id: str
    milliseconds: int


@dataclass(frozen=True)
class UpgradeRequest:
    """The forwarded headers and the decoded query of a handshake; ``query`` is None without a query string."""

    headers: Pairs
    query: Pairs | None


def _websocket_context(
    connection: Connection,
    metadata: EventMetadata,
    settings: GatewaySettings,
    event_type: str,
    route_key: str,
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    identity = {"sourceIp": connection.source_ip}
    if connection.user_agent is not None:
        identity["userAgent"] = connection.user_agent
    return {
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": metadata.request_id,
        "requestTime": clf_time(metadata.milliseconds),
        "messageDirection": "IN",
        "stage": settings.stage,
        "connectedAt": connection.connected_at,
        "requestTimeEpoch": metadata.milliseconds,
        "identity": identity,
        "requestId": metadata.request_id,
        "domainName": connection.host,
        "connectionId": connection.connection_id,
        "apiId": settings.websocket_api_id,
        **extra,
    }


def _authorizer(connection: Connection) -> dict[str, Any]:
    return {} if connection.authorizer is None else {"authorizer": dict(connection.authorizer)}


def websocket_authorizer_event(
    connection: Connection, metadata: EventMetadata, settings: GatewaySettings, upgrade: UpgradeRequest, arn: str
) -> dict[str, Any]:
    """Return the event of the REQUEST authorizer on ``$connect``."""
    headers = [
        ("Connection", "upgrade"),
        ("content-length", "0"),
        ("Upgrade", "websocket"),
        *exclude_names(upgrade.headers, _HOP_BY_HOP | {"content-length"}),
    ]
    query = upgrade.query or []
    return {
        "type": "REQUEST",
        "methodArn": arn,
        "headers": single_values(headers),
        "multiValueHeaders": multi_values(headers),
        "queryStringParameters": single_values(query),
        "multiValueQueryStringParameters": multi_values(query),
        "stageVariables": {},
        "requestContext": _websocket_context(connection, metadata, settings, "CONNECT", "$connect", {}),
    }


def connect_event(
    connection: Connection, metadata: EventMetadata, settings: GatewaySettings, upgrade: UpgradeRequest
) -> dict[str, Any]:
    """Return the event of the ``$connect`` function."""
    headers = exclude_names(upgrade.headers, _HOP_BY_HOP)
    authorizer = _authorizer(connection)
    if authorizer:
        authorizer["authorizer"]["integrationLatency"] = connection.integration_latency
    event: dict[str, Any] = {"headers": single_values(headers), "multiValueHeaders": multi_values(headers)}
    if upgrade.query is not None:
        event["queryStringParameters"] = single_values(upgrade.query)
        event["multiValueQueryStringParameters"] = multi_values(upgrade.query)
    event["requestContext"] = _websocket_context(connection, metadata, settings, "CONNECT", "$connect", authorizer)
    event["isBase64Encoded"] = False
    return event


def message_event(
    connection: Connection,
    metadata: EventMetadata,
    settings: GatewaySettings,
    *,
    route_key: str,
    message_id: str,
    body: str,
) -> dict[str, Any]:
    """Return the event of a message route's function."""
    extra = {"messageId": message_id, **_authorizer(connection)}
    return {
        "requestContext": _websocket_context(connection, metadata, settings, "MESSAGE", route_key, extra),
        "body": body,
        "isBase64Encoded": False,
    }


def disconnect_event(
    connection: Connection, metadata: EventMetadata, settings: GatewaySettings, *, code: int, reason: str
) -> dict[str, Any]:
    """Return the event of the ``$disconnect`` function."""
    headers = [("Host", connection.host), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")]
    extra = {"disconnectStatusCode": code, "disconnectReason": reason, **_authorizer(connection)}
    return {
        "headers": single_values(headers),
        "multiValueHeaders": multi_values(headers),
        "requestContext": _websocket_context(connection, metadata, settings, "DISCONNECT", "$disconnect", extra),
        "isBase64Encoded": False,
    }


@dataclass(frozen=True)
class RestRequest:
    """A request to the REST API; ``path`` and its parameters are percent-encoded."""

    method: str
    path: str
    query: Pairs
    headers: Pairs
    source_ip: str
    host: str
    body: bytes


def rest_event(
    request: RestRequest,
    metadata: EventMetadata,
    settings: GatewaySettings,
    *,
    resource: str,
    path_parameters: Mapping[str, str],
    extended_request_id: str,
    authorizer: Mapping[str, Any] | None,
    binary: bool,
) -> dict[str, Any]:
    """Return the proxy event of the REST API's function (payload format 1.0)."""
    headers = exclude_names(request.headers, _NOT_IN_REST_EVENTS)
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": single_values(headers),
        "multiValueHeaders": multi_values(headers),
        "queryStringParameters": single_values(request.query) or None,
        "multiValueQueryStringParameters": multi_values(request.query) or None,
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "".join(char for char in resource if char.isalnum())[:6] or "root",
            "resourcePath": resource,
            "httpMethod": request.method,
            "extendedRequestId": extended_request_id,
            "requestTime": clf_time(metadata.milliseconds),
            "path": f"/{settings.stage}{request.path}",
            "accountId": settings.account_id,
            "protocol": "HTTP/1.1",
            "stage": settings.stage,
            "domainPrefix": request.host.split(".")[0].split(":")[0],
            "requestTimeEpoch": metadata.milliseconds,
            "requestId": metadata.request_id,
            "identity": _rest_identity(request),
            "domainName": request.host,
            "apiId": settings.rest_api_id,
            **({} if authorizer is None else {"authorizer": dict(authorizer)}),
        },
        "body": _rest_body(request.body, binary),
        "isBase64Encoded": binary and bool(request.body),
    }


def _rest_identity(request: RestRequest) -> dict[str, str | None]:
    """Return the caller's identity, for an API without IAM, Cognito and API keys."""
    unknown = (
        "cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "principalOrgId", "accessKey",
        "cognitoAuthenticationType", "cognitoAuthenticationProvider", "userArn", "user",
    )  # fmt: skip
    agents = [value for name, value in request.headers if name.lower() == "user-agent"]
    return {**dict.fromkeys(unknown), "sourceIp": request.source_ip, "userAgent": agents[-1] if agents else None}


def _rest_body(body: bytes, binary: bool) -> str | None:
    if not body:
        return None
    return base64.b64encode(body).decode("ascii") if binary else body.decode("utf-8", "replace")


def token_authorizer_event(arn: str, token: str) -> dict[str, Any]:
    """Return the event of the REST API's TOKEN authorizer."""
    return {"type": "TOKEN", "methodArn": arn, "authorizationToken": token}
