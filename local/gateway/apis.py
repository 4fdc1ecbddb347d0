"""What a gateway serves and where: the APIs and their URLs."""

from dataclasses import dataclass

from local.gateway.rest import RestApi
from local.gateway.websocket import WebSocketApi


@dataclass(frozen=True)
class Apis:
    """What the gateway serves; either API may be missing."""

    rest: RestApi | None = None
    websocket: WebSocketApi | None = None


@dataclass(frozen=True)
class Urls:
    """Where it is served; ``management_url`` is the endpoint of boto3's ``apigatewaymanagementapi``."""

    http_url: str
    ws_url: str
    management_url: str
