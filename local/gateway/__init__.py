"""A strict API Gateway in process: the REST API, the WebSocket API and the ``@connections`` management API.

It calls plain Lambda handlers ``handler(event, context)`` in threads, with events in AWS's format, and enforces
the rules of the real service that applications tend to violate (see ``docs/local-gateway.md``). Its quotas and
injected faults are fields of :class:`GatewaySettings`, which can change while it runs.
"""

from local.gateway.apis import Apis, Urls
from local.gateway.from_chalice import rest_api_from_chalice, websocket_api_from_chalice
from local.gateway.gateway_responses import GatewayResponses, load_gateway_responses
from local.gateway.ports import PortInUse
from local.gateway.rest import RestApi, Route, TokenAuthorizer
from local.gateway.runtime import AccessRecord
from local.gateway.server import Gateway
from local.gateway.settings import GatewaySettings
from local.gateway.websocket import RequestAuthorizer, WebSocketApi

__all__ = [
    "AccessRecord",
    "Apis",
    "Gateway",
    "GatewayResponses",
    "GatewaySettings",
    "PortInUse",
    "RequestAuthorizer",
    "RestApi",
    "Route",
    "TokenAuthorizer",
    "Urls",
    "WebSocketApi",
    "load_gateway_responses",
    "rest_api_from_chalice",
    "websocket_api_from_chalice",
]
