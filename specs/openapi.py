"""The OpenAPI 3.1 document of HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.kernel import errors
from chalicelib.edge.routes import Route
from specs import definitions, examples, glossary, said_by_clients
from specs.errors import SpecsError
from specs.rules import Json, not_null

SCHEMAS = "#/components/schemas/"
_PARAMETER = re.compile(r"\{(\w+)\}")

PATHS: Mapping[str, Json] = {
    "conversation_id": {"schema": {"type": "string"}, "example": glossary.CONVERSATION_ID},
    "sequence_id": {"schema": {"type": "string", "pattern": "^[1-9][0-9]{0,15}$"}, "example": "2"},
    "invite": {"schema": {"type": "string"}, "example": glossary.INVITE},
}
"""What stands in paths: ids that we mint. One that is none of ours is answered like one that is not there."""

DESCRIPTION = """\
Conversations of several people, each one a log of events without holes. The socket, which pushes those events,
is in the AsyncAPI document; docs/protocol.md is the guide to both. Requests with fields or parameters that are not
listed here are refused. Answers may get new fields: ignore those you do not know.

Limits are the defaults; `welcome` on the socket tells those in force."""


def document(version: str) -> Json:
    """The whole document, for this version of the product. Raises SpecsError."""
    routes = definitions.routes()
    paths: dict[str, Json] = {}
    responses: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, routes, responses)
    used = [each for route in routes for each in _objects(route)]
    schemas = definitions.needed([*used, "ErrorResponse"])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Serverless chat: HTTP", "version": version, "description": DESCRIPTION},
        # Relative to where the document is: the stage that serves it.
        "servers": [{"url": ".", "description": "where this document is served"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "`sub` is the participant id, `name` what others see, `exp` is required.",
                }
            },
            "responses": dict(sorted(responses.items())),
            "schemas": definitions.moved(schemas, SCHEMAS),
        },
    }


def _operation(route: Route, routes: Iterable[Route], responses: dict[str, Json]) -> Json:
    name = route.view.__name__
    summary = " ".join((route.view.__doc__ or "").split())
    if not summary:
        raise SpecsError(f"the view {name} in edge/rest.py says nothing of what it does")
    operation: Json = {"operationId": name, "tags": [_tag(route)], "summary": summary}
    if parameters := [*_in_path(route), *_in_query(route)]:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _request_body(route.body)
    operation["responses"] = {
        **{str(status): _answered(route, status, routes) for status in route.responses},
        **{str(status): _refused(kinds, responses) for status, kinds in _refusals(route).items()},
    }
    if route.public:
        operation["security"] = []
    return operation


def _tag(route: Route) -> str:
    """What it is about: the last collection in its path."""
    collections = [each for each in route.path.split("/") if each.endswith("s") and "{" not in each]
    return collections[-1] if collections else "service"


# ---- what is asked -------------------------------------------------------------------------------------


def _in_path(route: Route) -> Iterable[Json]:
    for name in _PARAMETER.findall(route.path):
        if name not in PATHS:
            raise SpecsError(f"nobody knows what {{{name}}} in {route.path} is: say it in specs/openapi.py")
        meaning = glossary.word(route.view.__name__, name).meaning
        yield {"name": name, "in": "path", "required": True, "description": meaning, **PATHS[name]}


def _in_query(route: Route) -> Iterable[Json]:
    schema = said_by_clients.schema(route.query)
    for name, each in schema.get("properties", {}).items():
        described = glossary.described(route.query.__name__, name, not_null(each))
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": described.pop("description"),
            "schema": described,
        }


def _request_body(model: type[Any]) -> Json:
    name = model.__name__
    return {
        "required": any(field.is_required() for field in model.model_fields.values()),
        "content": {"application/json": {"schema": {"$ref": SCHEMAS + name}}},
    }


# ---- what is answered ----------------------------------------------------------------------------------


def _answered(route: Route, status: int, routes: Iterable[Route]) -> Json:
    name = route.responses[status]
    usual = next(iter(route.responses)) == status
    described = "Done." if name is None else str(definitions.definitions()[name]["description"])
    if name is None and status == 304:
        described = "The client has it already."
    answer: Json = {"description": described if usual or status >= 300 else f"{described} (The same, again.)"}
    if name is None:
        return answer
    answer["content"] = {"application/json": {"schema": {"$ref": SCHEMAS + name}}}
    if status < 300 and (links := dict(_links(route, name, routes))):
        answer["links"] = links
    return answer


def _links(route: Route, answer: str, routes: Iterable[Route]) -> Iterable[tuple[str, Json]]:
    """To every operation whose path can be made of what is answered here and what was asked."""
    given = set(definitions.definitions()[answer].get("required", ()))
    asked = set(_PARAMETER.findall(route.path))
    for other in routes:
        names = set(_PARAMETER.findall(other.path))
        if other is route or not names & given or not names <= given | asked:
            continue
        found = {
            name: f"$response.body#/{name}" if name in given else f"$request.path.{name}" for name in sorted(names)
        }
        yield other.view.__name__, {"operationId": other.view.__name__, "parameters": found}


def _refusals(route: Route) -> dict[int, list[type[errors.ChatError]]]:
    """The errors by status: those of the route, and those that any route of its kind can answer."""
    kinds: list[type[errors.ChatError]] = [errors.RateLimited, errors.Internal, errors.Unavailable, *route.errors]
    if not route.public:
        kinds += [errors.ValidationFailed, errors.Unauthorized]
    if route.body is not None:
        kinds += [errors.InvalidJson, errors.TooLarge]
    if "{" in route.path:
        kinds += [errors.NotFound, errors.ConversationBusy]
    by_status: dict[int, list[type[errors.ChatError]]] = {}
    for kind in glossary.codes().values():
        if kind in kinds and kind.status not in route.responses:
            by_status.setdefault(kind.status, []).append(kind)
    # API Gateway's own, when a function does not come to an end.
    by_status[504] = [errors.Unavailable]
    return by_status


def _refused(kinds: list[type[errors.ChatError]], responses: dict[str, Json]) -> Json:
    codes = [kind.code for kind in kinds]
    name = "-".join(codes)
    narrowed = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    response: Json = {
        "description": " ".join(f"`{kind.code}`: {' '.join((kind.__doc__ or '').split())}" for kind in kinds),
        "content": {
            "application/json": {
                "schema": {"allOf": [{"$ref": SCHEMAS + "ErrorResponse"}, narrowed]},
                "examples": {kind.code: {"value": _example(kind)} for kind in kinds},
            }
        },
    }
    if any(map(_says_when, kinds)):
        response["headers"] = {
            "Retry-After": {"description": "In how many seconds to try again.", "schema": {"type": "integer"}}
        }
    responses[name] = response
    return {"$ref": f"#/components/responses/{name}"}


def _says_when(kind: type[errors.ChatError]) -> bool:
    return kind.retryable or kind is errors.Muted


def _example(kind: type[errors.ChatError]) -> Json:
    problem: list[errors.Problem] = [examples.example("Problem", definitions.definitions())]
    error = kind(
        details=problem if kind is errors.ValidationFailed else None,
        retry_after=1 if _says_when(kind) else None,
    )
    return {"error": error.body(), "request_id": glossary.word("ErrorResponse", "request_id").example}


def _objects(route: Route) -> Iterable[str]:
    yield from (name for name in route.responses.values() if name is not None)
    if route.body is not None:
        yield route.body.__name__
