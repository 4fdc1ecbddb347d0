"""The OpenAPI 3.1 document of HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.kernel import errors
from chalicelib.edge.routes import Route
from specs import definitions, webhooks
from specs.error_codes import codes
from specs.errors import SpecsError
from specs.parameters import HEADERS, names_in_path, parameters_of
from specs.schemas import Json

SCHEMAS = "#/components/schemas/"
_SECURITY: Mapping[str, list[Json]] = {
    "participants": [{"token": []}, {"service": []}],
    "services": [{"service": []}],
    "anyone": [],
}

DESCRIPTION = """\
Conversations of several participants, each one a log of events without gaps. The WebSocket, which pushes those
events, is described in the AsyncAPI document; docs/protocol.md is the guide to both. Requests with unknown fields
or parameters are rejected. New fields may be added to responses: ignore unknown ones.

The limits are the defaults. `welcome` on the WebSocket has those of the deployment."""


def document(version: str) -> Json:
    """Return the document for this version of the product. Raises SpecsError."""
    routes = definitions.routes()
    paths: dict[str, Json] = {}
    responses: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, routes, responses)
    used = [name for route in routes for name in _objects(route)]
    schemas = definitions.needed([*used, "ErrorResponse", *webhooks.names()])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Serverless chat: HTTP", "version": version, "description": DESCRIPTION},
        # Relative to the document, which each stage serves.
        "servers": [{"url": ".", "description": "The stage that serves this document."}],
        "security": _SECURITY["participants"],
        "paths": paths,
        "webhooks": webhooks.webhooks(SCHEMAS),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "`sub` is the participant id, `name` the display name; `exp` is required.",
                },
                "service": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "OAuth 2.0 client credentials of a service, with the scope of services.",
                },
            },
            "parameters": HEADERS,
            "responses": dict(sorted(responses.items())),
            "schemas": definitions.moved(schemas, SCHEMAS),
        },
    }


def _operation(route: Route, routes: Iterable[Route], responses: dict[str, Json]) -> Json:
    name = route.view.__name__
    summary = " ".join((route.view.__doc__ or "").split())
    if not summary:
        raise SpecsError(f"the view {name} in edge/rest/ has no docstring")
    operation: Json = {"operationId": name, "tags": [_tag(route)], "summary": summary}
    if parameters := parameters_of(route):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _request_body(route.body)
    operation["responses"] = {
        **{str(status): _success(route, status, routes) for status in route.responses},
        **{str(status): _failure(kinds, responses) for status, kinds in _errors(route).items()},
    }
    if route.callers != "participants":
        operation["security"] = _SECURITY[route.callers]
    return operation


def _tag(route: Route) -> str:
    """Return the last collection in the path."""
    collections = [step for step in route.path.split("/") if step.endswith("s") and "{" not in step]
    if route.path == "/direct":
        return "conversations"
    return collections[-1] if collections else "service"


# ---- requests ------------------------------------------------------------------------------------------


def _request_body(model: type[Any]) -> Json:
    name = model.__name__
    return {
        "required": any(field.is_required() for field in model.model_fields.values()),
        "content": {"application/json": {"schema": {"$ref": SCHEMAS + name}}},
    }


# ---- responses -----------------------------------------------------------------------------------------


def _success(route: Route, status: int, routes: Iterable[Route]) -> Json:
    name = route.responses[status]
    is_usual = next(iter(route.responses)) == status
    description = "Done." if name is None else str(definitions.definitions()[name]["description"])
    if name is None and status == 304:
        description = "The client's copy is up to date."
    response: Json = {"description": description if is_usual or status >= 300 else f"{description} (A repeat.)"}
    if not route.public:
        response["headers"] = {
            "Chat-History-Id": {
                "description": "The history of the sequence ids.",
                "schema": {"type": "string"},
            }
        }
    if name is None:
        return response
    response["content"] = {"application/json": {"schema": {"$ref": SCHEMAS + name}}}
    if status < 300 and (links := dict(_links(route, name, routes))):
        response["links"] = links
    return response


def _links(route: Route, response: str, routes: Iterable[Route]) -> Iterable[tuple[str, Json]]:
    """Yield a link to every operation whose path parameters are in the response or in the request's path."""
    given = set(definitions.definitions()[response].get("required", ()))
    asked = names_in_path(route)
    for other in routes:
        names = names_in_path(other)
        if other is route or not names & given or not names <= given | asked:
            continue
        found = {
            name: f"$response.body#/{name}" if name in given else f"$request.path.{name}" for name in sorted(names)
        }
        yield other.view.__name__, {"operationId": other.view.__name__, "parameters": found}


def _errors(route: Route) -> dict[int, list[type[errors.ChatError]]]:
    """Return the errors by status: those of the route, and those of all routes of its kind."""
    kinds: list[type[errors.ChatError]] = [errors.RateLimited, errors.Internal, errors.Unavailable, *route.errors]
    if not route.public:
        kinds += [errors.ValidationFailed, errors.Unauthorized, errors.Forbidden, errors.Suspended]
    if route.body is not None:
        kinds += [errors.InvalidJson, errors.TooLarge]
    if "{" in route.path:
        kinds += [errors.NotFound, errors.ConversationBusy]
    by_status: dict[int, list[type[errors.ChatError]]] = {}
    for kind in codes().values():
        if kind in kinds and kind.status not in route.responses:
            by_status.setdefault(kind.status, []).append(kind)
    # API Gateway answers with it if the function times out.
    by_status[504] = [errors.Unavailable]
    return by_status


def _failure(kinds: list[type[errors.ChatError]], responses: dict[str, Json]) -> Json:
    possible = [kind.code for kind in kinds]
    name = "-".join(possible)
    narrowed = {"properties": {"error": {"properties": {"code": {"enum": possible}}}}}
    response: Json = {
        "description": " ".join(f"`{kind.code}`: {' '.join((kind.__doc__ or '').split())}" for kind in kinds),
        "content": {
            "application/json": {
                "schema": {"allOf": [{"$ref": SCHEMAS + "ErrorResponse"}, narrowed]},
                "examples": {kind.code: {"value": _example(kind)} for kind in kinds},
            }
        },
    }
    if any(map(_has_retry_after, kinds)):
        response["headers"] = {
            "Retry-After": {"description": "After how many seconds to retry.", "schema": {"type": "integer"}}
        }
    responses[name] = response
    return {"$ref": f"#/components/responses/{name}"}


def _has_retry_after(kind: type[errors.ChatError]) -> bool:
    return kind.retryable or kind is errors.Muted


def _example(kind: type[errors.ChatError]) -> Json:
    (problem,) = definitions.definitions()["Problem"]["examples"]
    error = kind(
        details=[problem] if kind is errors.ValidationFailed else None,
        retry_after=1 if _has_retry_after(kind) else None,
    )
    request_id = definitions.definitions()["ErrorResponse"]["examples"][0]["request_id"]
    return {"error": error.body(), "request_id": request_id}


def _objects(route: Route) -> Iterable[str]:
    yield from (name for name in route.responses.values() if name is not None)
    if route.body is not None:
        yield route.body.__name__
