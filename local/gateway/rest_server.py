"""The REST API: from an HTTP request to a function's event and back.

The order of checks is API Gateway's: route, throttle, authorizer, body, function. Every rejection is one of the
configured gateway responses, so that clients receive one error format.
"""

import base64
import binascii
import logging
from dataclasses import replace
from typing import Any

from aiohttp import web

from local.gateway.authorizers import AuthorizerMisconfigured, AuthorizerUnavailable, Unauthorized
from local.gateway.events import EventMetadata, RestRequest, rest_event
from local.gateway.functions import (
    FunctionFailed,
    FunctionThrottled,
    GatewayOverloaded,
    IntegrationTimedOut,
    PayloadTooLarge,
    check_event_size,
)
from local.gateway.mock_responses import ANY, METHODS
from local.gateway.proxy import MalformedResult, ProxyResult, parse_result
from local.gateway.rest import Match, ResourceTree, RestApi, Route
from local.gateway.runtime import Runtime
from local.gateway.token_authorization import TokenAuthorization
from local.gateway.wire import Pairs, add_forwarding_headers, find_header, parse_query

log = logging.getLogger(__name__)


class RequestRejected(Exception):
    """API Gateway itself responds, with the gateway response ``kind``."""

    def __init__(self, kind: str, *, status: int | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status = status


class RestServer:
    """Serves one REST API."""

    def __init__(self, api: RestApi, runtime: Runtime) -> None:
        self._api = api
        self._runtime = runtime
        self._routes: dict[tuple[str, str], Route] = {
            (route.resource, route.method): route for route in api.routes
        }
        resources = [route.resource for route in api.routes] + [resource for resource, _ in api.mocks]
        self._tree = ResourceTree([*resources, *api.preflights])
        self._authorization = TokenAuthorization(runtime)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Respond to one request."""
        runtime = self._runtime
        request_id = runtime.ids.long()
        try:
            response = await self._process(request, EventMetadata(request_id, runtime.milliseconds()))
        except (RequestRejected, GatewayOverloaded) as exc:
            refusal = exc if isinstance(exc, RequestRejected) else RequestRejected("THROTTLED")
            runtime.counters[f"rest.{refusal.kind}"] += 1
            rendered = self._api.responses.render(refusal.kind, request_id, status=refusal.status)
            response = web.Response(status=rendered.status, headers=rendered.headers, body=rendered.body)
        response.headers["x-amzn-RequestId"] = request_id
        return response

    async def _process(self, request: web.BaseRequest, metadata: EventMetadata) -> web.Response:
        runtime = self._runtime
        runtime.counters["rest.requests"] += 1
        path, _, query = request.raw_path.partition("?")
        match = self._tree.match(path, lambda resource: self._serves(resource, request.method))
        if match is None:
            # API Gateway expects a signature if no method matches, and a bearer token is an incomplete one.
            is_signed = "Authorization" in request.headers
            raise RequestRejected("INVALID_SIGNATURE" if is_signed else "MISSING_AUTHENTICATION_TOKEN")
        if not runtime.requests.try_acquire():
            raise RequestRejected("THROTTLED")
        route = self._routes.get((match.resource, request.method))
        if route is None:
            return self._respond_without_function(match.resource, request.method, metadata.request_id)
        incoming = self._read_head(request, path, query)
        authorizer = await self._authorize(route, incoming)
        body = await _read_body(request, runtime.settings.max_request_bytes)
        return await self._integrate(match, replace(incoming, body=body), metadata, authorizer)

    def _serves(self, resource: str, method: str) -> bool:
        return (
            (resource, method) in self._routes
            or (method == "OPTIONS" and resource in self._api.preflights)
            or (method in METHODS and (resource, ANY) in self._api.mocks)
        )

    def _respond_without_function(self, resource: str, method: str, request_id: str) -> web.Response:
        """Return a preflight response, or that of a mock."""
        headers = self._api.preflights.get(resource) if method == "OPTIONS" else None
        if headers is not None:
            return web.Response(headers={"Content-Type": "application/json", **headers})
        mock = self._api.mocks[resource, ANY]
        headers = {"Content-Type": "application/json", **mock.headers}
        return web.Response(status=mock.status, headers=headers, body=mock.render(request_id))

    def _read_head(self, request: web.BaseRequest, path: str, query: str) -> RestRequest:
        runtime = self._runtime
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
        if sum(len(name) + len(value) for name, value in raw) > runtime.settings.max_header_bytes:
            raise RequestRejected("REQUEST_TOO_LARGE")
        source_ip, port = _addresses(request)
        trace = runtime.ids.trace(runtime.clock.time())
        headers = add_forwarding_headers(raw, trace=trace, source_ip=source_ip, port=port)
        host = find_header(raw, "Host") or ""
        return RestRequest(request.method, path, parse_query(query), headers, source_ip, host, b"")

    async def _authorize(self, route: Route, request: RestRequest) -> dict[str, Any] | None:
        if route.authorizer is None:
            return None
        token = find_header(request.headers, route.authorizer.header)
        if not token:
            raise RequestRejected("UNAUTHORIZED")
        try:
            allowed, context = await self._authorization.check(
                route.authorizer, token, request.method, request.path
            )
        except Unauthorized:
            raise RequestRejected("UNAUTHORIZED") from None
        except AuthorizerMisconfigured:
            raise RequestRejected("AUTHORIZER_CONFIGURATION_ERROR") from None
        except AuthorizerUnavailable:
            raise RequestRejected("AUTHORIZER_FAILURE") from None
        if not allowed:
            raise RequestRejected("ACCESS_DENIED")
        return context

    async def _integrate(
        self, match: Match, request: RestRequest, metadata: EventMetadata, authorizer: dict[str, Any] | None
    ) -> web.Response:
        runtime, settings = self._runtime, self._runtime.settings
        event = rest_event(
            request,
            metadata,
            settings,
            resource=match.resource,
            path_parameters=match.parameters,
            extended_request_id=runtime.ids.short(),
            authorizer=authorizer,
            binary=self._is_binary(find_header(request.headers, "Content-Type")),
        )
        try:
            check_event_size(len(request.body), event, settings.max_payload_bytes)
            client = find_header(request.headers, "Authorization") or ""
            result = await runtime.functions.invoke(
                self._api.function_name, self._api.handler, event, client=client
            )
            return self._respond(parse_result(result), request.headers)
        except PayloadTooLarge:
            raise RequestRejected("REQUEST_TOO_LARGE") from None
        except FunctionThrottled:
            raise RequestRejected("DEFAULT_5XX", status=500) from None
        except IntegrationTimedOut:
            raise RequestRejected("INTEGRATION_TIMEOUT") from None
        except FunctionFailed:
            raise RequestRejected("DEFAULT_5XX", status=502) from None
        except MalformedResult as exc:
            log.error("function %s: malformed proxy response: %s", self._api.function_name, exc)
            raise RequestRejected("DEFAULT_5XX", status=502) from None

    def _respond(self, result: ProxyResult, request_headers: Pairs) -> web.Response:
        body = result.body.encode("utf-8")
        if result.is_base64 and self._is_binary(find_header(request_headers, "Accept")):
            try:
                body = base64.b64decode(body, validate=True)
            except binascii.Error:
                raise MalformedResult("body is not base64 although isBase64Encoded is true") from None
        response = web.Response(status=result.status, body=body)
        for name, value in result.client_headers():
            response.headers.add(name, value)
        if result.header("Content-Type") is None:
            response.headers["Content-Type"] = "application/json"
        return response

    def _is_binary(self, media_types: str | None) -> bool:
        """Return whether the first media type of a header is one of the API's binary types."""
        first = (media_types or "").split(",")[0].split(";")[0].strip().lower()
        return first in self._api.binary_types or "*/*" in self._api.binary_types


async def _read_body(request: web.BaseRequest, limit: int) -> bytes:
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if (request.content_length or 0) > limit:
        raise RequestRejected("REQUEST_TOO_LARGE")
    body = await read_up_to(request, limit)
    if body is None:
        raise RequestRejected("REQUEST_TOO_LARGE")
    return body


async def read_up_to(request: web.BaseRequest, limit: int) -> bytes | None:
    """Return the whole body, or None if it exceeds ``limit`` bytes."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _addresses(request: web.BaseRequest) -> tuple[str, int]:
    """Return the client's address and the local port."""
    sockname = request.transport.get_extra_info("sockname") if request.transport else None
    return request.remote or "", sockname[1] if sockname else 0
