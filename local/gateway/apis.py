"""The APIs of a gateway and their URLs."""

from dataclasses import dataclass

from local.gateway.rest import RestApi
from local.gateway.websocket import WebSocketApi


@dataclass(frozen=True)
class Apis:
    """The APIs that a gateway serves; either may be missing."""

    rest: RestApi | None = None
    websocket: WebSocketApi | None = None


@dataclass(frozen=True)
class Urls:
    """The URLs of the APIs; ``management_url`` is the endpoint of boto3's ``apigatewaymanagementapi``."""

    http_url: str
    ws_url: str
    management_url: str
