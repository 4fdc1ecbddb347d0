"""Responses to unknown paths, and to methods that a known path does not have.

Without a method that matches, API Gateway reads the `Authorization` header as an AWS signature, and rejects a
bearer token as an incomplete one. So mock integrations answer: `{proxy+}` requests to unknown paths, and the ANY
method of each path those with another method. A request is matched by path and method together, and
otherwise by a less specific resource (measured on AWS: ministackorg/ministack#1423).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from infra.template.http_api import ALLOW_ORIGIN
from infra.template.names import Json

MOCK_RESPONSES = Path(__file__).parents[1] / "mock_responses.json"
ANY_METHOD = "x-amazon-apigateway-any-method"
UNKNOWN_PATHS = ("/", "/{proxy+}")
"""A greedy path does not match the root."""
# A mock integration needs a template for the content type of the request; the others are answered with the gateway
# response UNSUPPORTED_MEDIA_TYPE.
_CONTENT_TYPES = (
    "application/json",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
)


def answer(template: Json, origins: list[str]) -> None:
    """Add the mock integrations to the HTTP API; pages of `origins` can read the responses."""
    paths: Json = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    definitions = json.loads(MOCK_RESPONSES.read_text(encoding="utf-8"))
    allowed_origin = origins[0] if len(origins) == 1 else "*"
    for definition in definitions.values():
        definition["Headers"][ALLOW_ORIGIN] = allowed_origin
    for methods in paths.values():
        methods[ANY_METHOD] = _mock(definitions["METHOD_NOT_ALLOWED"], {"Allow": allow(methods)})
    for path in UNKNOWN_PATHS:
        paths.setdefault(path, {ANY_METHOD: _mock(definitions["NOT_FOUND"], {})})


def allow(methods: Iterable[str]) -> str:
    """Return the value of an `Allow` header for the methods of a path."""
    return ", ".join(sorted(method.upper() for method in methods if method != ANY_METHOD))


def _mock(definition: Json, headers: dict[str, str]) -> Json:
    status = str(definition["StatusCode"])
    values = {**definition["Headers"], **headers}
    response = {
        "statusCode": status,
        "responseParameters": {f"method.response.header.{name}": f"'{value}'" for name, value in values.items()},
        "responseTemplates": {"application/json": definition["Body"]},
    }
    return {
        "produces": ["application/json"],
        "responses": {
            status: {"description": "", "headers": {name: {"type": "string"} for name in values}},
        },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": dict.fromkeys(_CONTENT_TYPES, json.dumps({"statusCode": int(status)})),
            "passthroughBehavior": "never",
            "contentHandling": "CONVERT_TO_TEXT",
            "responses": {"default": response},
        },
    }
