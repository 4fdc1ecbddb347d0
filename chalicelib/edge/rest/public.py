"""The routes that need no credential."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import bootstrap
from chalicelib.edge import health, openapi
from chalicelib.edge.http import public
from chalicelib.edge.responses import json_response


@public("/health", {200: "Health", 503: "Health"})
def get_health(_: Request) -> Response:
    """Check the service and its store. Needs no credential."""
    return json_response(*health.check(bootstrap.application()))


@public("/openapi.json", {200: "OpenApi", 304: None})
def get_openapi(request: Request) -> Response:
    """Get the OpenAPI document of this API. Needs no credential."""
    tag, text = openapi.document()
    headers: dict[str, str | list[str]] = {"Cache-Control": "public, max-age=300", "ETag": tag}
    if openapi.matches(request.headers.get("if-none-match", ""), tag):
        return Response(body="", status_code=304, headers=headers)
    return Response(body=text, headers={**headers, "Content-Type": "application/json"})
