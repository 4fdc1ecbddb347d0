"""APIs made from a ``chalice.Chalice`` object: those that ``chalice package`` would deploy, in this process.

Chalice stores the current request on the app, because Lambda handles one at a time. Here requests run in threads,
so two things are made thread-safe without changing the app's code: ``current_request`` and ``lambda_context``
become thread-local (as in ``chalice local``), and the middleware chains of the socket handlers, which Chalice
builds lazily from a generator, are built in advance.
"""

import threading
from collections.abc import Mapping
from typing import Any

from chalice.app import Chalice, ChaliceAuthorizer, EventSourceHandler, RouteEntry

from local.gateway.functions import Handler
from local.gateway.gateway_responses import GatewayResponses, load_gateway_responses
from local.gateway.mock_responses import mocks_of
from local.gateway.rest import RestApi, Route, TokenAuthorizer
from local.gateway.websocket import RequestAuthorizer, WebSocketApi

_DEFAULT_TTL = 300.0


def rest_api_from_chalice(app: Chalice, responses: GatewayResponses | None = None) -> RestApi:
    """Return the REST API of an app: its routes, authorizers, CORS and binary types.

    Raises:
        ValueError: A route uses an unsupported feature (API keys, IAM or Cognito authorizers).
    """
    _make_thread_safe(app)
    entries = [entry for methods in app.routes.values() for entry in methods.values()]
    preflights = _preflights(app)
    return RestApi(
        handler=app,
        routes=tuple(_route(entry) for entry in entries),
        responses=responses or load_gateway_responses(),
        preflights=preflights,
        mocks=mocks_of(
            {
                resource: {*methods, "OPTIONS"} if resource in preflights else {*methods}
                for resource, methods in app.routes.items()
            }
        ),
        binary_types=tuple(media_type.lower() for media_type in app.api.binary_types),
    )


def websocket_api_from_chalice(
    app: Chalice,
    *,
    authorizer: RequestAuthorizer | None = None,
    routes: Mapping[str, Handler] | None = None,
) -> WebSocketApi:
    """Return the WebSocket API of an app: its three handlers, and what Chalice cannot declare."""
    _make_thread_safe(app)
    configs = app.websocket_handlers
    handlers = {key: app.handler_map[config.name] for key, config in configs.items()}
    return WebSocketApi(
        connect=handlers.get("$connect"),
        default=handlers.get("$default"),
        disconnect=handlers.get("$disconnect"),
        routes=routes or {},
        authorizer=authorizer,
    )


def _route(entry: RouteEntry) -> Route:
    if entry.api_key_required:
        raise ValueError(f"{entry.method} {entry.uri_pattern} requires an API key, which is not emulated")
    return Route(entry.uri_pattern, entry.method, _authorizer(entry))


def _authorizer(entry: RouteEntry) -> TokenAuthorizer | None:
    authorizer: object = entry.authorizer
    if authorizer is None:
        return None
    if not isinstance(authorizer, ChaliceAuthorizer):
        kind = type(authorizer).__name__
        raise ValueError(f"{entry.method} {entry.uri_pattern} uses {kind}, which is not emulated")
    config = authorizer.config
    ttl = _DEFAULT_TTL if config.ttl_seconds is None else float(config.ttl_seconds)
    return TokenAuthorizer(authorizer.name, authorizer, config.header or "Authorization", ttl)


def _preflights(app: Chalice) -> dict[str, dict[str, str]]:
    """Return the mock responses to ``OPTIONS`` that Chalice adds to the API's definition."""
    preflights = {}
    for resource, methods in app.routes.items():
        with_cors = [(method, entry.cors) for method, entry in methods.items() if entry.cors is not None]
        if with_cors and "OPTIONS" not in methods:
            allowed = ",".join([*(method for method, _ in with_cors), "OPTIONS"])
            headers = with_cors[-1][1].get_access_control_headers()
            preflights[resource] = {"Access-Control-Allow-Methods": allowed, **headers}
    return preflights


class _ThreadLocalState:
    """Replaces Chalice's instance attributes with thread-local ones."""

    _values = threading.local()

    @property
    def current_request(self) -> Any:
        return getattr(self._values, "current_request", None)

    @current_request.setter
    def current_request(self, request: Any) -> None:
        self._values.current_request = request

    @property
    def lambda_context(self) -> Any:
        return getattr(self._values, "lambda_context", None)

    @lambda_context.setter
    def lambda_context(self, context: Any) -> None:
        self._values.lambda_context = context


def _make_thread_safe(app: Chalice) -> None:
    if not isinstance(app, _ThreadLocalState):
        kind = type(app)
        app.__class__ = type(kind.__name__, (_ThreadLocalState, kind), {"_values": threading.local()})
    for handler in app.handler_map.values():
        if isinstance(handler, EventSourceHandler) and handler.handler is None:
            handler.handler = handler._build_middleware_handlers(
                handler.middleware_handlers, original_handler=handler.func
            )
