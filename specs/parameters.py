"""The parameters of requests in the OpenAPI document: in paths, in queries and in headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from chalicelib.core.protocol import idempotency
from chalicelib.edge.participant_headers import ENCODED, NAME, PARTICIPANT
from chalicelib.edge.routes import Route
from specs.errors import SpecsError
from specs.schemas import Json, schema, without_null

_PARAMETER = re.compile(r"\{(\w+)\}")

PATH_PARAMETERS: Mapping[str, Json] = {
    "conversation_id": {
        "description": "The id of the conversation.",
        "schema": {"type": "string"},
        "example": "conv_Zm9vYmFyYmF6cXV4cXV1eA",
    },
    "sequence_id": {
        "description": "The `sequence_id` of the message.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,15}$"},
        "example": "2",
    },
    "endpoint_id": {
        "description": "The id of the endpoint.",
        "schema": {"type": "string"},
        "example": "ep_c29tZXRoaW5nMTIzNDU2Nw",
    },
    "report": {
        "description": "The `report_id` of the report.",
        "schema": {"type": "string"},
        "example": "rpt_a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7-0000000000000002-4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",
    },
    "invite": {
        "description": "The secret of the invite, or its `invite_id`.",
        "schema": {"type": "string"},
        "example": "inv_bGV0cyBlbnRlciBhbGwgb2Z",
    },
}
"""The parameters in paths. An id of another form is answered like one that does not exist."""

HEADERS: Mapping[str, Json] = {
    PARTICIPANT: {
        "name": PARTICIPANT,
        "in": "header",
        "description": "The participant for whom a service acts, percent-encoded. It is for services only.",
        "schema": {"type": "string", "pattern": ENCODED},
        "example": "auth0%7Calice",
    },
    NAME: {
        "name": NAME,
        "in": "header",
        "description": "The display name of that participant, percent-encoded.",
        "schema": {"type": "string", "pattern": ENCODED},
        "example": "Alice%20B.",
    },
}
"""The headers of a service."""


def names_in_path(route: Route) -> set[str]:
    """Return the names of the parameters in the path of a route."""
    return set(_PARAMETER.findall(route.path))


def parameters_of(route: Route) -> list[Json]:
    """Return the parameters of a route. Raises SpecsError if one in the path is not described."""
    return [*_in_path(route), *_in_query(route), *_in_headers(route)]


def _in_path(route: Route) -> Iterable[Json]:
    for name in _PARAMETER.findall(route.path):
        if name not in PATH_PARAMETERS:
            raise SpecsError(f"{{{name}}} in {route.path} has no description: add it to specs/parameters.py")
        yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]}


def _in_query(route: Route) -> Iterable[Json]:
    query = schema(route.query)
    for name, field in query.get("properties", {}).items():
        kept = {key: value for key, value in without_null(field).items() if key not in ("description", "examples")}
        yield {
            "name": name,
            "in": "query",
            "required": name in query.get("required", ()),
            "description": field["description"],
            "schema": kept,
        }


def _in_headers(route: Route) -> Iterable[Json]:
    if route.idempotent:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "description": "A string that identifies the request for 24 hours: a repeat gets the answer of the"
            " first one, also if both are made at once.",
            "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.MAX_LENGTH},
            "example": '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
        }
    if route.callers == "participants":
        yield from ({"$ref": f"#/components/parameters/{name}"} for name in HEADERS)
